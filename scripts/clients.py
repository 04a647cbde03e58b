"""What clients in other hands rely on, for scripts/mutants.py."""

from mutant import Mutant

CLIENTS = (
    Mutant(
        name="no type of the OpenAPI document is lost in alternatives",
        file="src/reelmill/gateway/schemas.py",
        within="def _number(",
        old=r"    return schema \| bounds\n",
        new='    return schema | {"anyOf": [{"const": 0}, bounds]}\n',
        tests="tests/unit/test_gateway_openapi.py",
    ),
    Mutant(
        name="an example is the same input on every machine",
        file="src/reelmill/storage/inputs.py",
        old=r"if path in EXAMPLES\.values\(\):",
        new="if False:",
        tests="tests/contract/test_storage.py -k example",
    ),
    Mutant(
        name="a download goes on where it broke off only in the same file",
        file="src/reelmill/client/files.py",
        old=r'"If-Range": f\'"\{self\.remote\.sha256\}"\'',
        new='"X-None": ""',
        tests="tests/client/test_download.py",
    ),
    Mutant(
        name="what was fetched is held against its hash",
        file="src/reelmill/client/files.py",
        within="def end(",
        old=r" or _sha256\(self\._part\) != self\.remote\.sha256",
        new="",
        tests="tests/client/test_download.py",
    ),
    Mutant(
        name="no name of a file leads out of the folder",
        file="src/reelmill/client/files.py",
        old=r'if not parts or path\.startswith\("/"\) or "\.\." in parts or any\([^\n]*\):',
        new="if not parts:",
        tests="tests/client/test_download.py",
    ),
    Mutant(
        name="a key goes to its own gateway alone",
        file="src/reelmill/client/gateways.py",
        old=r'request\.headers\.pop\("authorization", None\)',
        new="pass",
        tests="tests/client/test_download.py",
    ),
    Mutant(
        name="what is wrong with a job is told before a file is sent",
        file="src/reelmill/client/blocking.py",
        old=r"self\.validate_job\(asking\.job\(asking\.checked\(uris\), wanted, options or \{\}\)\)",
        new="pass",
        tests="tests/client/test_sdk.py -k before",
    ),
)
