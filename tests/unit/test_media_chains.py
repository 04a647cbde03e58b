"""Whether what stands between packets is parts of a container, one behind the other."""

from reelmill.media import matroska, ogg


def test_elements_follow_each_other() -> None:
    void = b"\xec\x84" + bytes(4)
    assert matroska.is_chain(void * 3 + b"\xa3\x82ab" + b"\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff\xe7\x81\1")
    assert not matroska.is_chain(bytes(40))
    assert not matroska.is_chain(void + b"\x8f\x81a")


def test_pages_follow_each_other() -> None:
    page = b"OggS" + bytes(22) + b"\x02\x03\x01" + b"abcd"
    assert ogg.is_chain(b"xx" + page * 3 + page[:20])
    assert not ogg.is_chain(page + b"x" + page)
    assert not ogg.is_chain(bytes(500))
