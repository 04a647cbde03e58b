"""A real Kubernetes of one node, on this machine: for `make cluster-test`."""
