"""The failure table: recorded lines, exit codes, signals."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs.codes import CODES
from reelmill.media.failure_rules import RULES
from reelmill.media.failures import cause_of, classify, diagnosis_of, input_damaged
from reelmill.media.steps import Program


def said(exit_code: int, stderr: str) -> tuple[str, str]:
    """Code and message."""
    found = classify(exit_code, stderr)
    return found.code, found.message


DAMAGED = "INPUT_CORRUPT: the input is damaged or cut off: "


@given(st.integers(-300, 300).filter(bool), st.text(max_size=200))
def test_nothing_makes_it_raise_and_the_code_is_known(exit_code: int, stderr: str) -> None:
    found = classify(exit_code, stderr)
    assert found.code in CODES
    assert found.message


@pytest.mark.parametrize(
    ("exit_code", "stderr", "told"),
    [
        (1, "[fatal] av_interleaved_write_frame(): Disk quota exceeded", "DISK_FULL: the worker's disk is full: "),
        (244, "[error] Out of memory", "OUT_OF_MEMORY: ffmpeg wanted more memory than a job has here: "),
        (8, "[error] Unknown encoder 'libx265'", "ENCODER_UNAVAILABLE: this ffmpeg lacks what the job needs; run"),
        (8, "[in#0] [error] Error opening input: Invalid data found when processing input", DAMAGED),
        (183, "[mov] [error] moov atom not found", DAMAGED),
        (
            234,
            "[out#0/image2] [error] Nothing was written into output file, because at least one of its streams received"
            " no packets.",
            DAMAGED,
        ),
        (
            234,
            "[error] Stream map '0:3' matches no streams.",
            "INPUT_CORRUPT: the input lacks a stream that it promised: ",
        ),
        (
            69,
            "[dec] [error] Decode error rate 1 exceeds maximum 0.666667",
            "INPUT_CORRUPT: most of the input could not be decoded: ",
        ),
        (
            8,
            "[error] Unknown input format: 'webp_anim'",
            "ENCODER_UNAVAILABLE: this ffmpeg lacks what the job needs; run",
        ),
        (
            234,
            "[vost#0:0/libx264] [error] Error while opening encoder - maybe incorrect",
            "ENCODER_REFUSED: the encoder does not take this size, rate or bit rate; change the output's settings: ",
        ),
        (255, "[error] something new", "FFMPEG_FAILED: ffmpeg ended with exit code 255: "),
    ],
)
@pytest.mark.parametrize("around", ["{}", "[info] before\n{}\nConversion failed!\n  "])
def test_recorded_failures_are_told_with_the_line_that_says_so(
    exit_code: int, stderr: str, told: str, around: str
) -> None:
    found = classify(exit_code, around.format(stderr))
    words = f"{found.code}: {found.message}"
    assert words.startswith(told.rstrip(": ")) and words.endswith(f": {stderr}")
    assert found.line == stderr


@pytest.mark.parametrize("stderr", ["", " \n", "Conversion failed!"])
def test_where_ffmpeg_says_nothing_nothing_is_quoted(stderr: str) -> None:
    assert said(1, stderr) == ("FFMPEG_FAILED", "ffmpeg ended with exit code 1")
    assert said(69, stderr) == ("INPUT_CORRUPT", "most of the input could not be decoded")


def test_a_file_that_outgrew_its_limit_is_told_with_the_setting() -> None:
    found = classify(-signal.SIGXFSZ, "")
    assert found.code == "OUTPUT_TOO_LARGE" and "input_max_bytes" in found.message


def test_only_the_end_that_the_kernel_gives_speaks_of_memory() -> None:
    assert classify(-signal.SIGKILL, "").message.endswith("SIGKILL; the kernel does that when memory runs out")
    assert classify(-signal.SIGABRT, "").message == "ffmpeg was ended by SIGABRT"
    assert classify(-signal.SIGABRT, "").code == classify(-signal.SIGKILL, "").code == "FFMPEG_CRASHED"


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


def test_what_an_encoder_says_without_pictures_is_no_fault_of_its_settings() -> None:
    """ffmpeg opens the encoder of an output that no picture ever reached, with whatever size it has."""
    stderr = (
        "[vist#0:4/hevc] [dec:hevc] [fatal] Decode error rate 1 exceeds maximum 0.666667\n"
        "[vost#0:0/mjpeg] [enc:mjpeg] [error] Error while opening encoder - maybe incorrect parameters"
    )
    assert classify(234, stderr).code == "INPUT_CORRUPT"


@pytest.mark.parametrize(
    ("exit_code", "stderr", "told"),
    [
        (3, 'x\nreelmill-tool: ["INPUT_CORRUPT", "it is damaged"]', ("INPUT_CORRUPT", "it is damaged")),
        (1, "Traceback\nValueError: odd\n", ("PROGRAM_FAILED", "tool ended with 1: ValueError: odd")),
        (-9, "", ("PROGRAM_FAILED", "tool ended with -9")),
    ],
)
def test_another_program_says_itself_what_was_wrong_or_is_told_by_its_last_line(
    exit_code: int, stderr: str, told: tuple[str, str]
) -> None:
    found = cause_of(Program.TOOL, exit_code, stderr)
    assert (found.code, found.message) == told


@pytest.mark.parametrize(
    ("exit_code", "stderr", "kind", "code"),
    [
        (1, "[vost#0:0] [error] pthread_create() failed: Resource temporarily unavailable", "too_many_processes",
         "FFMPEG_FAILED"),
        (1, "[in#0] [error] Error opening input file: Too many open files", "too_many_files", "FFMPEG_FAILED"),
        (127, "ffmpeg: error while loading shared libraries: libx.so.1: cannot open", "program_broken",
         "ENCODER_UNAVAILABLE"),
        (126, "", "program_broken", "ENCODER_UNAVAILABLE"),
        (1, "[out#0] [error] Error opening output a.mkv: Read-only file system", "read_only", "FFMPEG_FAILED"),
        (1, "[in#0] [error] Error opening input file a.mp4: Permission denied", "permission", "FFMPEG_FAILED"),
        (1, "[error] Decoding requested, but no decoder found for: zzq1", "codec_unsupported", "INPUT_UNSUPPORTED"),
        (1, "[mov] [error] Incorrect decryption password", "encrypted", "INPUT_UNSUPPORTED"),
        (1, "[png] [error] Picture size 60000x60000 is invalid", "size_impossible", "INPUT_CORRUPT"),
        (1, "[mp4] [error] Could not find tag for codec pcm in stream #1", "container_codec", "ENCODER_REFUSED"),
        (1, "[auto_scale_0] [error] Impossible to convert between the formats supported by the filter",
         "pixel_format", "ENCODER_REFUSED"),
        (1, "[h264] [error] non-existing PPS 3 referenced", "parameters_missing", "INPUT_CORRUPT"),
        (1, "[mp4] [error] Application provided invalid, non monotonically increasing dts", "timestamps",
         "INPUT_CORRUPT"),
        (1, "[in#0] [error] Error during demuxing: Input/output error", "read_error", "FFMPEG_FAILED"),
        (-signal.SIGKILL, "", "killed", "FFMPEG_CRASHED"),
        (-signal.SIGILL, "", "wrong_processor", "FFMPEG_CRASHED"),
        (-signal.SIGSYS, "", "forbidden_call", "FFMPEG_CRASHED"),
        (-signal.SIGSEGV, "[error] last", "crashed", "FFMPEG_CRASHED"),
        (200, "[error] words that nobody foresaw", "unknown", "FFMPEG_FAILED"),
    ],
)  # fmt: skip
def test_each_kind_has_its_cause_and_remedy(exit_code: int, stderr: str, kind: str, code: str) -> None:
    found = classify(exit_code, stderr)
    assert (found.kind, found.code) == (kind, code)
    assert found.cause and (found.remedy or CODES[code].remedy)


def test_the_deciding_line_is_not_the_last_and_no_echo_of_it() -> None:
    stderr = (
        "[h264] [warning] Increasing reorder buffer to 1\n[vf#0:0] [error] Error sending frames to consumers: Unknown\n"
        "[mov] [error] something nobody foresaw\n"
        "[vost#0:0] [error] Task finished with error code: -22\n[error] Error opening output files\nConversion failed!"
    )
    assert classify(234, stderr).line == "[mov] [error] something nobody foresaw"


def test_a_grave_line_goes_before_a_warning_of_the_same_rule() -> None:
    lines = ["[mov] [warning] corrupt something", "[h264] [error] error while decoding MB 3 1"]
    found = diagnosis_of(lines)
    assert found is not None and (found.kind, found.line) == ("data_damaged", lines[1])
    assert diagnosis_of(["[aac] [warning] nothing of that"]) is None
