"""Hears speech, by faster-whisper, and writes it down.

Arguments: the sound (16-bit samples, mono, 16,000 a second), the file to write, the file to tell of it, the folder of
the model, and an Order as JSON. The sound is heard in pieces of ten minutes, so an hour takes no more memory than they.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill.media import speech, transcripts
from reelmill.media.tools.kit import Refused, run, told
from reelmill.media.transcripts import Segment, Word

RATE = 16_000
_PIECE_SECONDS, _SEARCHED_SECONDS = 600, 30
_QUIET_SAMPLES = RATE // 5
_FULL = 32768.0
_SILENT = 8  # of 32768
_BEAT_SECONDS = 10.0
_UNAVAILABLE = "SPEECH_UNAVAILABLE"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for."""

    format: str
    """webvtt, srt or json."""
    language: str = ""
    """A code of ISO 639-1; empty: found out."""
    words: bool = True
    """Whether WebVTT has the time of each word."""
    threads: int = 0
    """0: as the library likes."""


class _Beat:
    """Tells that it works on, while a large model takes minutes for half a minute of sound."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._thread.start()

    def _tell(self) -> None:
        count = 0
        while not self._ends.wait(_BEAT_SECONDS):
            count += 1
            told(self.seconds + count / 1e6)

    def end(self) -> None:
        self._ends.set()
        self._thread.join()


def _work(arguments: Sequence[str]) -> None:
    samples, target, summary, folder, text = arguments
    order = Order(**json.loads(text))
    if not speech.is_installed():
        raise Refused(_UNAVAILABLE, f"speech can't be heard here: {speech.REMEDY}")
    if not speech.is_model(Path(folder)):
        raise Refused(_UNAVAILABLE, f"there is no model that hears speech: {speech.MODEL_REMEDY}")
    beat = _Beat()
    try:
        made, found = _heard(Path(samples), folder, order, beat)
    finally:
        beat.end()
    match order.format:
        case "webvtt":
            written = transcripts.webvtt(made, words=order.words)
        case "srt":
            written = transcripts.srt(made)
        case _:
            written = transcripts.as_json(made, str(found["language"]))
    Path(target).write_text(written, encoding="utf-8")
    count = {"segments": str(len(made)), "words": str(sum(len(one.words) for one in made))}
    Path(summary).write_text(json.dumps(found | count))


def _heard(samples: Path, folder: str, order: Order, beat: _Beat) -> tuple[list[Segment], dict[str, object]]:
    """Segments in their order, and the language with its probability."""
    model = _model(folder, order)
    language, probability, found, at = order.language, 1.0, list[Segment](), 0.0
    guessed = (language, probability)
    for piece in _pieces(samples):
        if abs(piece).max(initial=0) > _SILENT / _FULL:
            segments, info = model.transcribe(
                piece,
                language=language or None,
                word_timestamps=True,
                vad_filter=True,
                condition_on_previous_text=False,
            )
            guessed = (info.language, float(info.language_probability))
            for one in segments:
                if not language:  # of what is no speech it is any
                    language, probability = guessed
                found.append(_segment(one, at))
                beat.seconds = at + float(one.end)
                told(beat.seconds)
        at += len(piece) / RATE
        told(at)
    if not language:
        language, probability = guessed
    return transcripts.ordered(found, at), {"language": language, "language_probability": min(1.0, probability)}


def _model(folder: str, order: Order) -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"  # it is behind a wall anyway
    from faster_whisper import WhisperModel

    try:
        model = WhisperModel(
            folder, device="cpu", compute_type="int8", cpu_threads=order.threads, local_files_only=True
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise Refused(_UNAVAILABLE, f"the model can't be read: {speech.MODEL_REMEDY}") from error
    if order.language and order.language not in model.supported_languages:
        known = ", ".join(model.supported_languages[:8])
        raise Refused("INPUT_UNSUPPORTED", f"the model does not know the language {order.language}; it knows {known}")
    return model


def _segment(one: Any, at: float) -> Segment:
    words = tuple(
        Word(
            start_seconds=round(at + float(word.start), 3),
            end_seconds=round(at + float(word.end), 3),
            text=word.word,
            probability=round(float(word.probability), 3),
        )
        for word in one.words or ()
    )
    start, end = round(at + float(one.start), 3), round(at + float(one.end), 3)
    return Segment(start_seconds=start, end_seconds=end, text=one.text, words=words)


def _pieces(path: Path) -> Iterator[Any]:
    """The sound as floats, in pieces that end where it is quiet."""
    import numpy as np

    count = path.stat().st_size // 2
    if not count:
        return
    every = np.memmap(path, dtype="<i2", mode="r", shape=(count,))
    begin = 0
    while begin < count:
        end = begin + _PIECE_SECONDS * RATE
        if end < count:
            part = np.abs(every[end - _SEARCHED_SECONDS * RATE : end].astype(np.float32))
            loud = part.reshape(-1, _QUIET_SAMPLES).sum(axis=1)
            end -= _SEARCHED_SECONDS * RATE - int(loud.argmin()) * _QUIET_SAMPLES - _QUIET_SAMPLES // 2
        yield every[begin:end].astype(np.float32) / _FULL
        begin = end


def main() -> None:
    """Its program."""
    run(_work)


if __name__ == "__main__":
    main()
