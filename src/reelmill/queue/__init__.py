"""How a ready task reaches a worker: one port, adapters for Kafka and PostgreSQL."""
