"""Who calls a method. Until keys come, everybody is the one user of the one tenant."""

from collections.abc import Callable
from typing import Any

from reelmill.store.tenancy import DEFAULT_IDENTITY, Identity

Identify = Callable[[Any], Identity]
"""Tells from a call's gRPC context who calls."""


def everybody(context: Any) -> Identity:
    """The default identity, whoever calls."""
    return DEFAULT_IDENTITY
