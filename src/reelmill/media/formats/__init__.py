"""Facts about formats: which files we read, and how each encoder and muxer is told to write. Pure.

The options follow ffmpeg's and the encoders' own documentation; each has its reason.
"""
