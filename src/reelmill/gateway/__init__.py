"""The REST form of the gRPC API, built from its descriptors."""
