"""The seccomp filters, run by a small interpreter of classic BPF: what each call is answered with."""

import struct

import pytest

from reelmill.media.sandbox.filters import ALLOW, KILL, REFUSE, Filter, common, own, sealed
from reelmill.media.sandbox.syscalls import FOR_THE_SERVER, LAST, MACHINES, REFUSED, UNKNOWN, Machine

PID = 4321
EPERM, ENOSYS = REFUSE | 1, REFUSE | 38


def run(code: bytes, data: bytes) -> int:
    """What a program answers; fails where it leaves itself, jumps back or does not end."""
    at, value, steps = 0, 0, [struct.unpack_from("=HBBI", code, i) for i in range(0, len(code), 8)]
    while True:
        operation, true, false, k = steps[at]
        at += 1
        if operation == 0x20:  # ld [k]
            (value,) = struct.unpack_from("=I", data, k)
        elif operation == 0x54:  # and #k
            value &= k
        elif operation == 0x06:  # ret #k
            return int(k)
        else:
            holds = {0x15: value == k, 0x25: value > k, 0x45: bool(value & k)}[operation]
            at += true if holds else false


def answer(machine: Machine, filters: tuple[Filter, ...], number: int, *arguments: int, arch: int = 0) -> int:
    """The strictest answer of several filters, as the kernel takes it."""
    given = [value & 2**64 - 1 for value in (*arguments, *[0] * 6)[:6]]
    data = struct.pack("=IIQ6Q", number, arch or machine.arch, 0, *given)
    answers = []
    for made in filters:
        code = bytearray(made.code)
        for at in made.own_bytes:
            code[at : at + 4] = PID.to_bytes(4, "little")
        answers.append(run(bytes(code), data))
    return KILL if KILL in answers else next((a for a in answers if a != ALLOW), ALLOW)


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    return MACHINES[request.param]


@pytest.fixture
def child(machine: Machine) -> tuple[Filter, ...]:
    """The filters of a child that gets no descriptors."""
    return common(machine), own(machine)


def test_what_is_refused_is_refused_to_a_child_and_what_its_server_needs_to_no_server(
    machine: Machine, child: tuple[Filter, ...]
) -> None:
    for name in REFUSED & set(machine.numbers):
        number = machine.numbers[name]
        assert answer(machine, child, number) == EPERM, name
        of_server = answer(machine, child[:1], number)
        assert of_server == (ALLOW if name in FOR_THE_SERVER else EPERM), name
    for name in UNKNOWN & set(machine.numbers):
        assert answer(machine, child, machine.numbers[name]) == ENOSYS, name


def test_all_else_that_we_know_passes_and_what_is_newer_does_not(machine: Machine, child: tuple[Filter, ...]) -> None:
    named = set(machine.numbers.values())
    assert {answer(machine, child, n) for n in range(LAST + 1) if n not in named} == {ALLOW}
    for number in (LAST + 1, 467, 0x40000000 + machine.numbers["execve"], 2**32 - 1):  # x32's calls have that bit
        assert answer(machine, child, number) == ENOSYS


def test_calls_of_another_architecture_kill(machine: Machine, child: tuple[Filter, ...]) -> None:
    for arch in (
        0x40000003,
        0x40000028,
        next(m.arch for m in MACHINES.values() if m != machine),
    ):  # i386, ARM, each other
        assert answer(machine, child, 1, arch=arch) == KILL


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("clone", (0x3D0F00,), ALLOW),  # as glibc makes a thread
        ("clone", (0x1200011,), EPERM),  # as it forks
        ("clone", (17,), EPERM),
        ("clone", (0x10000000 | 17,), EPERM),
        ("clone", (0x3D0F00 | 0x10000000,), EPERM),
        ("clone", (0x3D0F00 | 0x80,), EPERM),
        ("kill", (PID, 9), ALLOW),
        ("kill", (PID + 1, 9), EPERM),
        ("kill", (-1, 9), EPERM),
        ("kill", (0, 9), EPERM),
        ("tgkill", (PID, 7, 6), ALLOW),
        ("tgkill", (1, 1, 9), EPERM),
        ("prlimit64", (0, 7), ALLOW),
        ("prlimit64", (PID, 7), ALLOW),
        ("prlimit64", (PID - 1, 7), EPERM),
        ("prctl", (15,), ALLOW),
        ("prctl", (1, 0), EPERM),
        ("prctl", (4, 1), EPERM),
        ("prctl", (0x59616D61, 1), EPERM),
        ("fcntl", (0, 2), ALLOW),
        ("fcntl", (0, 8, 1), EPERM),
        ("fcntl", (0, 10, 9), EPERM),
        ("fcntl", (0, 15), EPERM),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), EPERM),
        ("ioctl", (0, 0x8901), EPERM),
        ("openat", (-100, 0, 0o0), ALLOW),
        ("openat", (-100, 0, 0o1101), ALLOW),
        ("openat", (-100, 0, 0o1002), ALLOW),
        ("openat", (-100, 0, 0o1000), EPERM),
        ("openat", (-100, 0, 0o1003), EPERM),
        ("recvmsg", (0,), EPERM),
        ("execve", (), ALLOW),
    ],
)
def test_some_are_allowed_by_their_arguments(
    machine: Machine, child: tuple[Filter, ...], name: str, arguments: tuple[int, ...], told: int
) -> None:
    assert answer(machine, child, machine.numbers[name], *arguments) == told


def test_the_older_open_is_looked_at_as_well() -> None:
    machine = MACHINES["x86_64"]
    assert answer(machine, (common(machine),), machine.numbers["open"], 0, 0o1000) == EPERM
    assert answer(machine, (common(machine),), machine.numbers["open"], 0, 0o1001) == ALLOW


def test_who_gets_descriptors_may_and_a_sealed_process_opens_and_runs_nothing(machine: Machine) -> None:
    looker = (common(machine), own(machine, receives=True))
    assert answer(machine, looker, machine.numbers["recvmsg"]) == ALLOW
    for name in {"open", "openat", "creat", "execve"} & set(machine.numbers):
        assert answer(machine, (*looker, sealed(machine)), machine.numbers[name]) == EPERM, name


def test_a_filter_fits_into_the_kernel(machine: Machine) -> None:
    for made in (common(machine), own(machine), own(machine, receives=True), sealed(machine)):
        assert len(made.instructions) < 4096
        assert all(true < 256 and false < 256 for _, true, false, _ in made.instructions)


def test_no_number_is_named_twice(machine: Machine) -> None:
    assert len(set(machine.numbers.values())) == len(machine.numbers)


def test_programs_for_aarch64_have_its_architecture_and_its_numbers() -> None:
    """The numbers are from include/uapi/asm-generic/unistd.h, not from our table."""
    machine = MACHINES["aarch64"]
    filters = (common(machine), own(machine), sealed(machine))
    for made in filters:
        steps = list(struct.iter_unpack("=HBBI", made.code))
        assert steps[:3] == [(0x20, 0, 0, 4), (0x15, 1, 0, 0xC00000B7), (0x06, 0, 0, KILL)]
    numbers = {"socket": 198, "connect": 203, "ptrace": 117, "mount": 40, "unshare": 97, "setns": 268, "bpf": 280}
    numbers |= {"io_uring_setup": 425, "keyctl": 219, "execve": 221, "openat": 56, "fchownat": 54, "memfd_create": 279}
    for name, number in numbers.items():
        assert answer(machine, filters, number, -100) == EPERM, name
    for number in (63, 64, 222, 98, 113):  # read, write, mmap, futex, clock_gettime
        assert answer(machine, filters, number) == ALLOW
