"""What an attempt of a job can fail of: stable codes, and what helps. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """What kind of thing went wrong."""

    INPUT = "INPUT"  # the input or the request: change it
    LIMIT = "LIMIT"  # a limit of this server
    TRANSIENT = "TRANSIENT"  # something outside was away
    INTERNAL = "INTERNAL"  # a fault of Reelmill or ffmpeg


@dataclass(frozen=True, slots=True)
class Code:
    """A stable error code's meaning."""

    category: Category
    retryable: bool
    meaning: str
    remedy: str
    """What to do, where nobody knows better."""


# Stable: clients match on these. docs/errors.md shows the table; a test holds the two together.
CODES: dict[str, Code] = {
    "INPUT_NOT_FOUND": Code(
        Category.INPUT,
        False,
        "The input does not exist (file missing, HTTP 404 or 410).",
        "Check the input's address, and that the file is there as the worker sees it.",
    ),
    "INPUT_FORBIDDEN": Code(
        Category.INPUT,
        False,
        "The input can't be read: outside what is allowed, or access denied.",
        "Put the input where workers may read it (`reelmill settings` tells where), or give them the right to.",
    ),
    "SECRETS_UNAVAILABLE": Code(
        Category.INTERNAL,
        True,
        "This worker can't open the job's secrets: it has another REELMILL_SECRETS_KEY, or none.",
        "Give api and workers the same `secrets_key`, older keys behind it.",
    ),
    "KEYS_UNAVAILABLE": Code(
        Category.TRANSIENT,
        True,
        "The key server of an encrypted package can't be asked now.",
        "See that it answers workers; the job is tried again by itself.",
    ),
    "KEYS_REFUSED": Code(
        Category.INPUT,
        False,
        "The key server of an encrypted package gave no keys, or none that can be used.",
        "Ask it as a worker does, and compare its answer with what docs/operations.md says of key servers.",
    ),
    "INPUT_EMPTY": Code(
        Category.INPUT,
        False,
        "The input has no bytes.",
        "Copy, upload or record the file again: nothing arrived.",
    ),
    "INPUT_TOO_LARGE": Code(
        Category.LIMIT,
        False,
        "The input is larger than this server accepts.",
        "Raise the setting `input_max_bytes`, or give a smaller file.",
    ),
    "INPUT_NOT_MEDIA": Code(
        Category.INPUT,
        False,
        "The input is no media file that ffmpeg can read.",
        "Give the media file itself; open the input in a player first.",
    ),
    "INPUT_CORRUPT": Code(
        Category.INPUT,
        False,
        "The input is damaged or cut off.",
        "Copy the file again and compare sizes; where its source is damaged too, repair or record it anew.",
    ),
    "INPUT_NO_VIDEO": Code(
        Category.INPUT,
        False,
        "The operation needs a picture and the input has none.",
        "Leave this output out, or give an input with a picture.",
    ),
    "INPUT_NO_AUDIO": Code(
        Category.INPUT,
        False,
        "The operation needs sound and the input has none.",
        "Leave this output out, or give an input with sound.",
    ),
    "INPUT_NO_CAPTIONS": Code(
        Category.INPUT,
        False,
        "The operation needs a text track and the input has none.",
        "Leave this output out, or give an input with a text track.",
    ),
    "INPUT_UNSUPPORTED": Code(
        Category.INPUT,
        False,
        "The input uses a format that is not accepted.",
        "Convert the input to a usual format first, or ask for what it can give.",
    ),
    "COPY_IMPOSSIBLE": Code(
        Category.INPUT,
        False,
        "A stream must go out as it is, and is not what else was asked for.",
        "Let the stream be encoded instead of copied.",
    ),
    "INPUT_CHANGED": Code(
        Category.INPUT,
        False,
        "The input was changed or replaced while the job read it.",
        "Submit the job again once nobody writes to the input any more.",
    ),
    "INPUT_UNAVAILABLE": Code(
        Category.TRANSIENT,
        True,
        "The input's server was away or answered with an error.",
        "Check that the input's server answers, then retry the job.",
    ),
    "INPUT_TIMEOUT": Code(
        Category.TRANSIENT,
        True,
        "The input's server was too slow.",
        "Check how fast the input's server is from the worker, then retry the job.",
    ),
    "TIME_OUT_OF_RANGE": Code(
        Category.INPUT,
        False,
        "A time lies past the input's end.",
        "Ask for times within the input's length.",
    ),
    "OUTPUT_NOT_WRITABLE": Code(
        Category.INPUT,
        False,
        "The destination refused the output.",
        "Choose a destination that workers may write to, or give them the right to.",
    ),
    "OUTPUT_UNAVAILABLE": Code(
        Category.TRANSIENT,
        True,
        "The destination was away.",
        "Check that the destination answers, then retry the job.",
    ),
    "OUTPUT_INVALID": Code(
        Category.INTERNAL,
        True,
        "ffmpeg ended well but its output is not what was asked for.",
        "Retry the job; where it fails again, report it with the reproduction.",
    ),
    "CONTRACT_BROKEN": Code(
        Category.INPUT,
        False,
        "The output does not satisfy its contract; the message says why.",
        "Change the output's settings so that it can satisfy the contract, or the contract.",
    ),
    "OUTPUT_TOO_LARGE": Code(
        Category.LIMIT,
        False,
        "The output outgrew its limit.",
        "Ask for a shorter or smaller output, or raise the limit that the message names.",
    ),
    "ENCODER_UNAVAILABLE": Code(
        Category.INTERNAL,
        False,
        "This ffmpeg lacks an encoder or a filter.",
        "Run `reelmill doctor` on the worker, and give it an ffmpeg that has what is missing.",
    ),
    "ENCODER_REFUSED": Code(
        Category.INPUT,
        False,
        "The encoder does not take the size, rate or bit rate asked for.",
        "Change the output's size, rate or bit rate.",
    ),
    "FFMPEG_FAILED": Code(
        Category.INTERNAL,
        True,
        "ffmpeg ended with an error that the table does not know.",
        "Run the reproduction, read what it prints, and report it where the input plays elsewhere.",
    ),
    "PACKAGER_UNAVAILABLE": Code(
        Category.INTERNAL,
        False,
        "This worker has no packager for its kind of machine.",
        "Run packages on a worker of a machine that has one (x86_64, aarch64).",
    ),
    "SPEECH_UNAVAILABLE": Code(
        Category.INTERNAL,
        False,
        "This worker can't hear speech.",
        "Where workers run, pip install 'reelmill[speech]', and set REELMILL_SPEECH_MODEL to a Whisper model's folder.",
    ),
    "PROGRAM_FAILED": Code(
        Category.INTERNAL,
        True,
        "A program beside ffmpeg ended with an error.",
        "Run the reproduction and read what it prints.",
    ),
    "FFMPEG_CRASHED": Code(
        Category.INTERNAL,
        True,
        "ffmpeg was ended by a signal.",
        "Retry the job; where it crashes again, report it with the reproduction.",
    ),
    "OUT_OF_MEMORY": Code(
        Category.LIMIT,
        False,
        "The job needs more memory than a worker gives to one.",
        "Ask for a smaller picture or fewer outputs in one job, or raise `worker_memory_bytes`.",
    ),
    "DISK_FULL": Code(
        Category.LIMIT,
        True,
        "There was not enough disk space.",
        "Free space on the worker's disk, or give it a larger one (`data_dir`), then retry the job.",
    ),
    "NO_PROGRESS": Code(
        Category.INTERNAL,
        True,
        "ffmpeg made no progress and was stopped.",
        "Retry the job; where it stands still again, the input makes ffmpeg hang: make a sound copy of it.",
    ),
    "WALL_LIMIT": Code(
        Category.LIMIT,
        False,
        "The attempt took longer than its wall limit.",
        "Ask for less effort or a shorter part, or raise `wall_limit_seconds` or `wall_limit_factor`.",
    ),
    "DEADLINE_EXCEEDED": Code(
        Category.LIMIT,
        False,
        "The job's deadline passed.",
        "Give the job a later deadline, or the pool more workers.",
    ),
    "WORKER_LOST": Code(
        Category.INTERNAL,
        True,
        "Workers died while running this job.",
        "Look into the log of the worker that died, and of its kernel for memory; then retry the job.",
    ),
    "INTERNAL": Code(
        Category.INTERNAL,
        True,
        "A fault of Reelmill; the worker's log has its trace.",
        "Look for the trace in the worker's log, and report it.",
    ),
}
