"""Who calls a method, as the guard found out before it began."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from reelmill.auth.callers import Caller
from reelmill.store.tenancy import Identity

Identify = Callable[[Any], Identity]
"""Tells from a call's gRPC context who calls."""
_CALLER: ContextVar[Caller] = ContextVar("caller")  # of a call, each of which has a task of its own


def enter(caller: Caller) -> None:
    """From here on this call is the caller's."""
    _CALLER.set(caller)


def calling(context: Any) -> Identity:
    """Who calls. Raises LookupError, and tells nothing to anybody, where no guard has asked."""
    return _CALLER.get().identity


def caller() -> Caller:
    """The same, with role and key."""
    return _CALLER.get()
