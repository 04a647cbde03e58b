"""What is told of a file without a reader of media: captions, animations, what its own parts tell is not whole.

Runs in the prober's child.
"""

import base64

from reelmill.media import animations, cues, jpeg, png, refusing, texts, timeline, webp
from reelmill.media.anatomy_pictures import raw_photo
from reelmill.media.opened import AnyFile
from reelmill.media.refusing import refuse
from reelmill.v1.media_pb2 import MediaInfo

# Still pictures by their first bytes: by their names FFmpeg would take them for a sequence of files.
_PICTURES = (
    (0, b"\xff\xd8\xff", "jpeg_pipe"),
    (0, b"\x89PNG\r\n\x1a\n", "png_pipe"),
    (8, b"WEBP", "webp_pipe"),
    (0, b"BM", "bmp_pipe"),
    (0, b"II*\0", "tiff_pipe"),
    (0, b"MM\0*", "tiff_pipe"),
)
_WHOLE_GIF_BYTES = 2**25  # of larger ones the end is not looked for
# Lists of other files, which would be opened in our name.
_PLAYLISTS = (b"#EXTM3U", b"ffconcat version", b"<MPD", b"[playlist]")
HEAD_BYTES = 1024
"""So many are looked at first."""


def told(file: AnyFile) -> dict[str, str] | None:
    """What needs no reader of media: files of captions, animations that libav does not read, what is refused."""
    if file.size == 0:
        return refuse("INPUT_EMPTY", "the file is empty")
    head = file.head(HEAD_BYTES)
    if any(mark in head for mark in _PLAYLISTS):
        return refusing.list_of_others()
    if (text := texts.kind_of(head)) is not None:
        if file.size > texts.MOST_BYTES:
            too_many = f"the captions have {file.size} bytes; at most {texts.MOST_BYTES} are accepted"
            return refuse("INPUT_UNSUPPORTED", too_many)
        if (wrong := cues.problem(texts.decoded(file.head(file.size)), text)) is not None:
            return refusing.told(wrong)
        track = MediaInfo.Stream(kind=MediaInfo.Stream.SUBTITLE, codec=texts.FORMATS[text])
        return answer(MediaInfo(format=text, size_bytes=file.size, streams=[track]), text)
    if head[:4] == b"GIF8" and 13 < file.size <= _WHOLE_GIF_BYTES:
        whole = file.head(file.size)
        is_whole = animations.gif_has_picture(whole) and not animations.gif_is_cut_off(whole)
        return None if is_whole else refusing.unreadable(True, head)
    if head.startswith(png.SIGNATURE) and (problem := png.problem(file.apart(), file.size)) is not None:
        return refusing.told(problem)
    if picture(head) == "jpeg_pipe" and (problem := jpeg.problem(file.apart(), file.size)) is not None:
        return refusing.told(problem)
    if picture(head) == "tiff_pipe" and (raw := raw_photo(file.apart(), head)) is not None:
        return refusing.told(raw)
    if picture(head) != "webp_pipe":
        return None
    if animations.is_cut_off(head, file.size):
        return refusing.unreadable(True, head)
    if (problem := webp.problem(file.apart(), file.size)) is not None:
        return refusing.told(problem)
    if (animated := animations.of_webp(file.apart())) is not None:
        return refusing.unusable(animated[0]) or answer(animated[0], "webp_anim", animated[1])
    return None


def picture(head: bytes) -> str | None:
    """The reader of a still picture that begins like this."""
    return next((name for at, magic, name in _PICTURES if head[at:].startswith(magic)), None)


def answer(info: MediaInfo, demuxer: str, times: timeline.Timeline | None = None) -> dict[str, str]:
    """What is answered of a file that is accepted."""
    told = {"info": base64.b64encode(info.SerializeToString()).decode(), "demuxer": demuxer}
    return told | ({"timeline": timeline.packed(times)} if times is not None else {})
