"""Which language a sound is told to be in: that of its first piece with speech in it, by a model that is made up."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from reelmill.media.tools import transcribe

np = pytest.importorskip("numpy")


class Model:
    """Hears in each piece so many segments, in a language."""

    def __init__(self, *heard: tuple[str, float, int]) -> None:
        self.heard = list(heard)
        self.asked: list[str | None] = []

    def transcribe(self, piece: object, language: str | None, **_: object) -> tuple[Iterator[object], object]:
        found, probability, count = self.heard.pop(0)
        self.asked.append(language)
        segments = (SimpleNamespace(start=i, end=i + 0.5, text="a", words=None) for i in range(count))
        return segments, SimpleNamespace(language=language or found, language_probability=probability)


@pytest.mark.parametrize(
    ("heard", "language", "asked"),
    [
        ([("de", 0.9, 2), ("fr", 0.8, 1)], ("de", 0.9), [None, "de"]),
        ([("th", 0.3, 0), ("de", 0.9, 2)], ("de", 0.9), [None, None]),  # music before the speech
        ([("th", 0.3, 0), ("cy", 0.2, 0)], ("cy", 0.2), [None, None]),  # no speech at all
    ],
)
def test_it_is_that_of_the_first_piece_with_speech_in_it(
    monkeypatch: pytest.MonkeyPatch,
    heard: Sequence[tuple[str, float, int]],
    language: tuple[str, float],
    asked: list[str | None],
) -> None:
    model = Model(*heard)
    monkeypatch.setattr(transcribe, "_model", lambda folder, order: model)
    monkeypatch.setattr(transcribe, "_pieces", lambda samples: (np.ones(16_000) for _ in heard))
    monkeypatch.setattr(transcribe, "told", lambda seconds: None)
    _, found = transcribe._heard(Path("none"), "none", transcribe.Order(format="json"), SimpleNamespace(seconds=0.0))
    assert (found["language"], found["language_probability"]) == language
    assert model.asked == asked
