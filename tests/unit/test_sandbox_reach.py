"""Rules of Landlock, what programs need, and what stands by which setting."""

import struct
from pathlib import Path

import pytest

from reelmill.media.sandbox import kernel, walls
from reelmill.media.sandbox.programs import interpreter, named, program
from reelmill.media.sandbox.reach import OWN, READ, RUN, Access, Program, Rule, handled, known, rules

NEVER = Access.MAKE_CHAR | Access.MAKE_SOCK | Access.MAKE_FIFO | Access.MAKE_BLOCK | Access.MAKE_SYM | Access.IOCTL_DEV


@pytest.mark.parametrize(
    ("abi", "files", "tcp", "scoped", "size_bytes"),
    [
        (1, 0x1FFF, 0, 0, 8),
        (2, 0x3FFF, 0, 0, 8),
        (3, 0x7FFF, 0, 0, 8),
        (4, 0x7FFF, 3, 0, 16),
        (5, 0xFFFF, 3, 0, 16),
        (6, 0xFFFF, 3, 3, 24),
        (7, 0xFFFF, 3, 3, 24),
        (99, 0xFFFF, 3, 3, 24),
    ],
)
def test_all_that_a_kernel_can_refuse_is_refused(abi: int, files: int, tcp: int, scoped: int, size_bytes: int) -> None:
    assert handled(abi).values == (files, tcp, scoped, size_bytes)


def test_a_rule_says_only_what_the_kernel_knows_and_a_file_has() -> None:
    assert known(OWN, 1) == OWN & ~Access.REFER & ~Access.TRUNCATE
    assert known(OWN, 2) == OWN & ~Access.TRUNCATE
    assert known(OWN, 3) == OWN
    assert known(READ, 7, folder=False) == Access.READ_FILE
    assert known(OWN, 7, folder=False) == Access.READ_FILE | Access.WRITE_FILE | Access.TRUNCATE


def test_a_static_ffmpeg_reaches_its_input_its_folder_and_nothing_of_others() -> None:
    ffmpeg = Program(runs=(Path("/opt/ffmpeg"),))
    made = rules(ffmpeg, reads=(Path("/media/in.mp4"),), writes=(Path("/own/7"),))
    writable = {rule.path for rule in made if rule.access & (Access.WRITE_FILE | Access.MAKE_REG)}
    assert writable == {"/own/7", "/dev/null"}
    assert [rule for rule in made if rule.access & Access.EXECUTE] == [Rule("/opt/ffmpeg", RUN)]
    assert Rule("/media/in.mp4", READ) in made
    assert {rule.path.split("/")[1] for rule in made} == {"opt", "media", "own", "dev", "sys", "proc", "etc", "usr"}
    assert {r.path for r in made if r.path.startswith(("/etc", "/usr", "/proc"))} == {
        *("/etc/localtime", "/usr/share/zoneinfo", "/proc/cpuinfo", "/proc/meminfo")
    }


def test_nobody_makes_links_devices_sockets_or_pipes() -> None:
    everything = Program(runs=(Path("/bin/sh"),), libraries=True, script=True)
    for rule in rules(everything, reads=(Path("/a"),), writes=(Path("/b"),)):
        assert not rule.access & NEVER, rule


def elf(*loaders: str) -> bytes:
    """The head of a program with such loaders, and one other header before."""
    offset = 64 + 56 * (1 + len(loaders))
    head = b"\x7fELF\x02\x01" + bytes(26) + struct.pack("<Q", 64) + bytes(14)
    head += struct.pack("<HH", 56, 1 + len(loaders)) + bytes(6)
    entries = [struct.pack("<IIQQQQQQ", 1, 0, 0, 0, 0, 9, 0, 0)]
    for loader in loaders:
        entries.append(struct.pack("<IIQQQQQQ", 3, 0, offset, 0, 0, len(loader) + 1, 0, 0))
    return head + b"".join(entries) + "".join(f"{loader}\0" for loader in loaders).encode()


@pytest.mark.parametrize(
    ("head", "loader"),
    [
        (elf("/lib64/ld.so"), "/lib64/ld.so"),
        (elf(), None),
        (elf("/lib64/ld.so")[:70], None),
        (b"\x7fELF\x01\x01" + bytes(100), None),
        (b"", None),
        (b"#!/bin/sh", None),
    ],
)
def test_a_programs_loader_is_read_from_its_head(head: bytes, loader: str | None) -> None:
    assert interpreter(head) == loader


def test_a_script_runs_what_it_names_by_its_path(tmp_path: Path) -> None:
    assert named(b'#!/bin/sh\nexec "/opt/ff mpeg" /opt/x/ffmpeg;/a "$@" >/dev/null') == tuple(
        map(Path, ("/bin/sh", "/opt/ff", "/opt/x/ffmpeg", "/a", "/dev/null"))
    )
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.write_bytes(elf("/lib64/ld.so"))
    inner.chmod(0o755)
    outer.write_text(f'#!/bin/sh\nexec {inner} "$@"\n')
    found = program(str(outer))
    assert found.script
    assert {outer, inner, Path("/bin/sh").resolve()} <= set(found.runs)
    assert program(str(inner)) == Program(runs=(inner, Path("/lib64/ld.so").resolve()), libraries=True)


@pytest.fixture
def machine_without(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine as this one; what it lacks is patched by the test."""
    walls._found.cache_clear()
    monkeypatch.setattr(kernel, "landlock_abi", lambda: 7)
    monkeypatch.setattr(kernel, "has_seccomp", lambda: True)
    monkeypatch.setattr(kernel, "can_become", lambda uid: True)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("reelmill.media.sandbox.walls._found", walls._found.__wrapped__)
    return monkeypatch


@pytest.mark.parametrize(
    ("lacks", "value", "words"),
    [
        ("landlock_abi", 0, "this kernel has no Landlock: files stay open to ffmpeg"),
        ("has_seccomp", False, "there is no seccomp here: network and processes stay open to ffmpeg"),
        ("can_become", False, "ffmpeg runs as root, for we may not change to another user"),
    ],
)
def test_what_is_lacking_is_told_and_refused_where_it_is_required(
    machine_without: pytest.MonkeyPatch, lacks: str, value: object, words: str
) -> None:
    assert walls.standing("require").lacking == ()
    machine_without.setattr(kernel, lacks, lambda *_: value)
    (lacking,) = walls.standing("try").lacking
    assert lacking.startswith(words)
    with pytest.raises(RuntimeError, match=f"^REELMILL_SANDBOX: it is require, and {words}"):
        walls.standing("require")
    assert walls.standing("off") == walls.Walls()


def test_the_oldest_landlock_is_enough_and_who_is_no_root_stays_who_it_is(machine_without: pytest.MonkeyPatch) -> None:
    machine_without.setattr(kernel, "landlock_abi", lambda: 1)
    machine_without.setattr("os.geteuid", lambda: 1000)
    stands = walls.standing("require")
    assert (stands.landlock_abi, stands.user) == (1, None)
    assert str(stands) == "Landlock ABI 1, seccomp"
