"""The failure table: recorded lines, exit codes, signals."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs.errors import CODES
from reelmill.media.failures import RULES, classify, input_damaged


@given(st.integers(-300, 300).filter(bool), st.text(max_size=200))
def test_nothing_makes_it_raise_and_the_code_is_known(exit_code: int, stderr: str) -> None:
    found = classify(exit_code, stderr)
    assert found.code in CODES
    assert found.message


@pytest.mark.parametrize(
    ("exit_code", "stderr", "told"),
    [
        (1, "[fatal] av_interleaved_write_frame(): Disk quota exceeded", "DISK_FULL"),
        (244, "[error] Out of memory", "OUT_OF_MEMORY"),
        (8, "[in#0] [error] Error opening input: Invalid data found when processing input", "INPUT_CORRUPT"),
        (183, "[mov] [error] moov atom not found", "INPUT_CORRUPT"),
        (
            234,
            "[out#0/image2] [error] Nothing was written into output file, because at least one of its streams received"
            " no packets.",
            "INPUT_CORRUPT",
        ),
        (69, "", "INPUT_CORRUPT: most of the input could not be decoded"),
        (69, "[dec] [error] Decode error rate 1 exceeds maximum 0.666667", "INPUT_CORRUPT: most of"),
        (234, "[vost#0:0/libx264] [error] Error while opening encoder - maybe incorrect", "ENCODER_REFUSED"),
        (1, "", "FFMPEG_FAILED: ffmpeg ended with exit code 1"),
        (255, "[error] something new\nConversion failed!", "FFMPEG_FAILED: ffmpeg ended with exit code 255: [error]"),
    ],
)
def test_recorded_failures(exit_code: int, stderr: str, told: str) -> None:
    found = classify(exit_code, stderr)
    assert f"{found.code}: {found.message}".startswith(told)


def test_a_cause_wins_over_its_consequence() -> None:
    stderr = "[error] No space left on device\n[error] Invalid data found when processing input\nConversion failed!"
    found = classify(1, stderr)
    assert (found.code, found.message.endswith("[error] No space left on device")) == ("DISK_FULL", True)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_signals_are_named(number: signal.Signals) -> None:
    assert number.name in classify(-number, "").message


def test_an_unknown_signal_has_its_number() -> None:
    assert classify(-120, "").message == "ffmpeg was ended by 120"


def test_every_rule_leads_to_a_code() -> None:
    assert {rule.code for rule in RULES} <= set(CODES)


def test_damage_is_told_from_other_warnings() -> None:
    assert input_damaged(["[h264] [error] error while decoding MB 3 1, bytestream -5"])
    assert not input_damaged(["[aac] [warning] Too many bits 8192 > 6144 per frame requested, clamping to max"])
    assert not input_damaged([])
