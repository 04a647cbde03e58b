"""Secrets are sealed by the first key, opened by all, each for what it was sealed for; keys are told nowhere."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reelmill import sealing
from reelmill.sealing import KEY_BYTES, Keys, Unsealable

OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES


def setting(*keys: bytes) -> str:
    return ", ".join(base64.b64encode(key).decode() for key in keys)


def test_the_first_key_seals_and_all_open() -> None:
    before, meanwhile, after = Keys.parse(setting(OLD)), Keys.parse(setting(NEW, OLD)), Keys.parse(setting(NEW))
    older, newer = before.seal(b"secret", "p"), meanwhile.seal(b"secret", "p")
    assert (meanwhile.open(older, "p"), after.open(newer, "p")) == (b"secret", b"secret")
    for keys, sealed in ((after, older), (before, newer)):
        with pytest.raises(Unsealable, match="REELMILL_SECRETS_KEY"):
            keys.open(sealed, "p")
    assert b"secret" not in older and meanwhile.seal(b"secret", "p") != newer


def test_what_is_moved_or_damaged_is_not_opened() -> None:
    keys = Keys([OLD])
    sealed = keys.seal(b"secret", "webhook 1")
    for other, purpose in (
        (sealed, "webhook 2"),
        (sealed[:-1], "webhook 1"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), "webhook 1"),
        (b"\x02" + sealed[1:], "webhook 1"),
        (sealed[:8], "webhook 1"),
        (b"", "webhook 1"),
    ):
        with pytest.raises(Unsealable):
            keys.open(other, purpose)


@pytest.mark.parametrize("text", ["hunter2", setting(b"short"), setting(OLD) + ",", setting(OLD, b"x"), "ü" * 44])
def test_a_wrong_setting_is_named_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^REELMILL_SECRETS_KEY: must be 32 bytes") as caught:
        Keys.parse(text)
    assert text not in str(caught.value) and caught.value.__cause__ is None


def test_keys_say_nothing_of_themselves() -> None:
    keys = Keys([OLD, NEW])
    assert repr(keys) == str(keys) == "Keys(2)"
    derived = keys.derived("a")
    assert len(derived) == 2 and {OLD, NEW}.isdisjoint(derived.values())
    assert derived.keys() == keys.derived("b").keys() and derived != keys.derived("b")


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert Keys.of("", folder, make=False) is None and not folder.exists()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Keys.of("", folder), range(16)))
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and len(file.read_bytes()) == KEY_BYTES
    assert all(one is not None and one.derived("") == made[0].derived("") for one in made if made[0])  # type: ignore[union-attr]
    assert Keys.of("", None) is None and Keys.of("", folder, make=False)
    given = Keys.of(setting(OLD), folder)
    assert given and given.derived("") == Keys([OLD]).derived("")
    os.truncate(file, 5)
    with pytest.raises(ValueError, match="REELMILL_SECRETS_KEY"):
        Keys.of("", folder)


def test_keys_in_a_file_change_with_it_and_stay_while_it_can_not_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_LOOK_SECONDS", 0)
    file = tmp_path / "key"
    file.write_text(setting(OLD))
    keys = Keys.of(setting(OLD), None, file)
    assert keys
    older, derived = keys.seal(b"secret", "p"), keys.derived("p")
    file.write_text(f"{setting(NEW, OLD)}\n")
    assert Keys.parse(setting(NEW)).open(keys.seal(b"newer", "p"), "p") == b"newer"
    assert keys.open(older, "p") == b"secret" and list(keys.derived("p"))[1:] == list(derived)
    for broken in ("", "no key", setting(NEW)[:9]):
        file.write_text(broken)
        assert keys.open(older, "p") == b"secret"
    file.unlink()
    assert keys.open(older, "p") == b"secret"
    file.with_name("new").write_text(setting(NEW))
    file.symlink_to(file.with_name("new"))
    with pytest.raises(Unsealable):
        keys.open(older, "p")
