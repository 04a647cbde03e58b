"""What operations need of an ffmpeg is what the one that comes with Reelmill has, and what others lack is told."""

from dataclasses import replace

import pytest

from reelmill.app import worker
from reelmill.media import abilities
from reelmill.media.ffmpeg import capabilities, find_ffmpeg
from reelmill.media.operations import OPERATIONS


def test_the_ffmpeg_that_comes_with_reelmill_lacks_nothing() -> None:
    assert abilities.lacking(capabilities(find_ffmpeg())) == ""


def test_what_another_lacks_is_named_with_the_operations_that_need_it() -> None:
    whole = capabilities(find_ffmpeg())
    poor = replace(whole, encoders=whole.encoders - {"libsvtav1", "flac"}, filters=whole.filters - {"zscale", "apad"})
    encoders = {name: _whose(name) for name in ("flac", "libsvtav1")}
    filters = {name: _whose(name) for name in ("apad", "zscale")}
    assert {"audio"} <= set(encoders["flac"]) and {"transcode"} <= set(encoders["libsvtav1"])
    assert {"transcode", "audio"} <= set(filters["apad"]) and {"transcode", "thumbnail"} <= set(filters["zscale"])
    named = [f"the encoder {name} ({', '.join(whose)})" for name, whose in encoders.items()]
    named += [f"the filter {name} ({', '.join(whose)})" for name, whose in filters.items()]
    assert abilities.lacking(poor) == ", ".join(named)


def _whose(name: str) -> list[str]:
    """The operations that need an encoder or a filter."""
    return [made.name for made in OPERATIONS.values() if name in made.encoders | made.filters]


def test_a_worker_does_not_start_with_an_ffmpeg_that_can_not_do_what_it_would_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = find_ffmpeg()
    whole = capabilities(path)
    worker.check_ffmpeg(path)
    monkeypatch.setattr(worker, "capabilities", lambda path: replace(whole, encoders=whole.encoders - {"libx265"}))
    with pytest.raises(
        RuntimeError, match=r"lacks the encoder libx265 \(transcode.*\): unset REELMILL_FFMPEG, or give"
    ):
        worker.check_ffmpeg(path)
