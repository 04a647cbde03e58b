"""Which of two reasons is told: what a program said as it failed, or what is found in the input."""

import pytest

from reelmill.jobs.errors import Failure
from reelmill.media.diagnosis import Diagnosis
from reelmill.worker.explaining import _says_more


@pytest.mark.parametrize(
    ("code", "kind", "found", "more"),
    [
        ("INPUT_CORRUPT", "", "unreadable", True),
        ("INPUT_CORRUPT", "too_many_errors", "unreadable", False),
        ("INPUT_CORRUPT", "too_many_errors", "cut_off", True),
        ("INPUT_UNSUPPORTED", "codec_unsupported", "encrypted", True),
        ("INPUT_UNSUPPORTED", "codec_unsupported", "cut_off", False),
        ("INPUT_NO_VIDEO", "", "no_data", True),
        ("INPUT_NO_VIDEO", "", "encrypted", False),
        ("OUTPUT_INVALID", "", "index_damaged", True),
        ("OUTPUT_INVALID", "", "data_damaged", False),
    ],
)
def test_the_better_reason_is_told(code: str, kind: str, found: str, more: bool) -> None:
    assert (
        _says_more(Failure(code=code, message="", kind=kind), Diagnosis(kind=found, code="", cause="", remedy=""))
        is more
    )
