"""The font of texts that are laid over pictures: one that comes along, so that they look the same everywhere."""

from pathlib import Path

FONT = Path(__file__).parent / "faces" / "DejaVuSans.ttf"
"""DejaVu Sans 2.37, as it is (dejavu-fonts.github.io; see LICENSE)."""
