"""The truth: jobs, tasks, leases, outbox and history in PostgreSQL. SQL lives in queries/ and migrations/."""
