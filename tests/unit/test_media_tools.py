"""What our own tools make of lines: of any lines, in bounded room."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.media import mastering
from reelmill.media.promises import Data
from reelmill.media.readers import findings
from reelmill.media.tools import analysis, peaks
from reelmill.media.tools.analysis import Spec
from reelmill.media.tools.kit import Refused
from reelmill.v1.operations_pb2 import RemoveSilence

words = st.sampled_from(
    [
        *(
            "frame:0 pts:0 pts_time:0",
            "frame:1 pts:1 pts_time:nan",
            "frame:x",
            "pts_time:",
            "lavfi.",
            "lavfi.=",
            "#tb 0: 1/0",
        ),
        *("lavfi.black_start=0", "lavfi.black_end=1.5", "lavfi.scd.time=1", "lavfi.scd.score=x", "lavfi.blur=-nan"),
        *(
            "lavfi.blur=1e400",
            "lavfi.r128.I=-inf",
            "lavfi.r128.true_peak=1e-400",
            "lavfi.silence_start=nan",
            "#tb x: y",
        ),
        *(
            "lavfi.cropdetect.w=5",
            "lavfi.cropdetect.x=1e9",
            "lavfi.idet.multiple.progressive=2.0",
            "0, 0, 0, 1, 10, 0x0",
        ),
        *(
            "lavfi.signalstats.YMIN=3",
            "lavfi.signalstats.YMAX=x",
            "lavfi.astats.1.Min_level=-1e99",
            "1, x, 0, 1, 10, 0x0",
        ),
        *("lavfi.astats.9.Max_level=1", "lavfi.astats.1.Max_level=inf", "lavfi.psnr.psnr.y=inf", "lavfi.ssim.Y=2", ""),
    ]
)
texts = st.lists(st.one_of(words, st.text(max_size=20)), max_size=40)
LOOKS = ["BLACK", "FREEZE", "SCENES", "BLUR", "CROP", "INTERLACING", "SIGNAL_RANGE", "SILENCE", "LOUDNESS"]


@given(texts)
def test_no_lines_bring_the_tool_down_and_what_it_says_is_understood(lines: list[str]) -> None:
    spec = Spec(seconds=2.0, sound_seconds=2.0, looks=LOOKS)
    try:
        found = analysis.of_video(lines, spec) | analysis.of_samples(lines, spec) | analysis.of_sound(lines, spec)
        found |= analysis.of_blur(lines, spec)
    except (KeyError, OverflowError, ValueError):  # lines that no ffmpeg writes may end it: it is a child
        return
    found |= analysis.of_packets(lines, spec)
    try:
        text = json.dumps(found, allow_nan=False)
    except ValueError:
        return
    seen, _, peak = findings.measured_of(text)
    assert peak == int(found["peak_bitrate_bps"])
    assert len(seen.black) == min(len(found["black"]), findings.SHOWN)
    assert len(findings.levels_of(lines, 2.0).silences) == len(found["silence"])


@given(texts)
def test_peaks_are_samples_whatever_is_read(lines: list[str]) -> None:
    try:
        found = peaks.peaks([f"{line}\n" for line in lines], 2)
    except ValueError:
        return
    assert len(found) % 4 == 0
    assert all(-32768 <= value <= 32767 for value in found)


def test_more_peaks_than_there_is_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "MOST_PEAKS", 8)
    with pytest.raises(Refused, match="give a larger samples_per_pixel"):
        peaks.peaks(["frame:0 pts:0 pts_time:0"] * 5, 1)


def test_lists_end_and_their_counts_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "MOST", 2)
    lines = []
    for i in range(5):
        lines += [f"frame:{i} pts:0 pts_time:{i}", f"lavfi.scd.time={i}", "lavfi.scd.score=20"]
    found = analysis.of_video(lines, Spec(looks=["SCENES"]))
    assert (len(found["scenes"]), found["scene_count"]) == (2, 5)
    written = {"black": [{"start_seconds": i, "end_seconds": i + 1} for i in range(150)], "black_count": 150}
    told = findings.result_of(Data.ANALYSIS, json.dumps(written)).analysis
    assert (len(told.black), told.black_count) == (findings.SHOWN, 150)


def test_the_summary_is_short_and_the_whole_has_all(tmp_path: Path) -> None:
    lines, summary, whole = (tmp_path / name for name in ("lines", "summary", "whole"))
    frames = (f"frame:{i} pts:0 pts_time:{i}\nlavfi.scd.time={i}\nlavfi.scd.score=20\n" for i in range(300))
    lines.write_text("".join(frames))
    analysis.work([json.dumps({"looks": ["SCENES"]}), str(summary), str(whole), f"video={lines}"])
    short, long = json.loads(summary.read_text()), json.loads(whole.read_text())
    assert (len(short["scenes"]), len(long["scenes"]), short["scene_count"]) == (100, 300, 300)
    compared = (f"frame:{i} pts:0 pts_time:{i / 25}\nlavfi.psnr.psnr.y={30 + i % 2}\n" for i in range(10_000))
    lines.write_text("".join(compared))
    analysis.work([json.dumps({"looks": ["PSNR"]}), str(summary), str(whole), f"compared={lines}"])
    short, long = json.loads(summary.read_text()), json.loads(whole.read_text())
    assert "each" not in short
    assert (len(long["each"]["psnr"]), long["each"]["time_seconds"][-1], long["each"]["psnr"][:2]) == (
        10_000,
        399.96,
        [30, 31],
    )


def test_loudness_is_that_of_the_last_frame_of_however_many(tmp_path: Path) -> None:
    lines = [f"frame:{i} pts:0 pts_time:{i / 10}\nlavfi.r128.I=-{i / 100}\n" for i in range(5000)]
    lines[40] += "lavfi.silence_start=3.9\n"
    lines[60] += "lavfi.silence_end=5.9\nlavfi.silence_duration=2.0\n"
    (tmp_path / "lines").write_text("".join(lines))
    told = findings.levels_in(tmp_path / "lines", 500.0)
    assert (told.integrated_lufs, told.silences) == (-49.99, ((3.9, 5.9),))


def test_the_most_bits_of_a_second_are_found_wherever_it_begins() -> None:
    # 1,000 bytes each tenth of a second, and in one second twice as many; two clocks, packets out of order.
    lines = ["#tb 0: 1/10", "#tb 1: 1/1000"]
    lines += [f"0, {i}, {i}, 1, 1000, 0xabc" for i in range(100)]
    lines += [f"1, {3500 + 100 * i}, 0, 1, 1000, 0xabc" for i in reversed(range(10))]
    assert analysis.of_packets(lines, Spec()) == {"peak_bitrate_bps": str(8 * 20_000)}
    assert analysis.of_packets([], Spec()) == {"peak_bitrate_bps": "0"}


def test_a_picture_that_an_encoder_betters_stands_still_and_one_that_moves_does_not() -> None:
    def lines(moved: dict[int, float]) -> list[str]:
        found = []
        for i in range(50):
            found += [f"frame:{i} pts:0 pts_time:{i / 25}", f"lavfi.scd.mafd={moved.get(i, 0.05)}"]
            found += ["lavfi.freezedetect.freeze_start=0.4"] if i == 20 else []
            found += ["lavfi.freezedetect.freeze_end=1.6"] if i == 40 else []
        return found

    def stood(moved: dict[int, float]) -> list[tuple[float, float]]:
        found = analysis.of_video(lines(moved), Spec(seconds=2.0, freeze_seconds=0.5, looks=["FREEZE"]))
        assert found["freeze_count"] == len(found["freeze"])
        return [(one["start_seconds"], one["end_seconds"]) for one in found["freeze"]]

    assert stood({10: 0.7, 40: 0.7}) == [(0.4, 1.6)]  # those with which it began and ended
    assert stood({25: 0.7}) == [(0.4, 1.0), (1.0, 1.6)]
    assert stood({25: 0.7, 30: 0.2}) == [(0.4, 1.0)]
    assert stood(dict.fromkeys(range(50), 0.2)) == []


def test_scores_are_pooled_as_libvmaf_pools() -> None:
    found = analysis.pooled("VMAF", [90.0, 30.0, 60.0], [0.0, 0.04, 0.08])
    assert found["mean"] == pytest.approx(60)
    assert found["harmonic_mean"] == pytest.approx(3 / (1 / 91 + 1 / 31 + 1 / 61) - 1)
    assert (found["lowest"], found["lowest_seconds"]) == (30.0, 0.04)


def test_silence_of_dead_quiet_and_of_full_scale_has_levels() -> None:
    assert findings.levels_of([], 1.0).integrated_lufs == -70
    told = findings.levels_of(["frame:0 pts:0 pts_time:0", "lavfi.r128.I=-9.5", "lavfi.r128.true_peak=1.122"], 1.0)
    assert told.true_peak_dbtp == pytest.approx(20 * math.log10(1.122))


@pytest.mark.parametrize(
    ("silences", "length", "inside", "cuts"),
    [
        ([(0, 1), (3, 4), (9, 10)], 10.0, False, [(0, 0.9), (9.1, 10)]),
        ([(0, 1), (3, 4), (9, 10)], 10.0, True, [(0, 0.9), (3.1, 3.9), (9.1, 10)]),
        ([(0, 0.4), (9.8, 10)], 10.0, True, []),  # too short
        ([(2, 10)], 0.0, False, []),  # where it ends is not known
        ([(0.01, 5)], 5.0, False, [(0, 5)]),
    ],
)
def test_what_silence_is_cut_out(
    silences: list[tuple[float, float]], length: float, inside: bool, cuts: list[tuple[float, float]]
) -> None:
    spec = RemoveSilence(threshold_dbfs=-50, min_seconds=0.5, keep_seconds=0.1, inside=inside)
    found = mastering.cut_out(spec, silences, length)
    assert [tuple(round(time, 6) for time in cut) for cut in found] == cuts


def test_a_file_that_is_no_result_is_none_of_ours(tmp_path: Path) -> None:
    for text in ("", "[]", "nothing", '{"black": 5}', '{"made_up": 1}'):
        with pytest.raises(ValueError):
            findings.result_of(Data.ANALYSIS, text)
    assert not findings.are_peaks("{}", "]}")
