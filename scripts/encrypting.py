"""The mechanisms of encrypted packages, for scripts/mutants.py."""

from mutant import Mutant, media

MEDIA, UNIT, RING = (
    "tests/media/test_encryption.py",
    "tests/unit/test_media_encryption.py",
    "tests/worker/test_keyring.py",
)

ENCRYPTION = (
    media(
        "streams of a package have vectors of their own",
        "keys.py",
        r'name\.encode\(\) \+ b"\\0" \+ digest',
        'b""',
        tests=UNIT,
    ),
    media(
        "a whole segment's vector is its number",
        "encrypted.py",
        r"number\.to_bytes\(_BLOCK, \"big\"\)",
        "bytes(_BLOCK)",
        tests=UNIT,
    ),
    media(
        "a package is opened with its key before it is stored",
        "protected.py",
        r"data if number < clear else opened\(",
        "data if number < clear or True else opened(",
        tests=MEDIA,
    ),
    media(
        "another key than the one that was given is found",
        "protected.py",
        r"found\.key_id != key_id",
        "False",
        tests=MEDIA,
    ),
    media(
        "segments in the clear are told as such",
        "hls.py",
        r"of and i == of\.clear",
        "of and i == 0",
        tests=MEDIA,
    ),
    media(
        "no version is higher than its tags take",
        "protection.py",
        r"5 if \"KEYFORMAT\" in tag else 2",
        "5 if tag else 2",
        tests=UNIT,
    ),
    media(
        "counter mode has no given vector",
        "encryption.py",
        r"one\.scheme == E\.CENC and one\.iv",
        "False",
        tests=UNIT,
    ),
    media(
        "a lead that leaves all in the clear is refused",
        "tools/manifests.py",
        r"clear >= len\(segments\)",
        "False",
        tests=MEDIA,
    ),
    media(
        "a preset keeps no secrets",
        "validate.py",
        r"secrets\.are_in\(preset\)",
        "False",
        tests=UNIT,
    ),
    media(
        "an encrypted output is not taken from another job",
        "reuse.py",
        r'output\.package\.HasField\("encryption"\)',
        "False",
        tests="tests/unit/test_media_reuse.py",
    ),
    Mutant(
        name="a file with keys is gone once its step ended",
        file="src/reelmill/worker/keyring.py",
        old=r"path\.unlink\(missing_ok=True\)",
        new="pass",
        tests=RING,
    ),
    Mutant(
        name="a key server's answer is not told",
        file="src/reelmill/worker/keyring.py",
        old=r"the key server \{shown\}",
        new="the key server {data!r}",
        tests=RING,
    ),
)
