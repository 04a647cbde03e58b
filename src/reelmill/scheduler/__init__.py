"""What must happen without being asked: relay sweep, rescue, due retries, deadlines, retention."""
