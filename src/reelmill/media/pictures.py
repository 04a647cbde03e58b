"""How a decoded picture becomes one that every player shows as it was meant: filters. Pure."""

from dataclasses import dataclass
from itertools import pairwise

from reelmill.media import profiles
from reelmill.media.geometry import Scaling, display_size
from reelmill.v1.media_pb2 import MediaInfo

FILTERS = frozenset(
    {
        "bwdif",
        "zscale",
        "scale",
        "format",
        "unpremultiply",
        "premultiply",
        "colorchannelmixer",
        "lutrgb",
        "split",
        "overlay",
        "pad",
        "crop",
        "setsar",
        "sidedata",
        "tonemap",
    }
)
"""FFmpeg's filters that may stand in what is made here."""

HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})
"""PQ (HDR10, Dolby Vision) and HLG."""
# What a frame carries besides its picture: place and camera (EXIF has no name in ffmpeg's list of kinds, 31 is its
# number), a screen's name, notes and times of day. Captions are what the film says, and stay.
_PRIVATE = ("31", "ICC_PROFILE", "SEI_UNREGISTERED", "S12M_TIMECODE")
ALONE = "sidedata=mode=delete"
"""The filter for a still: the picture alone."""
FILM = ",".join(f"{ALONE}:type={kind}" for kind in _PRIVATE)
"""The filter for a film: nothing private, captions stay."""
# Files leave parts of their description out; all HDR video is BT.2020 (ITU-R BT.2100), pictures may be others.
_HDR_PRIMARIES = {"smpte432": "smpte432", "smpte431": "smpte431", "bt709": "709"}
_SRGB = "transfer=iec61966-2-1"
WIDE = {
    profiles.P3: (f"zscale=matrixin=gbr:transferin=iec61966-2-1:primariesin=smpte432:{_SRGB}:primaries=bt709",),
    # zscale does not know Adobe RGB's primaries. Its red and blue are sRGB's; only green lies further out.
    profiles.ADOBE_RGB: (
        "zscale=matrixin=gbr:primariesin=bt709:transferin=bt470m:transfer=linear:primaries=bt709",
        "colorchannelmixer=rr=1.3984:rg=-0.3984:bg=-0.0429:bb=1.0429",
        f"zscale=transferin=linear:{_SRGB}",
    ),
    # BT.2020 in standard range has BT.709's curve (ITU-R BT.2020, table 4).
    "bt2020": ("zscale=matrixin=gbr:transferin=709:primariesin=2020:transfer=709:primaries=709",),
    "smpte431": ("zscale=matrixin=gbr:transferin=709:primariesin=smpte431:transfer=709:primaries=709",),
}
"""Primaries beyond those of sRGB and BT.709, which players show, and the filters that bring them there."""
_HD_LINES = 720  # from here on, a picture that doesn't say is BT.709; below it is BT.601
_SAME_ASPECT = 0.01  # of a part of a film whose size changes: it is scaled as the first part was
_GAIN = f"{65536 / 65535:.7f}"
TRANSPARENT = "transparent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """How a picture is to come out."""

    scaling: Scaling
    matrix: str = "bt709"
    """bt709, which players expect of video, or bt601, the one of JPEG and WebP."""
    full: bool = False
    """Colours in full range (0–255), which stills have, instead of the limited range of video."""
    background: str = ""
    """What lies behind transparent parts and around a picture that is padded: #rrggbb, TRANSPARENT, or empty: black."""
    changing: bool = False
    """The picture's size may change on the way: each part is then fitted for itself."""
    aspects: tuple[tuple[float, float], ...] = ()
    """From which second on (0 first) it has which display aspect, where that changes: ffmpeg tells of the first."""
    fields: str = "interlaced"
    """Frames of which fields are made whole: those marked interlaced, all of a picture that does not say, or none."""
    turned: tuple[str, ...] = ()
    """Filters that cut out and turn it first."""
    size: tuple[float, float] | None = None
    """Its width and height as a player shows them, once that is done; None: the picture's own."""
    deep: bool = False
    """10 bits a sample instead of 8."""
    high_range: bool = False
    """High dynamic range stays what it is."""

    @property
    def kept(self) -> bool:
        """Whether transparent parts stay so."""
        return self.background == TRANSPARENT


def filters(picture: MediaInfo.Stream, shown: Shown) -> list[str]:
    """Filters that give full frames of square pixels, in standard dynamic range."""
    found = []
    if shown.fields == "all" or (picture.interlaced and shown.fields == "interlaced"):
        # Only the frames that are marked so, unless all are asked for; others pass untouched.
        found.append(f"bwdif=mode=send_frame:deint={shown.fields}")
    found += shown.turned
    if picture.pixel_format.startswith("gray"):
        found.append("zscale=range=full")  # scale takes each grey picture for one of full range
    # What the file says of its colours comes with each frame and wins over a guess by size.
    guess = "" if picture.color_space else f"in_color_matrix={'bt709' if picture.height >= _HD_LINES else 'bt601'}:"
    meant = "matrixin=2020_ncl"
    if picture.alpha:
        found += _opaque(guess, shown)
        # Filters on the way lose what a frame says of its colours.
        guess, meant = "", f"matrixin=gbr:matrix=gbr:transferin={picture.color_transfer}"
    if picture.color_transfer in HDR_TRANSFERS:
        size, primaries = _size(picture, shown, "zscale"), _HDR_PRIMARIES.get(picture.color_primaries, "2020")
        if shown.high_range:
            found += _high_range(size, meant, primaries, picture.color_transfer)
        else:
            found += _standard_range(shown, size, meant, primaries)
    else:
        size = _size(picture, shown, "scale")
        told = f"out_color_matrix={shown.matrix}:out_range={_spread(shown)}"
        clear = shown.kept and picture.alpha
        if picture.color_primaries in WIDE or clear:
            found.append(f"scale={size}:flags=bicubic:{guess}out_range=full")
            found += ["unpremultiply=inplace=1"] if clear else []
            if picture.color_primaries in WIDE:
                # The profile that says how its colours are meant stays behind: they become what is meant without one.
                found += [f"format=gbr{'a' if clear else ''}pf32le", *WIDE[picture.color_primaries]]
            found.append(f"scale={told}")
        else:
            found.append(f"scale={size}:flags=bicubic:{guess}{told}")
    return [*found, *_edges(shown), "setsar=1"]


def _spread(shown: Shown) -> str:
    return "full" if shown.full else "limited"


def _edges(shown: Shown) -> list[str]:
    colour = "black@0" if shown.kept else _hex(shown.background) if shown.background else "black"
    found = []
    if shown.changing or shown.aspects:
        # Narrower or flatter parts of a film get bars. The first part has none, and passes untouched.
        size = shown.scaling.scaled
        if size.width % 2 or size.height % 2:  # pad takes such sizes without shared chroma alone
            found.append("format=yuv444p|rgb24|rgba|bgra")
        found.append(f"pad={size.width}:{size.height}:-1:-1:{colour}:eval=frame")
    return [*found, *shown.scaling.edges(colour)]


def _size(picture: MediaInfo.Stream, shown: Shown, name: str) -> str:
    """Width and height as options of a filter."""
    scaled = shown.scaling.scaled
    if not (shown.changing or shown.aspects):
        return f"{scaled.width}:{scaled.height}" if name == "scale" else f"w={scaled.width}:h={scaled.height}"
    width, height = shown.size or display_size(picture)
    aspect = "dar"
    if shown.aspects:
        steps = (f"+({b - a:.6f})*gte(t\\,{begin:.6f})" for (_, a), (begin, b) in pairwise(shown.aspects))
        aspect = f"({shown.aspects[0][1]:.6f}{''.join(steps)})"
    wide, high = scaled.width, scaled.height
    same = f"lt(abs({aspect}/{width / height:.6f}-1)\\,{_SAME_ASPECT})"
    wide_then = f"max(2\\,2*trunc(min({wide}\\,{high}*{aspect})/2))"
    high_then = f"max(2\\,2*trunc(min({high}\\,{wide}/{aspect})/2))"
    # zscale does not look at each frame; ffmpeg makes its filters anew where a size changes.
    each = ":eval=frame" if name == "scale" else ""
    return f"w=if({same}\\,{wide}\\,{wide_then}):h=if({same}\\,{high}\\,{high_then}){each}"


def _opaque(guess: str, shown: Shown) -> list[str]:
    """Transparent parts over the background: before scaling, else what lies below them bleeds into their edges."""
    if shown.kept:
        # Scaled as light, so nothing bleeds either; in 16 bits, for premultiply divides by 65,536 and not by one less.
        exact = f"colorchannelmixer=rr={_GAIN}:gg={_GAIN}:bb={_GAIN}"
        return [f"scale={guess}out_range=full", "format=gbrap16le", "premultiply=inplace=1", exact]
    red, green, blue = _levels(shown.background)
    filled = f"[below]lutrgb=r={red}:g={green}:b={blue}:a=255[filled]"
    laid = f"format=gbrap,split[over][below];{filled};[filled][over]overlay=format=gbrp"
    return [f"scale={guess}out_range=full", laid]


def _levels(background: str) -> tuple[int, int, int]:
    text = background.removeprefix("#") or "000000"
    red, green, blue = (int(text[at : at + 2], 16) for at in (0, 2, 4))
    return red, green, blue


def _hex(background: str) -> str:
    return f"0x{background.removeprefix('#')}"


def _standard_range(shown: Shown, size: str, meant: str, primaries: str) -> list[str]:
    """Tone mapping: else HDR looks grey and dull. Scaling goes first, as the rest costs by the pixel.

    White of 203 nits (ITU-R BT.2408) is 1. Up to half of that nothing changes, so what was made of a standard picture
    comes back as it was, and the rest bends, up to 10 times of it. Not by what a file says of its brightest picture:
    two files of one film look alike.
    """
    names = {"bt709": "709", "bt601": "170m"}
    odd = shown.scaling.scaled.width % 2 or shown.scaling.scaled.height % 2
    return [
        f"zscale={size}:filter=bicubic:{meant}:primariesin={primaries}:primaries=2020:transfer=linear:npl=203",
        "format=gbrpf32le",
        "zscale=primaries=709",
        "tonemap=mobius:param=0.5:peak=10:desat=0",
        f"zscale=transfer=709:matrix={names[shown.matrix]}:range={_spread(shown)}",
        # zscale shares no chroma between pixels that are not there.
        f"format={'yuv444p' if odd else 'yuv420p'}{'10le' if shown.deep else ''}",
    ]


def _high_range(size: str, meant: str, primaries: str, transfer: str) -> list[str]:
    """Scaling alone; what files leave out is said."""
    curve = f"transferin={transfer}:transfer={transfer}"
    return [
        f"zscale={size}:filter=bicubic:{meant}:primariesin={primaries}:primaries=2020:{curve}:matrix=2020_ncl:range=limited",
        "format=yuv420p10le",
    ]
