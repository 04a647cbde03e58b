"""What programs wrote, as types. Pure."""
