"""What ffmpeg is asked to do, and doing it. Planning is pure; only probe and run spawn processes."""
