"""Which walls of the sandbox stand on this machine, by the setting `sandbox`."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Literal

from reelmill.media.sandbox import kernel
from reelmill.media.sandbox.reach import LEAST_ABI

Sandbox = Literal["require", "try", "off"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Walls:
    """What a process is held by, besides limits, an empty environment and the death of its parent."""

    landlock_abi: int = 0
    """0: it reaches every file that its user does."""
    machine: str = ""
    """Whose calls seccomp filters, a key of syscalls.MACHINES; "": none is refused."""
    user: int | None = None
    """Whom it becomes; None: it stays what we are."""
    lacking: tuple[str, ...] = ()
    """A sentence for each wall that does not stand though it was wanted."""

    def __str__(self) -> str:
        if self == Walls():
            return "off: what reads foreign files is held by limits alone"
        parts = [f"Landlock ABI {self.landlock_abi}"] if self.landlock_abi else []
        parts += ["seccomp"] if self.machine else []
        parts += [f"user {self.user}"] if self.user is not None else []
        return "; ".join((", ".join(parts) or "no wall", *self.lacking))


def standing(sandbox: Sandbox) -> Walls:
    """The walls of every process that reads foreign bytes. Raises RuntimeError where `require` is not met."""
    if sandbox == "off":
        return Walls()
    walls = _found()
    if sandbox == "require" and walls.lacking:
        raise RuntimeError(f"REELMILL_SANDBOX: it is require, and {'; '.join(walls.lacking)}")
    return walls


@cache
def _found() -> Walls:
    abi = kernel.landlock_abi()
    machine = os.uname().machine if kernel.has_seccomp() else ""
    root = os.geteuid() == 0
    user = kernel.NOBODY if root and kernel.can_become(kernel.NOBODY) else None
    lacking = []
    if abi < LEAST_ABI:
        lacking.append(
            "this kernel has no Landlock: files stay open to ffmpeg"
            " (Linux 5.13 or newer, started with landlock among lsm=, in a container whose seccomp profile knows it)"
        )
    if not machine:
        lacking.append("there is no seccomp here: network and processes stay open to ffmpeg (Linux, x86_64 or aarch64)")
    if root and user is None:
        lacking.append(
            "ffmpeg runs as root, for we may not change to another user"
            " (run us as a user, or with the capabilities CHOWN, DAC_READ_SEARCH, SETGID and SETUID)"
        )
    return Walls(landlock_abi=abi, machine=machine, user=user, lacking=tuple(lacking))
