"""The password of a URL is its file's newest, where that is of the same server."""

from pathlib import Path

import pytest

from reelmill.passwords import password_of

URL = "postgresql://app:old%2Fone@db:5432/reelmill?sslmode=require"


def test_without_a_file_it_is_the_urls() -> None:
    assert password_of(URL, None)() == "old/one"
    assert password_of("postgresql://app@db/reelmill", None)() is None
    assert password_of("redis://:a%40b@cache:6379/0", None)() == "a@b"


def test_a_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "url"
    password = password_of(URL, file)
    assert password() == "old/one"  # there is none yet
    for new in ("new", "newer"):
        file.write_text(URL.replace("old%2Fone", new) + "\n")
        assert password() == new
    file.unlink()
    assert password() == "old/one"
    file.write_bytes(b"\xff")
    assert password() == "old/one"


@pytest.mark.parametrize("other", ["db2", "app2:old@db", "db:5432/other", "[", ""])
def test_the_password_of_another_server_is_sent_nowhere(tmp_path: Path, other: str) -> None:
    file = tmp_path / "url"
    file.write_text(f"postgresql://app:new@{other}" if "@" not in other else f"postgresql://{other}")
    assert password_of(URL, file)() == "old/one"
