"""How players are told of encryption: tags of HLS (RFC 8216, 4.3.2.4) and elements of DASH (ISO/IEC 23009-1). Pure."""

import base64
from collections.abc import Iterator, Sequence
from uuid import UUID

from reelmill.media.encrypted import AES_128, CBCS, CENC, Encrypted
from reelmill.media.fragments import Protection
from reelmill.media.markup import attributes

NAMESPACE = 'xmlns:cenc="urn:mpeg:cenc:2013"'
_METHODS = {AES_128: "AES-128", CBCS: "SAMPLE-AES", CENC: "SAMPLE-AES-CTR"}
_WIDEVINE, _PLAYREADY = "edef8ba979d64acea3c827dcd51d21ed", "9a04f07998404286ab92e65be0885f95"


def keys(encrypted: Encrypted, protection: Protection | None, key_id: str) -> tuple[str, ...]:
    """The tags of a playlist's key: one for each way to it. `key_id`: in hex.

    `protection`: as the stream's own beginning tells it, where its samples are encrypted. Raises ValueError where
    there is no way.
    """
    method = _METHODS[encrypted.scheme]
    found: list[dict[str, str]] = []
    if encrypted.uri:
        found.append({"METHOD": method, "URI": f'"{encrypted.uri.replace("{key_id}", key_id)}"'})
        vector = encrypted.iv if protection is None else protection.vector.hex()
        if vector and encrypted.key_format == "identity":
            found[-1]["IV"] = f"0x{vector.upper()}"
        if encrypted.key_format != "identity":
            found[-1] |= {"KEYFORMAT": f'"{encrypted.key_format}"', "KEYFORMATVERSIONS": '"1"'}
    for box in protection.pssh if protection else ():
        found += ({"METHOD": method, **told} for told in _of_box(box, key_id))
    if not found:
        raise ValueError("HLS players can't be told where the key is: give key_uri, or pssh of Widevine or PlayReady")
    return tuple(f"#EXT-X-KEY:{','.join(f'{name}={value}' for name, value in one.items())}" for one in found)


def version(tags: Sequence[str]) -> int:
    """The least version of a playlist with these tags (RFC 8216, 7)."""
    return max((5 if "KEYFORMAT" in tag else 2 if "IV=" in tag else 1 for tag in tags), default=1)


def elements(protection: Protection) -> Iterator[str]:
    """Of an adaptation set, before all else that it holds."""
    scheme = {"schemeIdUri": "urn:mpeg:dash:mp4protection:2011", "value": protection.scheme}
    named = {**scheme, "cenc:default_KID": str(UUID(bytes=protection.key_id))}
    yield f"<ContentProtection {attributes(named)}/>"
    for box in protection.pssh:
        yield f"<ContentProtection {attributes({'schemeIdUri': f'urn:uuid:{UUID(bytes=_system(box))}'})}>"
        yield f"  <cenc:pssh>{base64.b64encode(box).decode()}</cenc:pssh>"
        yield "</ContentProtection>"


def _of_box(box: bytes, key_id: str) -> Iterator[dict[str, str]]:
    """What HLS tells of a protection system that it has a name for."""
    system = _system(box).hex()
    if system == _WIDEVINE:
        yield {
            "URI": f'"data:text/plain;base64,{base64.b64encode(box).decode()}"',
            "KEYID": f"0x{key_id.upper()}",
            "KEYFORMAT": f'"urn:uuid:{UUID(hex=system)}"',
            "KEYFORMATVERSIONS": '"1"',
        }
    elif system == _PLAYREADY:
        yield {
            "URI": f'"data:text/plain;charset=UTF-16;base64,{base64.b64encode(_content(box)).decode()}"',
            "KEYFORMAT": '"com.microsoft.playready"',
            "KEYFORMATVERSIONS": '"1"',
        }


def _system(box: bytes) -> bytes:
    return box[12:28]


def _content(box: bytes) -> bytes:
    """What a box says to its system (ISO/IEC 23001-7, 8.1)."""
    at = 28
    if box[8]:  # names of keys come before it
        at += 4 + 16 * int.from_bytes(box[at : at + 4], "big")
    return box[at + 4 : at + 4 + int.from_bytes(box[at : at + 4], "big")]
