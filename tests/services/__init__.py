"""Real PostgreSQL, Kafka and Redis servers, on private ports with folders of their own."""
