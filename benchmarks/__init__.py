"""Reelmill beside its peers: alternating rounds in one run, medians of ratios. See docs/benchmarks.md."""
