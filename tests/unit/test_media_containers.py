"""What transport streams can't hold is refused by its field."""

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from reelmill.media.operations import OPERATIONS
from reelmill.v1.package_pb2 import Package

KEYS = {"keys": [{"key_id": "ab" * 16, "key": "ab" * 16}], "key_uri": "a"}


def wrong(**spec: Any) -> dict[str, str]:
    found = OPERATIONS["package"].violations(ParseDict({"container": "TS", **spec}, Package()), "p")
    return {one.field: one.description for one in found}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"protocols": ["HLS"], "rungs": [{"codec": "H264"}], "audio": {"codec": "AAC"}},
        {"codecs": ["H264"], "closed_captions": [{"channel": "CC1"}], "sound_alone": True, "iframe_playlists": True},
        {"encryption": {"scheme": "AES_128", **KEYS}},
        {"container": "FMP4", "protocols": ["DASH"], "codecs": ["AV1"], "byte_ranges": True},
    ],
)
def test_what_they_hold_is_taken(spec: dict[str, Any]) -> None:
    assert wrong(**spec) == {}


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("protocols[1]", {"protocols": ["HLS", "DASH"]}),
        ("byte_ranges", {"byte_ranges": True}),
        ("codecs[1]", {"codecs": ["H264", "H265"]}),
        ("rungs[0].codec", {"rungs": [{"codec": "AV1"}]}),
        ("audio.codec", {"audio": {"codec": "OPUS"}}),
        *(("encryption.scheme", {"encryption": {"scheme": one, **KEYS}}) for one in ("SAMPLE_AES", "CBCS")),
        ("encryption.scheme", {"encryption": {"scheme": "CENC", **KEYS, "key_format": "CLEAR_KEY"}}),
    ],
)
def test_what_they_do_not_is_refused_by_its_field(field: str, spec: dict[str, Any]) -> None:
    assert wrong(**spec).keys() == {f"p.{field}"}
    assert "TS" in wrong(**spec)[f"p.{field}"] and "FMP4" in wrong(**spec)[f"p.{field}"]


def test_fragments_are_the_default() -> None:
    assert OPERATIONS["package"].with_defaults(Package()).container == Package.FMP4
