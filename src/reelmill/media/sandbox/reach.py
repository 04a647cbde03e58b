"""What of the file system a sandboxed process reaches, as rules of Landlock. Pure.

Whatever no rule names is refused. No rule lets anything be linked, or a device, socket or pipe be made: a link would
lead us, who read a process's folder when it is done, to where it can't go itself.
"""

from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

LEAST_ABI = 1
"""Of Linux 5.13. What later ones add (truncation, TCP, signals) seccomp refuses as well."""


class Access(IntFlag):
    """LANDLOCK_ACCESS_FS_*."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


A = Access
READ = A.READ_FILE | A.READ_DIR
RUN = A.READ_FILE | A.EXECUTE
OWN = READ | A.WRITE_FILE | A.TRUNCATE | A.REMOVE_DIR | A.REMOVE_FILE | A.MAKE_DIR | A.MAKE_REG | A.REFER
DEVICE = A.READ_FILE | A.WRITE_FILE
_OF_A_FILE = A.EXECUTE | A.WRITE_FILE | A.READ_FILE | A.TRUNCATE | A.IOCTL_DEV
_ALL = (1 << 16) - 1
_FIRST_ABI = {A.REFER: 2, A.TRUNCATE: 3, A.IOCTL_DEV: 5}


@dataclass(frozen=True, kw_only=True, slots=True)
class Handled:
    """struct landlock_ruleset_attr: everything that is refused where no rule allows it."""

    files: int
    tcp: int
    scoped: int
    size_bytes: int
    """Of the structure, as far as this kernel knows it."""

    @property
    def values(self) -> tuple[int, int, int, int]:
        """As the system calls take it."""
        return self.files, self.tcp, self.scoped, self.size_bytes


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done with a file, or below a folder."""

    path: str
    access: Access

    def bits(self, abi: int) -> tuple[int, int]:
        """What Landlock is told where it is a folder, and where it is a file."""
        return known(self.access, abi), known(self.access, abi, folder=False)


def handled(abi: int) -> Handled:
    """All that a kernel's Landlock can refuse: files, TCP (4), other processes' signals and abstract sockets (6)."""
    return Handled(
        files=known(_ALL, abi),
        tcp=0b11 if abi >= 4 else 0,
        scoped=0b11 if abi >= 6 else 0,
        size_bytes=24 if abi >= 6 else 16 if abi >= 4 else 8,
    )


def known(access: int, abi: int, *, folder: bool = True) -> int:
    """The part of an access that a kernel knows, and that makes sense for a file or a folder."""
    newer = sum(bit for bit, first in _FIRST_ABI.items() if first > abi)
    return int(access) & _ALL & ~newer & (_ALL if folder else int(_OF_A_FILE))


# Of every process. Codecs and the C library count processors and ask for the time zone; all of it is no secret.
_EVERYBODY = (
    Rule("/dev/null", DEVICE),
    *(Rule(path, A.READ_FILE) for path in ("/dev/zero", "/dev/urandom", "/dev/random")),
    *(Rule(f"/sys/devices/system/{of}", READ) for of in ("cpu", "node")),
    *(Rule(path, A.READ_FILE) for path in ("/proc/cpuinfo", "/proc/meminfo", "/etc/localtime")),
    Rule("/usr/share/zoneinfo", READ),
)
_LIBRARIES = (
    *("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local/lib"),
    *("/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/alternatives", "/nix/store"),
)
_PROGRAMS = ("/bin", "/usr/bin", "/usr/local/bin")


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """What a program needs to start at all."""

    runs: tuple[Path, ...]
    """Itself, by its real path, and what the kernel runs it by: a loader, a shell."""
    libraries: bool = False
    """It is loaded together with libraries."""
    script: bool = False
    """It may go over into another program, as scripts around an ffmpeg do."""


def rules(program: Program, *, reads: tuple[Path, ...], writes: tuple[Path, ...]) -> tuple[Rule, ...]:
    """All that a process reaches."""
    beside = tuple(str(path.parent.parent / "lib") for path in program.runs[:1] if path.parent.name == "bin")
    return (
        *_EVERYBODY,
        *(Rule(str(path), RUN) for path in program.runs),
        *(Rule(path, READ) for path in (*_LIBRARIES, *beside) if program.libraries or program.script),
        *(Rule(path, RUN | A.READ_DIR) for path in _PROGRAMS if program.script),
        *(Rule(str(path), READ) for path in reads),
        *(Rule(str(path), OWN) for path in writes),
    )
