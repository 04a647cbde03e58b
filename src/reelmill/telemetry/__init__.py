"""Logs, metrics and health of each process."""
