"""Reelmill: a self-hosted, distributed media processing pipeline."""

__version__ = "0.1.0"
