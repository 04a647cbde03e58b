"""What the launcher asks the fork server for, as it travels between them. Pure.

It travels by marshal, which both ends have in the same version, for they are the same Python.
"""

import marshal
from collections.abc import Mapping
from dataclasses import dataclass

from reelmill.media.sandbox import filters, reach
from reelmill.media.sandbox.reach import Rule
from reelmill.media.sandbox.syscalls import MACHINES
from reelmill.media.sandbox.walls import Walls


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One program to be started."""

    argv: tuple[str, ...]
    """Empty where a template is asked: its children go on with what it loaded."""
    environment: Mapping[str, str]
    folder: str | None
    """Where it starts, and its own: it and the folders in it are given to its user. None: / and none."""
    limits: tuple[tuple[int, int], ...]
    """RLIMIT_* and its value."""
    reach: tuple[Rule, ...]
    reads: tuple[str, ...]
    """What of it its user may be kept from by modes of files."""
    receives: bool
    """Its stdin is a socket that brings descriptors."""

    def encoded(self, walls: Walls) -> bytes:
        """For a fork server with such walls."""
        return marshal.dumps(
            {
                "argv": self.argv,
                "environment": dict(self.environment),
                "folder": self.folder,
                "limits": self.limits,
                "rules": [(rule.path, *rule.bits(walls.landlock_abi)) for rule in self.reach],
                "reads": self.reads,
                "receives": self.receives,
            }
        )


def encoded_walls(walls: Walls) -> str:
    """What a fork server is told at its start, as an argument."""
    handled = reach.handled(walls.landlock_abi)
    machine = MACHINES.get(walls.machine)
    own = [filters.own(machine, receives=receives) for receives in (False, True)] if machine else []
    return marshal.dumps(
        {
            "user": walls.user,
            "handled": handled.values if walls.landlock_abi else None,
            "common": filters.common(machine).code if machine else b"",
            "sealed": filters.sealed(machine).code if machine else b"",
            "own": [(made.code, made.own_bytes) for made in own],
        }
    ).hex()
