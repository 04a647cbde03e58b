"""Media files by URI: local folders, S3-compatible stores, guarded HTTP, and working directories."""
