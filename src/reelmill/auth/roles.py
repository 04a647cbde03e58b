"""What each method needs: one table, and whoever is not in it is refused. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from reelmill.jobs.errors import Forbidden


class Role(StrEnum):
    """What a key may do."""

    ADMIN = "admin"  # everything
    OPERATOR = "operator"  # everything but keys and tenants
    SUBMITTER = "submitter"  # submit; see and cancel what its user submitted
    VIEWER = "viewer"  # see everything but keys, change nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What a method needs."""

    roles: frozenset[Role]
    job: str = ""
    """The field of the request that names a job: a submitter's own, or there is none."""
    changes: bool = False
    """Whether it is recorded in the audit log: what changes something does."""
    access: bool = False
    """Whether it says who may call: then it is recorded before it is answered, and whoever calls."""
    system: bool = False
    """Whether it tells or changes what is of all tenants: only callers of the default tenant may."""


_ADMIN = frozenset({Role.ADMIN})
_SUBMIT = frozenset({Role.ADMIN, Role.OPERATOR, Role.SUBMITTER})
_OVERSEE = frozenset({Role.ADMIN, Role.OPERATOR, Role.VIEWER})
_ALL = frozenset(Role)
_SUBMITS, _READS_JOB = Rule(roles=_SUBMIT, changes=True), Rule(roles=_ALL, job="id")
_CHANGES_JOB = Rule(roles=_SUBMIT, job="id", changes=True)
_LOOKS, _READS = Rule(roles=_SUBMIT), Rule(roles=_ALL)
_OPERATES = Rule(roles=frozenset({Role.ADMIN, Role.OPERATOR}), changes=True)
_READS_ACCESS, _CHANGES_ACCESS = Rule(roles=_ADMIN), Rule(roles=_ADMIN, changes=True, access=True)

_BY_SERVICE: dict[str, dict[str, Rule]] = {
    "JobService": {
        "CreateJob": _SUBMITS,
        "BatchCreateJobs": _SUBMITS,
        "ValidateJob": _LOOKS,  # it fetches inputs
        "EstimateJob": _LOOKS,
        "GetJob": _READS_JOB,
        "ListJobs": _READS,  # narrows what a submitter sees by itself
        "CancelJob": _CHANGES_JOB,
        "RetryJob": _CHANGES_JOB,
        "DeleteJob": _CHANGES_JOB,
        "DeleteJobs": _OPERATES,  # of all users
        "WatchJob": _READS_JOB,
        "ListJobEvents": _READS_JOB,
        "ListJobLogs": _READS_JOB,
        "ListOutputFiles": _READS_JOB,
        "ListTasks": _READS_JOB,
    },
    "MediaService": {
        "ProbeMedia": _LOOKS,
        "ListOperations": _READS,
        "ListPresets": _READS,
        "GetPreset": _READS,
        "SavePreset": _OPERATES,  # what all of the tenant's users ask for by its name
        "DeletePreset": _OPERATES,
    },
    "UploadService": {"CreateUpload": _SUBMITS, "CompleteUpload": _SUBMITS, "AbandonUpload": _SUBMITS},
    "FileService": {"SignUpload": _SUBMITS},
    "WorkerService": {"ListWorkers": Rule(roles=_OVERSEE, system=True)},  # they work for all tenants
    "WebhookService": {  # a tenant's, and told of all its jobs
        "CreateWebhook": _OPERATES,
        "ListWebhooks": Rule(roles=_OVERSEE),
        "DeleteWebhook": _OPERATES,
        "EnableWebhook": _OPERATES,
        "RotateWebhookSecret": _OPERATES,
        "TestWebhook": _OPERATES,
        "ListDeliveries": Rule(roles=_OVERSEE),
        "Redeliver": _OPERATES,
    },
    "AccessService": {
        "CreateKey": _CHANGES_ACCESS,
        "ListKeys": _READS_ACCESS,
        "RevokeKey": _CHANGES_ACCESS,
        "RotateKey": _CHANGES_ACCESS,
        "CreateTenant": Rule(roles=_ADMIN, changes=True, access=True, system=True),
        "ListTenants": _READS_ACCESS,  # narrows by itself, as the others do with their field `tenant`
        "ListAuditEvents": _READS_ACCESS,
    },
}
RULES = {
    f"/reelmill.v1.{service}/{method}": rule for service, rules in _BY_SERVICE.items() for method, rule in rules.items()
}
"""By the method's path in gRPC."""


def permitted(path: str, role: Role, *, system: bool) -> Rule:
    """The rule of a method that this role may call; `system`: of the default tenant. Raises Forbidden."""
    rule = RULES.get(path)
    if rule is None:  # a method that nobody thought of is nobody's
        raise Forbidden(f"nobody may call {path}: no rule says who may")
    if role not in rule.roles:
        able = ", ".join(sorted(rule.roles))
        raise Forbidden(f"a key of role {role} may not call {path.rpartition('/')[2]}; these may: {able}")
    if rule.system and not system:
        raise Forbidden(f"{path.rpartition('/')[2]} is for keys of the tenant default: it tells of all tenants")
    return rule
