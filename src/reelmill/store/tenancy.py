"""Whose a job is. For now there is one tenant and one user, which migration 0001 makes."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who calls."""

    tenant_id: UUID
    user_id: UUID


DEFAULT_IDENTITY = Identity(
    tenant_id=UUID("00000000-0000-0000-0000-000000000001"),
    user_id=UUID("00000000-0000-0000-0000-000000000002"),
)
