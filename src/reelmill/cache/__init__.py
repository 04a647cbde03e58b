"""Fast memory for job statuses, progress and wake-ups: one port, adapters for Redis and in-process."""
