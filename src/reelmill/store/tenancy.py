"""Whose a job is. Migration 0001 makes the first tenant and its user: whoever calls without a key is that."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who calls."""

    tenant_id: UUID
    user_id: UUID
    own_only: bool = False
    """Whether, of the tenant's jobs, it is to see those alone that its user submitted."""


DEFAULT_IDENTITY = Identity(
    tenant_id=UUID("00000000-0000-0000-0000-000000000001"),
    user_id=UUID("00000000-0000-0000-0000-000000000002"),
)
DEFAULT_TENANT = "default"
"""The name of its tenant, whose admins look after all tenants."""
