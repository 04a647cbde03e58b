"""The system calls of the sandbox, by ctypes: no compiler is needed to install us. Linux alone has them.

Each of the calls that shut something raises OSError where the kernel refuses it, and can't be taken back. It imports
little and takes plain values: the fork server is small, so that it forks quickly.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 8, 38, 47
_PR_SET_NAME, _PR_CAP_AMBIENT_RAISE = 15, 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_RULESET_VERSION, _PATH_BENEATH = 1, 1
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER, _GET_ACTION_AVAIL, _ERRNO_ACTION = 1, 2, 0x00050000
_CAPGET, _CAPSET = {"x86_64": 125, "aarch64": 90}, {"x86_64": 126, "aarch64": 91}
_CAPABILITIES_VERSION = 0x20080522
CAP_CHOWN, CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID = 0, 2, 6, 7
NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    _fields_ = tuple((f"{kind}{half}", ctypes.c_uint32) for half in (0, 1) for kind in ("e", "p", "i"))


Rules = list[tuple[str, int, int]]
"""Paths, each with what Landlock allows where it is a folder, and where it is a file."""
_MACHINE = os.uname().machine
_KNOWN = sys.platform == "linux" and sys.maxsize > 2**32 and _MACHINE in _SECCOMP


def landlock_abi() -> int:
    """The version of the kernel's Landlock; 0 where there is none, or a container's profile hides it."""
    if not _KNOWN:
        return 0
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _RULESET_VERSION)))


def has_seccomp() -> bool:
    """Whether the kernel takes filters that answer with an error."""
    if not _KNOWN:
        return False
    action = ctypes.c_uint32(_ERRNO_ACTION)
    return int(_libc.syscall(_SECCOMP[_MACHINE], _GET_ACTION_AVAIL, 0, ctypes.byref(action))) == 0


def can_become(uid: int) -> bool:
    """Whether we may change to that user, group and to nobody else's files, and it is one of this user namespace."""
    if not _KNOWN:
        return False
    held = _capabilities()
    needed = 1 << CAP_CHOWN | 1 << CAP_SETGID | 1 << CAP_SETUID | 1 << CAP_DAC_READ_SEARCH
    if held.e0 & needed != needed:
        return False
    return all(_maps(f"/proc/self/{of}_map", uid) for of in ("uid", "gid"))


def die_with(parent: int) -> None:
    """Be killed when the parent ends, whose id tells whether it has not ended before."""
    _prctl(_PR_SET_PDEATHSIG, 9)
    if os.getppid() != parent:
        os._exit(0)


def be_called(name: str) -> None:
    """What ps and top show us as, of up to 15 bytes."""
    held = ctypes.create_string_buffer(name.encode())
    _prctl(_PR_SET_NAME, ctypes.addressof(held))


def gain_nothing() -> None:
    """Programs that are run from here on give no privileges."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def become(uid: int) -> None:
    """Give root up, but for passing folders, reading files and giving folders away."""
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)  # clears what is effective, not what is permitted
    _set_capabilities(1 << CAP_CHOWN | 1 << CAP_DAC_READ_SEARCH)


def keep_reading() -> None:
    """Keep the right to pass folders and read files, also in the program; Landlock says which."""
    _set_capabilities(1 << CAP_DAC_READ_SEARCH)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH)


def keep_nothing() -> None:
    """Give up every capability."""
    _set_capabilities(0)


def ruleset(handled: tuple[int, int, int, int], rules: Rules) -> int:
    """The descriptor of a set of rules; `handled`: files, TCP and scopes to refuse, and the size of these in bytes.

    What a rule names and is not there, or we can't reach, needs none.
    """
    *values, size_bytes = handled
    attributes = _Ruleset(*values)
    made = _call(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size_bytes), 0)
    beneath = _PathBeneath()
    argument = ctypes.byref(beneath)
    for path, of_a_folder, of_a_file in rules:
        try:
            there = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            folder = os.fstat(there).st_mode & 0o170000 == 0o040000
            beneath.allowed, beneath.parent = of_a_folder if folder else of_a_file, there
            _call(_ADD_RULE, made, _PATH_BENEATH, argument, 0)
        finally:
            os.close(there)
    return made


def restrict(made: int) -> None:
    """Live by a set of rules from here on."""
    _call(_RESTRICT_SELF, made, 0)
    os.close(made)


def filter_calls(code: bytes, own_bytes: tuple[int, ...] = ()) -> None:
    """Live by a filter from here on; at `own_bytes` our id is put into it."""
    patched = bytearray(code)
    for at in own_bytes:
        patched[at : at + 4] = os.getpid().to_bytes(4, sys.byteorder)
    held = ctypes.create_string_buffer(bytes(patched), len(patched))
    program = _Program(len(code) // 8, ctypes.addressof(held))
    _call(_SECCOMP[_MACHINE], _SET_MODE_FILTER, 0, ctypes.byref(program))


def _maps(path: str, uid: int) -> bool:
    """Whether a user namespace knows a number of a user or group."""
    try:
        with open(path) as file:  # noqa: PTH123 - no pathlib in the fork server
            rows = [[int(word) for word in line.split()] for line in file]
    except (OSError, ValueError):
        return True
    return any(inside <= uid < inside + count for inside, _, count in rows)


def _capabilities() -> _Capabilities:
    held = _Capabilities()
    header = _CapabilityHeader(_CAPABILITIES_VERSION, 0)
    _call(_CAPGET[_MACHINE], ctypes.byref(header), ctypes.byref(held))
    return held


def _set_capabilities(mask: int) -> None:
    wanted = _Capabilities(e0=mask, p0=mask, i0=mask)
    header = _CapabilityHeader(_CAPABILITIES_VERSION, 0)
    _call(_CAPSET[_MACHINE], ctypes.byref(header), ctypes.byref(wanted))


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc.prctl(option, *padded) != 0:
        raise _error(f"prctl {option}")


def _call(number: int, *arguments: object) -> int:
    answer = int(_libc.syscall(number, *arguments))
    if answer < 0:
        raise _error(f"system call {number}")
    return answer


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
