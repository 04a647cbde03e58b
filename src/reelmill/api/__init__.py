"""The gRPC service: validates, stores, answers."""
