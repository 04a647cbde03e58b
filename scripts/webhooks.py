"""The mechanisms of webhooks and of signed addresses; for scripts/mutants.py."""

from mutant import Mutant

DELIVERIES, STORE = "src/reelmill/store/queries/deliveries.sql", "tests/store/test_store_webhooks.py"
MIGRATION = "src/reelmill/store/migrations/0009_webhooks.sql"
TRIGGER = "src/reelmill/store/migrations/0011_published.sql"
SENDER, SENDING = "src/reelmill/webhooks/sender.py", "src/reelmill/webhooks/sending.py"
SENT, QUERIES = "tests/scheduler/test_webhooks.py", "src/reelmill/store/queries/webhooks.sql"
SEALING, SIGNING = "src/reelmill/sealing.py", "src/reelmill/standard_webhooks.py"


def webhook(name: str, file: str, old: str, new: str, tests: str, within: str = "") -> Mutant:
    """A mechanism of webhooks."""
    return Mutant(name=name, file=file, old=old, new=new, tests=tests, within=within)


WEBHOOKS = (
    webhook(
        "a webhook is told of each state",
        TRIGGER,
        r"AND b\.state <> c\.state,\n        +LATERAL webhooks_for",
        "AND false, LATERAL webhooks_for",
        STORE,
    ),
    webhook(
        "a webhook is told what it asked for",
        MIGRATION,
        r"AND \(events = '\{\}' OR event = ANY \(events\)\)",
        "",
        STORE,
    ),
    webhook(
        "a webhook is told of its tenant's jobs",
        MIGRATION,
        r"WHERE tenant_id = tenant AND job_id IS NULL",
        "WHERE job_id IS NULL",
        STORE,
    ),
    webhook(
        "a disabled webhook is told nothing",
        DELIVERIES,
        r"AND disable_time IS NULL AND not_before",
        "AND not_before",
        STORE,
    ),
    webhook("messages of a job are in order", DELIVERIES, r"AND e\.sequence < d\.sequence", "AND false", STORE),
    webhook(
        "a message is sent by one",
        DELIVERIES,
        r"next_time = clock_timestamp\(\) \+ \$5::interval",
        "next_time = d.next_time",
        STORE,
    ),
    webhook("a try that is over records nothing", DELIVERIES, r"AND d\.tries = t\.tries", "", STORE),
    webhook("a message is given up", DELIVERIES, r"WHEN given_up THEN 'FAILED'", "WHEN false THEN 'FAILED'", STORE),
    webhook(
        "a webhook that is away is left alone", DELIVERIES, r"AND not_before <= statement_timestamp\(\)", "", STORE
    ),
    webhook("it is left alone longer each time", DELIVERIES, r"\* 2 \^ w\.failures", "", STORE),
    webhook("it is tried with one message", DELIVERIES, r"CASE WHEN w\.failures > 0 THEN 1 ELSE \$4 END", "$4", STORE),
    webhook("it is left alone as long as it asked for", DELIVERIES, r"n\.asked, ", "0, ", STORE),
    webhook(
        "a webhook that took nothing for days is lost",
        DELIVERIES,
        r"w\.failing_since < clock_timestamp\(\) - \$8::interval",
        "$8::interval IS NULL",
        STORE,
    ),
    webhook(
        "others hear of a disabled webhook",
        DELIVERIES,
        r"WHERE w\.job_id IS NULL AND w\.id <> gone\.id",
        "WHERE false AND w.job_id IS NULL AND w.id <> gone.id",
        STORE,
    ),
    webhook(
        "what follows waits as long", DELIVERIES, r"SET next_time = d\.next_time", "SET next_time = f.next_time", STORE
    ),
    webhook(
        "a webhook's secrets overlap",
        QUERIES,
        r"\(end_time IS NULL OR end_time > statement_timestamp\(\)\)",
        "end_time IS NULL",
        STORE,
    ),
    webhook(
        "of another tenant nothing is sent again",
        QUERIES,
        r"WHERE tenant_id = \$1 AND \(webhook_id",
        "WHERE (webhook_id",
        STORE + " " + SENT,
        within="-- name: redeliver",
    ),
    webhook(
        "what can't be recorded is sent again",
        DELIVERIES,
        r"WHERE state = 'PENDING' AND webhook_id > \$1",
        "WHERE state = 'PENDING' AND tries = 0 AND webhook_id > $1",
        SENT,
    ),
    webhook(
        "slow webhooks delay no quick one",
        SENDER,
        r"since = -math\.inf if self\.slow else time\.monotonic\(\) - SLOW_SECONDS",
        "since = -math.inf",
        SENT + " -k thousand",
    ),
    webhook(
        "no redirect of a webhook is followed", SENDER, r"redirects=False", "redirects=True", SENT + " -k told_apart"
    ),
    webhook(
        "a webhook's address is guarded",
        SENDER,
        r"allowed=self\._config\.allowed",
        "allowed=[__import__('ipaddress').ip_network('0.0.0.0/0')]",
        SENT + " -k told_apart",
    ),
    webhook(
        "an answer is bounded", SENDING, r"if len\(read\) >= _ANSWER_BYTES:\n +break", "pass", SENT + " -k bounded_part"
    ),
    webhook(
        "410 disables a webhook",
        SENDER,
        r"for one in tries if one\.gone",
        "for one in tries if False",
        SENT + " -k told_apart",
    ),
    webhook(
        "Retry-After is heeded",
        SENDING,
        r"return min\(float\(value\[:9\]\), _LONGEST_ASKED_SECONDS\)",
        "return 0.0",
        SENT + " -k told_apart",
    ),
    webhook(
        "a kept answer has no secrets", SENDING, r"return redacted\(plain\)", "return (plain)", SENT + " -k told_apart"
    ),
    webhook(
        "a repetition says what was so then",
        "src/reelmill/store/deliveries.py",
        r'"state": row\["event_state"\]',
        '"state": row["state"]',
        STORE,
    ),
    webhook(
        "a message is not too large",
        "src/reelmill/webhooks/payloads.py",
        r"if len\(body\) <= BODY_MAX_BYTES",
        "if True",
        SENT + " -k too_large",
    ),
    webhook(
        "what is sealed is sealed for something",
        SEALING,
        r"encrypt\(nonce, secret, purpose\.encode\(\)\)(.*?)decrypt\(nonce, rest, purpose\.encode\(\)\)",
        r"encrypt(nonce, secret, None)\1decrypt(nonce, rest, None)",
        "tests/unit/test_sealing.py",
    ),
    webhook("a key is its owner's alone", SEALING, r"0o600", "0o644", "tests/unit/test_sealing.py"),
    webhook(
        "a signature is of this body",
        SIGNING,
        r"\.encode\(\) \+ body",
        ".encode()",
        "tests/unit/test_standard_webhooks.py",
    ),
    webhook(
        "an old message is refused", SIGNING, r"> tolerance_seconds", "> 1e12", "tests/unit/test_standard_webhooks.py"
    ),
    webhook(
        "a signed address expires",
        "src/reelmill/signed_urls.py",
        r"if int\(expires\) <= now",
        "if False",
        "tests/unit/test_signed_urls.py",
    ),
    webhook(
        "a signed address is of one file",
        "src/reelmill/signed_urls.py",
        r"for part in \(path, \*values\)",
        "for part in values",
        "tests/unit/test_signed_urls.py",
    ),
    webhook(
        "a signed address to fetch from is none to send to",
        "src/reelmill/signed_urls.py",
        r'"signed addresses", "signed addresses of uploads"',
        '"signed addresses", "signed addresses"',
        "tests/unit/test_signed_urls.py",
    ),
    webhook(
        "an upload by a signed address is no larger than it may be",
        "src/reelmill/storage/uploads.py",
        r"if size > most_bytes:",
        "if False:",
        "tests/contract/test_storage.py",
    ),
    webhook(
        "a send that is refused leaves what was sent before",
        "src/reelmill/storage/uploads.py",
        r"        except AttemptFailed as error:  # no room\n",
        "        except InvalidRequest:\n            await self.delete(uri)\n            raise\n\\g<0>",
        "tests/contract/test_storage.py",
    ),
    webhook(
        "a signed address to send to is its tenant's",
        "src/reelmill/store/queries/uploads.sql",
        r"WHERE id = \$2 AND tenant_id = \$1 AND uri = \$3;",
        "WHERE id = $2 AND uri = $3;",
        "tests/store/test_store_uploads.py",
    ),
    webhook(
        "a webhook's secret is told once",
        "src/reelmill/redaction.py",
        r"_WEBHOOK_SECRET\.sub\(_MASK, text\)",
        "text",
        "tests/unit/test_redaction.py",
    ),
    webhook(
        "a webhook's address is looked at when it is given",
        "src/reelmill/storage/callbacks.py",
        r"if may_connect\(address, allowed\)",
        "if True",
        "tests/api/test_webhooks.py",
    ),
)
