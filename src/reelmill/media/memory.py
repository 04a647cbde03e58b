"""What a command will take of memory, reckoned before it runs from pixels × frames in flight × outputs. Pure.

The figures were measured on the static ffmpeg that comes with Reelmill, with two threads: resident memory at its
highest (VmHWM), of decodes and encodes from 640 × 360 to 8192 × 8192, and rounded up by a fifth at most. They are bytes
for each pixel, so they hold for other sizes; what a file really takes is watched while it runs (launcher.outgrown).
"""

import re

from reelmill.media.formats.containers import STILL_DEMUXERS, V
from reelmill.media.geometry import Size
from reelmill.media.pictures import HDR_TRANSFERS, WIDE
from reelmill.media.rates import depth
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings

PROCESS_BYTES = 60 * 2**20
"""Of an ffmpeg that does next to nothing."""
SOUND_BYTES = 8 * 2**20
# Bytes for each pixel of an encoder, its look-ahead and the frames on their way to it: effort fast, medium, slow.
_ENCODERS = {V.H264: (105, 140, 190), V.H265: (180, 200, 225), V.VP9: (145, 150, 160), V.AV1: (205, 230, 300)}
_ENCODER_BYTES = {V.H264: 0, V.H265: 40 * 2**20, V.VP9: 0, V.AV1: 60 * 2**20}
_EFFORTS = (VideoSettings.FAST, VideoSettings.MEDIUM, VideoSettings.SLOW)
_STILL_BYTES = 5  # for each pixel: the scaled picture, and the file in memory
_TONE_MAPPING_BYTES = 12 * 4  # for each pixel: four frames of three floats
_FLOAT_BYTES = 12 * 3  # for each pixel of colours that are converted
_OPAQUE_BYTES = 8 * 4  # for each pixel of the input that is laid over a background, or kept with its opacity
_DENOISING_BYTES = 6 + 4  # for each pixel: what was before, of three planes in two bytes, and two frames
_TILE_BYTES = 2**19  # of a decoder of a tile, besides its pixels (measured with 48 and 192 of 512 × 512)
# Frames of a decoder and on their way: of pictures that refer to others (16 at most), of whole ones, of a single one.
_PREDICTED_FRAMES, _WHOLE_FRAMES, _STILL_FRAMES = 14, 3, 1.2
_WHOLE = frozenset({"gif", "apng", "mjpeg", "png", "webp", "rawvideo", "prores", "dnxhd", "dvvideo", "ffv1", "huffyuv"})
_DEEP = re.compile(r"(9|10|12|14|16)(le|be)?$|^(p010|p016)")
_SAMPLES = ((r"420|^p01|411|410", 1.5), (r"422|440|^y210|^yuyv|^uyvy", 2.0), (r"444", 3.0))


def pixel_bytes(pixel_format: str) -> float:
    """Bytes for each pixel of a format by FFmpeg's name; 4 for one that is not known, and for palettes' pictures."""
    if pixel_format.startswith(("rgb48", "bgr48")):
        return 6.0
    if pixel_format.startswith(("rgba64", "bgra64", "ayuv64")):
        return 8.0
    if "f32" in pixel_format:
        return 16.0
    if pixel_format.startswith("nv"):  # nv12, nv21, nv16, …: eight bits
        return 1.5
    deep = 2.0 if _DEEP.search(pixel_format) else 1.0
    if pixel_format.startswith("gray"):
        return deep
    if pixel_format in ("rgb24", "bgr24"):
        return 3.0
    alpha = 1.0 if pixel_format.startswith(("yuva", "gbrap")) else 0.0
    if pixel_format.startswith("gbr"):
        return (3.0 + alpha) * deep
    return next(((s + alpha) * deep for pattern, s in _SAMPLES if re.search(pattern, pixel_format)), 4.0)


def decoding(
    picture: MediaInfo.Stream, demuxer: str, threads: int, composition: MediaInfo.Composition | None = None
) -> int:
    """Bytes of one decoder of a picture and its frames, or of all decoders of a composition.

    `threads` 0: ffmpeg's choice.
    """
    if composition is not None and composition.still:
        streams = len(composition.picture.streams) + len(composition.alpha.streams)
        each = pixel_bytes(picture.pixel_format) * _WHOLE_FRAMES + (_OPAQUE_BYTES if picture.alpha else 0)
        return round(picture.width * picture.height * each) + streams * _TILE_BYTES
    if demuxer in STILL_DEMUXERS:
        frames = _STILL_FRAMES
    elif picture.codec in _WHOLE:
        frames = _WHOLE_FRAMES
    else:
        frames = _PREDICTED_FRAMES + threads
    if picture.interlaced:
        frames += 3
    layers = 2 if composition is not None and composition.HasField("alpha") else 1
    each = pixel_bytes(picture.pixel_format) * frames * layers + (_OPAQUE_BYTES if picture.alpha else 0)
    return round(picture.width * picture.height * each)


def encoding(spec: VideoSettings, size: Size, picture: MediaInfo.Stream) -> int:
    """Bytes of a video's encoder and its filters. `spec` has its defaults filled in."""
    each = _ENCODERS[spec.codec][_EFFORTS.index(spec.effort)]
    if depth(picture, spec) > 8:
        each *= 2  # at the most: a sample then takes two bytes
    noise = _DENOISING_BYTES if spec.denoise else 0
    return _ENCODER_BYTES[spec.codec] + size.width * size.height * (each + noise + _mapping(picture))


def still(size: Size, picture: MediaInfo.Stream) -> int:
    """Bytes of a still picture's encoder and its filters."""
    return size.width * size.height * (_STILL_BYTES + _mapping(picture))


def _mapping(picture: MediaInfo.Stream) -> int:
    if picture.color_transfer in HDR_TRANSFERS:
        return _TONE_MAPPING_BYTES
    return _FLOAT_BYTES if picture.color_primaries in WIDE else 0
