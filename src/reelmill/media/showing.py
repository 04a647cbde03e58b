"""Which picture of a file is seen. (Of inputs and plans warm children, who ask it, load nothing.)"""

from reelmill.v1.media_pb2 import MediaInfo


def shown(info: MediaInfo) -> MediaInfo.Stream | None:
    """The stream of the picture that a player takes, or the first of its composition; None for no picture."""
    if info.HasField("composition"):
        return info.streams[info.composition.picture.streams[0]]
    streams = [s for s in info.streams if s.kind == MediaInfo.Stream.VIDEO and s.width and s.height]
    return min((s for s in streams if not (s.cover or s.empty)), key=lambda s: not s.default_track, default=None)
