"""The API, generated from proto/ by `make generate`."""
