"""Whether what was encrypted is what was asked for, and opens with its key. Pure."""

from collections.abc import Iterator
from functools import partial

from reelmill.media.encrypted import AES_128, CBCS, CENC, Encrypted, Opening
from reelmill.media.fragments import Protection
from reelmill.media.keys import Keys
from reelmill.media.playlists import Playlist
from reelmill.media.promises import Rendition
from reelmill.media.streams import Stream

_METHODS = {AES_128: "AES-128", CBCS: "SAMPLE-AES", CENC: "SAMPLE-AES-CTR"}


def whole(rendition: Rendition, keys: Keys | None, hls: Playlist | None) -> Opening | None:
    """How segments are opened that are encrypted whole; None: they are not. Raises ValueError."""
    how = rendition.encrypted
    if how is None or how.common:
        return None
    return partial(_whole, how, _key(rendition, keys), hls.clear if hls else 0)


def opening(rendition: Rendition, keys: Keys | None, hls: Playlist | None, stream: Stream) -> Opening | None:
    """How any segments are opened. Raises ValueError."""
    if rendition.encrypted is None or stream.track.protection is None:
        return whole(rendition, keys, hls)
    return partial(_samples, _key(rendition, keys), stream.track.protection)


def wrong(
    rendition: Rendition, keys: Keys | None, hls: Playlist | None, named: str | None, stream: Stream
) -> Iterator[str]:
    """What players are told of the key that is not so; `named`: by DASH, in hex; None: there is no DASH."""
    how, found = rendition.encrypted, stream.track.protection
    assert how is not None and keys is not None, "it is encrypted, and was opened"
    key_id = keys.of(rendition.kind).key_id
    if how.common and (found is None or found.scheme != how.scheme):
        yield f"it is encrypted as {found.scheme if found else 'nothing'} instead of {how.scheme}"
        return
    if found is not None and found.key_id != key_id:
        yield "it is encrypted with another key than the one that was given for it"
    if named is not None and named != key_id.hex():
        yield "DASH names another key than the one that was given for it"
    if hls is None:
        return
    methods = {told.get("METHOD", "") for told in hls.keys}
    if methods != {_METHODS[how.scheme]}:
        yield f"HLS tells of {', '.join(sorted(methods)) or 'no key'} instead of {_METHODS[how.scheme]}"
    clear = stream.clear if how.common else how.clear([one.seconds for one in stream.segments])
    if hls.clear != clear:
        yield f"HLS tells of {hls.clear} segments in the clear, and there are {clear}"
    vector = f"0x{how.iv.upper()}" if how.iv else ""
    if not how.common and any(told.get("IV", "") != vector for told in hls.keys):
        yield "HLS tells of another initialization vector"


def _key(rendition: Rendition, keys: Keys | None) -> bytes:
    if keys is None:
        raise ValueError("its keys are not here")
    return keys.of(rendition.kind).key


def _whole(how: Encrypted, key: bytes, clear: int, number: int, data: bytes) -> bytes:
    from reelmill.media.ciphers import opened  # late: most packages are not encrypted

    return data if number < clear else opened(key, how.vector(number), data)


def _samples(key: bytes, protection: Protection, number: int, data: bytes) -> bytes:
    from reelmill.media.ciphers import decrypted

    return decrypted(data, key, protection)
