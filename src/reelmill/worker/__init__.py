"""Takes ready tasks, runs them under a lease, finishes them by their fence."""
