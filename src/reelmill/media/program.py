"""What runs a step. (Apart from steps, which warm children need not load.)"""

from enum import Enum


class Program(Enum):
    """A kind of program."""

    FFMPEG = "ffmpeg"
    PACKAGER = "packager"
    """Shaka Packager."""
    TOOL = "tool"
    """A module of our own below media/tools, in a Python of its own."""
