"""The mechanisms of jobs' secrets, for scripts/mutants.py."""

from mutant import Mutant

E2E, UNIT, HEADERS = "tests/e2e/test_secrets.py", "tests/unit/test_job_secrets.py", "tests/contract/test_headers.py"
SRC = "src/reelmill"

secret = Mutant

SECRETS_OF_JOBS = (
    secret(
        name="a job's secrets are sealed",
        file=f"{SRC}/api/submission.py",
        old=r"self\._seal\(who, job\)",
        new="pass",
        tests=E2E,
    ),
    secret(
        name="what is tried again is not sealed twice",
        file=f"{SRC}/api/submission.py",
        old=r"        else:  # what is tried again has them sealed\n            ",
        new="        ",
        tests=E2E,
    ),
    secret(
        name="secrets are sealed for a tenant",
        file=f"{SRC}/jobs/secrets.py",
        old=r"of \{tenant_id\}",
        new="of all",
        tests=UNIT,
    ),
    secret(
        name="answers show no secrets",
        file=f"{SRC}/store/records.py",
        old=r"        secrets\.redact\(job\)",
        new="        pass",
        tests=E2E,
    ),
    secret(
        name="a new job shows no secrets",
        file=f"{SRC}/store/jobs.py",
        old=r"secrets\.redact\(job\)",
        new="pass",
        tests=E2E,
    ),
    secret(
        name="headers go to their origin alone",
        file=f"{SRC}/storage/guarded_http.py",
        old=r"left or _origin\(request\.url\) != origin",
        new="False",
        tests=HEADERS,
    ),
    secret(
        name="headers don't come back with a redirect",
        file=f"{SRC}/storage/guarded_http.py",
        old=r"left = left or ",
        new="left = ",
        tests=HEADERS,
    ),
)
