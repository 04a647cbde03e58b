"""How a decoded picture becomes one that every player shows as it was meant: filters. Pure."""

from reelmill.media import profiles
from reelmill.media.geometry import Scaling
from reelmill.v1.media_pb2 import MediaInfo

_HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})  # PQ (HDR10, Dolby Vision) and HLG
# What a frame carries besides its picture: place and camera (EXIF has no name in ffmpeg's list of kinds, 31 is its
# number), a screen's name, notes and times of day. Captions are what the film says, and stay.
_PRIVATE = ("31", "ICC_PROFILE", "SEI_UNREGISTERED", "S12M_TIMECODE")
ALONE = "sidedata=mode=delete"
"""The filter for a still: the picture alone."""
FILM = ",".join(f"{ALONE}:type={kind}" for kind in _PRIVATE)
"""The filter for a film: nothing private, captions stay."""
_SRGB = "transfer=iec61966-2-1"
_TO_SRGB = {
    profiles.P3: (f"zscale=matrixin=gbr:transferin=iec61966-2-1:primariesin=smpte432:{_SRGB}:primaries=bt709",),
    # zscale does not know Adobe RGB's primaries. Its red and blue are sRGB's; only green lies further out.
    profiles.ADOBE_RGB: (
        "zscale=matrixin=gbr:primariesin=bt709:transferin=bt470m:transfer=linear:primaries=bt709",
        "colorchannelmixer=rr=1.3984:rg=-0.3984:bg=-0.0429:bb=1.0429",
        f"zscale=transferin=linear:{_SRGB}",
    ),
}
_HD_LINES = 720  # from here on, a picture that doesn't say is BT.709; below it is BT.601


def filters(picture: MediaInfo.Stream, scaling: Scaling, *, matrix: str = "bt709", full: bool = False) -> list[str]:
    """Filters that give full frames of square pixels, in standard dynamic range.

    `matrix` is bt709, which players expect of video, or bt601, the one of JPEG and WebP. `full`
    asks for colours in full range (0–255), which stills have, instead of the limited range of video.
    """
    spread = "full" if full else "limited"
    found = []
    if picture.interlaced:
        # Only the frames that are marked so; others pass untouched.
        found.append("bwdif=mode=send_frame:deint=interlaced")
    if picture.color_transfer in _HDR_TRANSFERS:
        found += _standard_range(scaling, matrix, spread)
    else:
        # What the file says of its colours comes with each frame and wins over a guess by size.
        guess = ""
        if not picture.color_space:
            guess = f"in_color_matrix={'bt709' if picture.height >= _HD_LINES else 'bt601'}:"
        size = f"{scaling.scaled.width}:{scaling.scaled.height}"
        told = f"out_color_matrix={matrix}:out_range={spread}"
        if picture.color_primaries in _TO_SRGB:
            # The profile that says how its colours are meant stays behind: they become what is meant without one.
            found += [f"scale={size}:flags=bicubic:{guess}out_range=full", "format=gbrpf32le"]
            found += [*_TO_SRGB[picture.color_primaries], f"scale={told}"]
        else:
            found.append(f"scale={size}:flags=bicubic:{guess}{told}")
    return [*found, *scaling.edges(), "setsar=1"]


def _standard_range(scaling: Scaling, matrix: str, spread: str) -> list[str]:
    """Tone mapping: else HDR looks grey and dull. Scaling goes first, as the rest costs by the pixel."""
    names = {"bt709": "709", "bt601": "170m"}
    return [
        # Files leave parts of their description out; all HDR video is BT.2020 (ITU-R BT.2100).
        f"zscale=w={scaling.scaled.width}:h={scaling.scaled.height}:filter=bicubic"
        ":matrixin=2020_ncl:primariesin=2020:transfer=linear:npl=100",
        "format=gbrpf32le",
        "zscale=primaries=709",
        "tonemap=hable:desat=0",
        f"zscale=transfer=709:matrix={names[matrix]}:range={spread}",
        "format=yuv420p",
    ]
