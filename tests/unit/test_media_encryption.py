"""What may be asked of an encrypted package, and how keys come and go without being told."""

import base64
import hashlib
import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs import secrets
from reelmill.media import ciphers, encryption, keys, protection
from reelmill.media.encrypted import AES_128, Encrypted
from reelmill.media.fragments import Protection
from reelmill.media.keys import Key, Keys
from reelmill.media.operations import OPERATIONS
from reelmill.media.validate import preset_violations
from reelmill.v1.encryption_pb2 import Encryption
from reelmill.v1.media_pb2 import Preset
from reelmill.v1.package_pb2 import Package

KEY, KEY_ID, OTHER = "0123456789abcdef0123456789abcdef", "00112233445566778899aabbccddeeff", "ff" * 16
ONE = [{"key_id": KEY_ID, "key": KEY}]
PAIR = [{**ONE[0], "tracks": "VIDEO"}, {"key_id": OTHER, "key": OTHER, "tracks": "AUDIO"}]
SERVER = {"url": "https://keys.example/a"}


def box(system: str, content: bytes = b"\x08\x01", names: bytes | None = None) -> bytes:
    """A pssh box."""
    named = b"" if names is None else (len(names) // 16).to_bytes(4, "big") + names
    body = bytes([0 if names is None else 1, 0, 0, 0]) + bytes.fromhex(system) + named
    body += len(content).to_bytes(4, "big") + content
    return (8 + len(body)).to_bytes(4, "big") + b"pssh" + body


WIDEVINE = box("edef8ba979d64acea3c827dcd51d21ed")
PLAYREADY = box("9a04f07998404286ab92e65be0885f95", b"<WRM/>", bytes(32))


def package(told: dict[str, Any], **spec: Any) -> Package:
    return ParseDict({"encryption": told, **spec}, Package())


def wrong(told: dict[str, Any], **spec: Any) -> dict[str, str]:
    found = OPERATIONS["package"].violations(package(told, **spec), "p")
    return {one.field: one.description for one in found}


HLS, BOTH, DASH = {"protocols": ["HLS"]}, {"protocols": ["HLS", "DASH"]}, {"protocols": ["DASH"]}
WV = base64.b64encode(WIDEVINE).decode()


@pytest.mark.parametrize(
    ("told", "spec"),
    [
        ({"scheme": "AES_128", "keys": [{"key": KEY}], "key_uri": "a.key"}, {}),
        ({"scheme": "AES_128", "keys": PAIR, "key_uri": "{key_id}.key", "iv": KEY}, HLS),
        ({"scheme": "AES_128", "key_server": SERVER, "key_uri": "a.key"}, {**HLS, "iframe_playlists": False}),
        ({"scheme": "SAMPLE_AES", "keys": ONE, "key_uri": "a.key"}, {"byte_ranges": True}),
        ({"scheme": "CBCS", "keys": ONE, "key_uri": "skd://a", "key_format": "FAIRPLAY", "pssh": [WV]}, BOTH),
        ({"scheme": "CBCS", "keys": ONE, "key_uri": "a", "key_format": "CLEAR_KEY", "iv": KEY}, BOTH),
        ({"scheme": "CENC", "keys": ONE, "pssh": [WV]}, BOTH),
        ({"scheme": "CENC", "keys": ONE}, DASH),
        ({"scheme": "CENC", "key_server": SERVER}, BOTH),
    ],
)
def test_what_players_can_do_is_taken(told: dict[str, Any], spec: dict[str, Any]) -> None:
    assert wrong(told, **spec) == {}


@pytest.mark.parametrize(
    ("field", "told", "spec"),
    [
        ("keys", {"scheme": "CENC"}, DASH),
        ("keys", {"scheme": "CENC", "keys": ONE, "key_server": SERVER}, DASH),
        ("keys", {"scheme": "CENC", "keys": PAIR[:1]}, DASH),
        ("keys", {"scheme": "CENC", "keys": [PAIR[0], {**PAIR[1], "key_id": KEY_ID}]}, DASH),
        ("keys[0].key_id", {"scheme": "CENC", "keys": [{"key": KEY}]}, DASH),
        ("keys[0].key_id", {"scheme": "AES_128", "keys": [{"key": KEY}], "key_uri": "{key_id}"}, HLS),
        ("scheme", {"scheme": "AES_128", "keys": ONE, "key_uri": "a"}, BOTH),
        ("scheme", {"scheme": "SAMPLE_AES", "keys": ONE}, DASH),
        ("iv", {"scheme": "CENC", "keys": ONE, "iv": KEY}, DASH),
        ("key_uri", {"scheme": "AES_128", "keys": ONE}, HLS),
        ("key_uri", {"scheme": "AES_128", "key_server": SERVER}, HLS),
        ("key_uri", {"scheme": "CBCS", "keys": PAIR, "key_uri": "a"}, HLS),
        ("key_uri", {"scheme": "CBCS", "keys": ONE, "key_uri": "a", "key_format": "FAIRPLAY"}, HLS),
        ("key_uri", {"scheme": "CBCS", "keys": ONE, "key_uri": "a"}, DASH),
        ("key_format", {"scheme": "CBCS", "keys": ONE, "key_format": "CLEAR_KEY"}, DASH),
        ("key_format", {"scheme": "CENC", "keys": ONE, "key_uri": "a"}, HLS),
        ("key_format", {"scheme": "CENC", "keys": ONE, "key_uri": "skd:a", "key_format": "FAIRPLAY"}, HLS),
        ("key_format", {"scheme": "AES_128", "keys": ONE, "key_uri": "a", "key_format": "CLEAR_KEY"}, HLS),
        ("pssh[0]", {"scheme": "CENC", "keys": ONE, "pssh": [base64.b64encode(WIDEVINE[:-1]).decode()]}, DASH),
        ("pssh[0]", {"scheme": "CENC", "keys": ONE, "pssh": ["====", WV]}, DASH),
        ("pssh", {"scheme": "AES_128", "keys": ONE, "key_uri": "a", "pssh": [WV]}, HLS),
    ],
)
def test_what_no_player_could_do_is_refused_by_its_field(
    field: str, told: dict[str, Any], spec: dict[str, Any]
) -> None:
    found = wrong(told, **spec)
    assert f"p.encryption.{field}" in found, found
    assert KEY not in str(found) and OTHER not in str(found)


def test_whole_segments_have_no_ranges() -> None:
    told = {"scheme": "AES_128", "keys": ONE, "key_uri": "a"}
    assert set(wrong(told, byte_ranges=True)) == {"p.byte_ranges"}
    assert set(wrong(told, iframe_playlists=True)) == {"p.iframe_playlists"}
    assert OPERATIONS["package"].with_defaults(package(told)).iframe_playlists is False
    assert OPERATIONS["package"].with_defaults(package({**told, "scheme": "CBCS"})).iframe_playlists is True


def test_a_preset_keeps_no_keys() -> None:
    preset = Preset(name="mine", package=package({"scheme": "CENC", "keys": ONE}, **DASH))
    [found] = preset_violations(preset, "preset")
    assert "secrets" in found.description and KEY not in found.description
    served = Preset(name="mine", package=package({"scheme": "CENC", "key_server": SERVER}, **DASH))
    assert preset_violations(served, "preset") == []


def test_secrets_of_a_package_are_sealed_shown_as_redacted_and_opened_together() -> None:
    told = {"scheme": "CENC", "keys": ONE, "key_server": {**SERVER, "headers": {"Authorization": "hush"}}}
    spec = package(told)
    secrets.seal(spec, lambda data: data[::-1])
    text = str(spec)
    assert KEY not in text and "hush" not in text and KEY_ID in text
    shown = Package()
    shown.CopyFrom(spec)
    secrets.redact(shown)
    assert shown.encryption.keys[0].key == shown.encryption.key_server.headers["Authorization"] == "redacted"
    secrets.open_all(spec, lambda data: data[::-1])
    assert (spec.encryption.keys[0].key, spec.encryption.key_server.headers["Authorization"]) == (KEY, "hush")


def served(answer: bytes, **told: Any) -> Keys:
    spec = {"scheme": "CENC", "key_server": SERVER} | told
    return keys.answered(ParseDict(spec, Encryption()), answer)


def test_a_key_server_answers_with_bytes_or_json() -> None:
    raw = bytes.fromhex(KEY)
    assert served(raw, key_server={**SERVER, "key_id": KEY_ID}).of("video") == Key(
        key_id=bytes.fromhex(KEY_ID), key=raw
    )
    assert served(raw, scheme="AES_128").of("audio").key == raw
    answer = {"keys": PAIR, "pssh": [WV], "more": 1}
    found = served(json.dumps(answer).encode())
    assert (found.of("video").key.hex(), found.of("audio").key.hex(), found.pssh) == (KEY, OTHER, (WIDEVINE,))
    assert keys.of_file(found.told).of("audio").key_id.hex() == OTHER
    assert KEY not in repr(found) and str(raw) not in repr(found)


@pytest.mark.parametrize(
    "answer",
    [
        bytes.fromhex(KEY), b"", b"[", b"[]", b"{}", b'{"keys": []}', b'{"keys": [1]}', b'{"keys": {"a": 1}}',
        b"\xff\xfe",
        b'{"keys": [{"key": "%s"}]}' % KEY.encode(), b'{"keys": [{"key_id": "%s", "key": 7}]}' % KEY.encode(),
        json.dumps({"keys": [{"key_id": KEY_ID, "key": KEY[:-2]}]}).encode(),
        json.dumps({"keys": [{"key_id": KEY_ID, "key": "zz" * 16}]}).encode(),
        json.dumps({"keys": [{**ONE[0], "tracks": "TEXT"}]}).encode(),
        json.dumps({"keys": [{**ONE[0], "tracks": ["VIDEO"]}]}).encode(),
        json.dumps({"keys": PAIR[:1]}).encode(), json.dumps({"keys": [*ONE, *ONE]}).encode(),
        json.dumps({"keys": ONE, "pssh": "x"}).encode(), json.dumps({"keys": ONE, "pssh": [WV] * 9}).encode(),
        json.dumps({"keys": ONE, "pssh": ["AAAA"]}).encode(), b"[" * 60000,
    ],
    ids=lambda answer: hashlib.sha256(answer).hexdigest()[:8],
)  # fmt: skip
def test_what_is_no_answer_is_told_without_what_it_says(answer: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        served(answer)
    assert KEY not in str(caught.value) and KEY[:-2] not in str(caught.value) and "zz" not in str(caught.value)


def test_vectors_follow_from_key_stream_and_content() -> None:
    key, other = (Key(key_id=bytes(16), key=bytes.fromhex(one)) for one in (KEY, OTHER))
    made = {keys.vector(k, name, content, 8) for k in (key, other) for name in "ab" for content in (b"1", b"2")}
    assert len(made) == 8 and all(len(one) == 8 for one in made)
    assert keys.vector(key, "a", b"1", 16)[:8] == keys.vector(key, "a", b"1", 8) in made
    flags = keys.flags(key, bytes(8), [WIDEVINE, PLAYREADY])
    assert flags == (
        f"--enable_raw_key_encryption\n--keys=label=:key_id={'00' * 16}:key={KEY}\n--iv={'00' * 8}\n"
        f"--pssh={(WIDEVINE + PLAYREADY).hex()}\n"
    )


def test_playlists_tell_each_way_to_the_key_and_no_higher_version_than_it_takes() -> None:
    how = Encrypted(scheme="aes-128", uri="k/{key_id}", iv="0a" * 16)
    tags = protection.keys(how, None, KEY_ID)
    assert tags == (f'#EXT-X-KEY:METHOD=AES-128,URI="k/{KEY_ID}",IV=0x{"0A" * 16}',) and protection.version(tags) == 2
    tags = protection.keys(Encrypted(scheme="aes-128", uri="a"), None, KEY_ID)
    assert tags == ('#EXT-X-KEY:METHOD=AES-128,URI="a"',) and protection.version(tags) == 1
    assert protection.version(()) == 1
    inside = Protection(
        scheme="cbcs", key_id=bytes(16), vector_bytes=0, vector=bytes(16), pattern=(1, 9), pssh=(WIDEVINE, PLAYREADY)
    )
    tags = protection.keys(
        Encrypted(scheme="cbcs", uri="skd://a", key_format="com.apple.streamingkeydelivery"), inside, KEY_ID
    )
    assert tags[0].endswith('URI="skd://a",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"')
    assert f"KEYID=0x{KEY_ID.upper()}" in tags[1] and WV in tags[1]
    assert f"UTF-16;base64,{base64.b64encode(b'<WRM/>').decode()}" in tags[2] and "com.microsoft.playready" in tags[2]
    assert protection.version(tags) == 5
    with pytest.raises(ValueError, match="key_uri"):
        protection.keys(Encrypted(scheme="cenc"), None, KEY_ID)


@given(st.binary(max_size=100), st.binary(min_size=16, max_size=16), st.integers(0, 2**31))
def test_whole_segments_are_opened_again(data: bytes, key: bytes, number: int) -> None:
    vector = Encrypted(scheme="aes-128").vector(number)
    made = ciphers.sealed(key, vector, data)
    assert len(made) == len(data) // 16 * 16 + 16 and ciphers.opened(key, vector, made) == data


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=8), st.floats(0, 40))
def test_a_lead_is_made_up_to_whole_segments(lengths: list[float], lead: float) -> None:
    count = Encrypted(scheme="cbcs", clear_seconds=lead).clear(lengths)
    assert sum(lengths[:count]) >= lead or count == len(lengths)
    assert not count or sum(lengths[: count - 1]) < lead


def test_no_plan_holds_a_key() -> None:
    spec = package({"scheme": "CENC", "keys": ONE, "pssh": [WV]}, **DASH)
    file = encryption.flag_file(spec, "out", "h264-90", "video")
    told = (encryption.arguments(spec, file), encryption.told(spec), file, encryption.key_file("out"))
    assert KEY not in str(told)
    assert told[0] == ("--protection_scheme", "cenc", "--clear_lead", "0", "--flagfile=.out/keys-h264-90.flags")


def test_a_whole_segment_has_the_vector_that_was_given_or_its_number() -> None:
    """As RFC 8216, 5.2: the media sequence number as a big-endian 128-bit integer."""
    assert Encrypted(scheme=AES_128).vector(258) == bytes(14) + b"\x01\x02"
    assert Encrypted(scheme=AES_128, iv="0f" * 16).vector(258) == b"\x0f" * 16
