"""What operations need of an ffmpeg is what the one that comes with Reelmill has, and what others lack is told."""

from dataclasses import replace

import pytest

from reelmill import app
from reelmill.media import abilities
from reelmill.media.ffmpeg import capabilities, find_ffmpeg


def test_the_ffmpeg_that_comes_with_reelmill_lacks_nothing() -> None:
    assert abilities.lacking(capabilities(find_ffmpeg())) == ""


def test_what_another_lacks_is_named_with_the_operations_that_need_it() -> None:
    whole = capabilities(find_ffmpeg())
    poor = replace(whole, encoders=whole.encoders - {"libsvtav1", "flac"}, filters=whole.filters - {"zscale", "apad"})
    assert abilities.lacking(poor) == (
        "the encoder flac (audio), the encoder libsvtav1 (transcode, package),"
        " the filter apad (transcode, audio, waveform, analyze, package),"
        " the filter zscale (transcode, thumbnail, compare, package)"
    )


def test_a_worker_does_not_start_with_an_ffmpeg_that_can_not_do_what_it_would_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = find_ffmpeg()
    whole = capabilities(path)
    app.check_ffmpeg(path)
    monkeypatch.setattr(app, "capabilities", lambda path: replace(whole, encoders=whole.encoders - {"libx265"}))
    with pytest.raises(
        RuntimeError, match=r"lacks the encoder libx265 \(transcode, package\): unset REELMILL_FFMPEG, or give"
    ):
        app.check_ffmpeg(path)
