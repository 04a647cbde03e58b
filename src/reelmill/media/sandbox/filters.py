"""The seccomp filters of a sandboxed process: programs of classic BPF, assembled here. Pure.

It lists what is refused and lets the rest pass: encoders use what calls they like to compute, and a list of what is
allowed would break with each new build. Calls that the kernel learnt after our list are refused all the same.
"""

import struct
from dataclasses import dataclass

from reelmill.media.sandbox.syscalls import FOR_THE_SERVER, LAST, REFUSED, UNKNOWN, Machine

EPERM, ENOSYS = 1, 38
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000  # SECCOMP_RET_ALLOW, _ERRNO, _KILL_PROCESS
LOAD, EQUAL, GREATER, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 0x06
_NUMBER, _ARCH = 0, 4  # offsets in struct seccomp_data
_THREAD = 0x10000  # CLONE_THREAD
_NAMESPACES = 0x7E020080  # CLONE_NEW*
_TRUNCATE, _WRITE_ONLY, _READ_WRITE, _ACCESS = 0x200, 1, 2, 3  # O_*
_FCNTLS = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: signals to whomever it names
_IOCTLS = (0x5412, 0x541C, 0x8901, 0x8902)  # TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP
# PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_SET_VMA. Not among them:
# PR_SET_PDEATHSIG, with which it would outlive us, and PR_SET_DUMPABLE, PR_SET_PTRACER, PR_SET_MM.
_PRCTLS = (15, 16, 23, 38, 39, 0x53564D41)

Instruction = tuple[int, int, int, int]
"""code, where to jump if true, if false, k: struct sock_filter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A program, but for the process's own id, which only the process knows."""

    instructions: tuple[Instruction, ...]
    own_at: tuple[int, ...]
    """The instructions whose k is that id."""

    @property
    def code(self) -> bytes:
        """As the kernel reads it."""
        return b"".join(struct.pack("=HBBI", *step) for step in self.instructions)

    @property
    def own_bytes(self) -> tuple[int, ...]:
        """Where in `code` the process's own id belongs, in 4 bytes."""
        return tuple(8 * at + 4 for at in self.own_at)


_OWN: Instruction = (EQUAL, 0, 1, 0xFFFFFFFF)


def common(machine: Machine) -> Filter:
    """What the fork server itself lives by, and so all its children: made once, for it takes the kernel a while."""
    refused = {name: [_refuse()] for name in REFUSED - FOR_THE_SERVER}
    unknown = {name: [_refuse(ENOSYS)] for name in UNKNOWN}
    looked_at = {
        "fcntl": [*_load(1), *_one_of(_FCNTLS, _refuse()), _allow()],
        "ioctl": [*_load(1), *_one_of(_IOCTLS, _refuse()), _allow()],
        # Landlock learnt of truncation in its third version: who opens to read may not.
        **{
            name: [
                *_load(flags),
                (ANY_BIT, 1, 0, _TRUNCATE),
                _allow(),
                (AND, 0, 0, _ACCESS),
                *_one_of((_WRITE_ONLY, _READ_WRITE), _allow()),
                _refuse(),
            ]
            for name, flags in (("open", 1), ("openat", 2))
        },
    }
    return _program(machine, looked_at | refused | unknown)


def own(machine: Machine, *, receives: bool = False) -> Filter:
    """What a child lives by besides; `receives`: it takes descriptors from a socket that it was given."""
    refused = {name: [_refuse()] for name in (FOR_THE_SERVER | (set() if receives else {"recvmsg"}))}
    looked_at = {
        "clone": [
            *_load(0),
            (ANY_BIT, 1, 0, _THREAD),  # threads alone: no process, so no fork bomb and nobody who stays behind
            _refuse(),
            (ANY_BIT, 0, 1, _NAMESPACES),
            _refuse(),
            _allow(),
        ],
        **{name: [*_load(0), _OWN, _allow(), _refuse()] for name in ("kill", "tgkill")},
        "prlimit64": [*_load(0), (EQUAL, 1, 0, 0), _OWN, _allow(), _refuse()],
        "prctl": [*_load(0), *_one_of(_PRCTLS, _allow()), _refuse()],
    }
    return _program(machine, looked_at | refused)


def sealed(machine: Machine) -> Filter:
    """Added once a process has all that it needs: it opens and runs nothing any more."""
    return _program(machine, {name: [_refuse()] for name in ("open", "openat", "creat", "execve")})


def _program(machine: Machine, calls: dict[str, list[Instruction]]) -> Filter:
    body: list[Instruction] = [
        (LOAD, 0, 0, _ARCH),
        (EQUAL, 1, 0, machine.arch),
        (RETURN, 0, 0, KILL),  # by the calls of another architecture it would go around us
        (LOAD, 0, 0, _NUMBER),
        (GREATER, 0, 1, LAST),  # also x86's x32 calls, whose numbers have a bit of their own
        _refuse(ENOSYS),
    ]
    for name in sorted(calls):
        body += _where(machine, name, calls[name])
    body.append(_allow())
    return Filter(instructions=tuple(body), own_at=tuple(at for at, step in enumerate(body) if step == _OWN))


def _where(machine: Machine, name: str, steps: list[Instruction]) -> list[Instruction]:
    """Steps that end in a return, for one call; others jump over them with their number untouched."""
    number = machine.numbers.get(name)
    return [] if number is None else [(EQUAL, 0, len(steps), number), *steps]


def _load(argument: int) -> list[Instruction]:
    """The lower half of an argument: of all that is looked at, the kernel itself reads no more."""
    return [(LOAD, 0, 0, 16 + 8 * argument)]


def _one_of(values: tuple[int, ...], then: Instruction) -> list[Instruction]:
    """Do `then`, a return, where the loaded value is one of these, and else go on."""
    return [step for value in values for step in ((EQUAL, 0, 1, value), then)]


def _refuse(error: int = EPERM) -> Instruction:
    return (RETURN, 0, 0, REFUSE | error)


def _allow() -> Instruction:
    return (RETURN, 0, 0, ALLOW)
