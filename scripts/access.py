"""What holds callers to their keys, roles and tenants, taken away one at a time. See mutants.py."""

from mutant import Mutant

_AUTH, _API = "src/reelmill/auth", "src/reelmill/api"
_SQL = "src/reelmill/store/queries/access.sql"
_WHOLE, _DOOR, _STORE = (
    "tests/e2e/test_access.py",
    "tests/api/test_authenticator.py",
    "tests/store/test_store_access.py",
)


def open_to(name: str, file: str, old: str, new: str, tests: str, *, within: str = "") -> Mutant:
    """A mutant whose name is what holds."""
    return Mutant(name=name, file=file, old=old, new=new, tests=tests, within=within)


ACCESS = (
    open_to(
        "what was done is an event too",
        "src/reelmill/store/migrations/0014_audit_events.sql",
        r"IS DISTINCT FROM 'off'",
        "= 'never'",
        _STORE,
    ),
    open_to(
        "folders and buckets are the default tenant's",
        "src/reelmill/storage/access.py",
        r"            read_roots=theirs\.read_roots,\n            write_roots=theirs\.write_roots,\n",
        "",
        "tests/contract/test_access.py",
    ),
    open_to(
        "a call needs a key",
        f"{_AUTH}/authenticator.py",
        r"if text is None:\n            raise Unauthenticated\(.*?\)\n        address",
        "if text is None:\n            return ANYBODY\n        address",
        _DOOR,
    ),
    open_to(
        "a key is its secret too",
        f"{_AUTH}/authenticator.py",
        r"if key is None or not hmac\.compare_digest\(token\.hash, key\.hash\):",
        "if key is None:",
        _DOOR,
    ),
    open_to(
        "a key that is known is its secret too",
        f"{_AUTH}/authenticator.py",
        r"if known and not \(token and hmac\.compare_digest\(token\.hash, known\.hash\)\):",
        "if known and not token:",
        _DOOR,
    ),
    open_to("a key ends", f"{_AUTH}/authenticator.py", r"if left <= 0 or ", "if ", _DOOR),
    open_to(
        "a key is looked up again",
        f"{_AUTH}/authenticator.py",
        r"if known and now < known\.until:",
        "if known:",
        _DOOR,
    ),
    open_to("a key of a role that is none is refused", f"{_AUTH}/authenticator.py",
            r"key\.role not in set\(Role\)", "False", _DOOR),
    open_to("an address may fail so often", f"{_AUTH}/failures.py", r"return count >= self\._most and",
            "return False and", _DOOR),
    open_to("clients of a gateway are told apart", f"{_AUTH}/authenticator.py",
            r"address, gateway = told_address\(peer, pairs\), address_of\(peer\)",
            "address, gateway = address_of(peer), address_of(peer)", _DOOR),
    open_to("a gateway's word for its clients is bounded", f"{_AUTH}/authenticator.py",
            r" or self\._of_gateways\.blocked\(gateway\)", "", _DOOR),
    open_to("a key may call so often", f"{_AUTH}/failures.py", r"allowed = left >= 1", "allowed = True", _DOOR),
    open_to("an exposed gateway lends nobody our loopback", f"{_AUTH}/authenticator.py", r"EXPOSED in pairs",
            "False", _DOOR),
    open_to("an empty system that others reach does not start", f"{_AUTH}/policy.py",
            r"if not self\._was_in_use:", "if False:", _DOOR, within="async def begin"),
    open_to("the first key is noticed", f"{_AUTH}/policy.py", r"if not self\._asks and ", "if False and ", _DOOR),
    open_to("a role is held to its methods", f"{_AUTH}/roles.py", r"if role not in rule\.roles:", "if False:",
            "tests/unit/test_auth.py"),
    open_to("what is of all tenants is the first one's", f"{_AUTH}/roles.py", r"if rule\.system and not system:",
            "if False:", "tests/unit/test_auth.py"),
    open_to("a token is known by its checksum", f"{_AUTH}/tokens.py",
            r" or checksum\(text\[:-_CHECKSUM\]\) != text\[-_CHECKSUM:\]", "", "tests/unit/test_auth.py"),
    open_to("a token is masked", "src/reelmill/redaction.py", r'if "rm_" in text:', "if False:",
            "tests/unit/test_auth.py"),
    open_to("a query names its tenant", "src/reelmill/store/queries/jobs.sql", r"tenant_id = \$1 AND id = \$2",
            "id = $2", "tests/unit/test_tenant_predicates.py", within="-- name: get_job\n"),
    open_to("keys are a tenant's own", _SQL, r"WHERE tenant_id = \$1 AND id = \$2",
            "WHERE $1::uuid IS NOT NULL AND id = $2", _STORE, within="-- name: rotate_key"),
    open_to("a tenant that is another's is none", f"{_API}/access_service.py",
            r"return who\.tenant_id == DEFAULT_IDENTITY\.tenant_id", "return True", _WHOLE),
    open_to("a submitter's jobs are its own", f"{_API}/door.py", r"if self\.rule\.job and self\.identity\.own_only:",
            "if False:", _WHOLE),
    open_to("a submitter lists its own jobs", f"{_API}/jobs_service.py",
            r"user_id=who\.user_id if who\.own_only else None", "user_id=None", _WHOLE),
    open_to("a submitter's key of a job is its own", f"{_API}/submission.py",
            r"key_user=who\.user_id if who\.own_only else None", "key_user=None", _WHOLE),
    open_to("a job that is tried again stays its submitter's", f"{_API}/jobs_service.py",
            r"await self\._jobs\.owner\(who\.tenant_id, job_id\) or who\.user_id", "who.user_id", _WHOLE),
    open_to("what was done is recorded", f"{_API}/door.py", r"self\._auditor\.note\(done\)", "pass", _WHOLE),
    open_to("what was refused is recorded", f"{_API}/door.py", r"await self\._refused\(path, caller, address\)",
            "pass", _WHOLE),
    open_to("a gateway takes keys along", "src/reelmill/gateway/callers.py",
            r"return \(\*told, \(AUTHORIZATION, given\[0\]\)\)", "return tuple(told)", _WHOLE),
    open_to("the audit log goes by age alone", "src/reelmill/store/migrations/0012_access.sql",
            r"CREATE TRIGGER goes_by_age .*?;\n", "", _STORE),
    open_to("the audit log never changes", "src/reelmill/store/migrations/0012_access.sql",
            r"CREATE TRIGGER append_only .*?;\n", "", _STORE),
    open_to("a new key of a deployment revokes the one before", "src/reelmill/store/access.py",
            r'await connection\.execute\(_SQL\["revoke_others"\], tenant_id, name, new\.id\)', "pass", _STORE),
    open_to("certificates are read again", f"{_AUTH}/certificates.py", r"if state == self\._state:", "if True:",
            "tests/api/test_tls.py"),
    open_to("a certificate that can't be used leaves the one before", f"{_AUTH}/certificates.py",
            r"certificate\.context\(\)  # gRPC", "pass  # gRPC", "tests/api/test_tls.py", within="def read"),
)  # fmt: skip
