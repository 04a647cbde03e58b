"""The sandbox of the processes that read foreign bytes (guarantee G13)."""
