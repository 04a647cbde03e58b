"""Words of a package, written as players fetch them: in segments that end where a picture's do, or in one file."""

import io
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from reelmill.media import languages, text_fragments, webvtt
from reelmill.media.playlists import Segment
from reelmill.media.renditions import WORDS, Divided, Order, Told
from reelmill.media.streams import INIT, SUFFIX, Stream
from reelmill.media.text_fragments import Kind, Sample
from reelmill.media.webvtt import Text

_CLOCK = "X-TIMESTAMP-MAP=MPEGTS:%d,LOCAL:00:00:00.000"
"""When of a stream's clock that of words begins (RFC 8216, 3.5)."""
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def divided(order: Order, told: Told, beside: Stream) -> Divided:
    """Words that are written down as WebVTT, and are now divided. Raises ValueError for what is none."""
    folder = Path(order.output, told.folder)
    folder.mkdir(parents=True)
    text = webvtt.parsed(Path(told.text).read_text(encoding="utf-8"))
    edges = [0.0, *(at / beside.track.scale for at in beside.starts[1:])]
    kind = Kind(order.fragments) if order.fragments else None
    whole = Divided(told=told, segments=(), sizes=())
    if kind is Kind.IMSC:
        return _fragmented(folder, told, kind, text, edges)
    if order.dash:
        whole = _whole(folder, told, text, edges[-1]) if kind is None else _fragmented(folder, told, kind, text, edges)
    if not order.hls:
        return whole
    segments = []
    # Fragments say themselves what comes before 0; transport streams have no other clock.
    clock = _CLOCK % (beside.track.hidden if beside.beginning is None else 0)
    for i, (begin, end) in enumerate(pairwise(edges), 1):
        made = webvtt.between(text, round(begin * 1000), round(end * 1000))
        path = folder / f"{i:05d}.vtt"
        path.write_text(webvtt.written(made, (clock,)), encoding="utf-8")
        segments.append(Segment(path.name, end - begin))
    return Divided(
        told=told,
        segments=tuple(segments),
        sizes=_sizes(folder, segments),
        of_dash=whole if kind else None,
    )


def _whole(folder: Path, told: Told, text: Text, seconds: float) -> Divided:
    (folder / WORDS).write_text(webvtt.written(text), encoding="utf-8")
    segment = Segment(WORDS, seconds)
    return Divided(told=told, segments=(segment,), sizes=_sizes(folder, [segment]))


def _fragmented(folder: Path, told: Told, kind: Kind, text: Text, edges: Sequence[float]) -> Divided:
    language = languages.code(told.language)
    (folder / INIT).write_bytes(text_fragments.beginning(kind, language, text.looks))
    starts = tuple(round(at * text_fragments.SCALE) for at in edges)
    segments = []
    for i, (begin, end) in enumerate(pairwise(starts), 1):
        if kind is Kind.WVTT:
            samples = text_fragments.cues(text, begin, end)
        else:
            samples = [Sample(end - begin, _imsc(text_fragments.part(text, begin, end), told.language))]
        path = folder / f"{i:05d}{SUFFIX}"
        path.write_bytes(text_fragments.fragment(i, begin, samples))
        segments.append(Segment(path.name, (end - begin) / text_fragments.SCALE))
    return Divided(
        told=told,
        segments=tuple(segments),
        sizes=_sizes(folder, segments),
        beginning=Segment(INIT, 0.0),
        codec=kind.value,
        starts=starts,
    )


def _imsc(text: str, language: str) -> bytes:
    """WebVTT as a document of IMSC's text profile."""
    from ttconv.imsc import writer
    from ttconv.vtt import reader

    model = reader.to_model(io.StringIO(_NO_XML.sub("", text)))
    model.set_lang(language)
    made = io.BytesIO()
    writer.from_model(model).write(made, encoding="utf-8", xml_declaration=True)
    return made.getvalue()


def _sizes(folder: Path, segments: Sequence[Segment]) -> tuple[int, ...]:
    return tuple((folder / one.name).stat().st_size for one in segments)
