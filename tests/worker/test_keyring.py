"""Keys are there before anything is made, and on a disk only while one step reads them."""

from collections.abc import Coroutine, Mapping
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import keys
from reelmill.media.keys import Key, Keys
from reelmill.media.steps import KeyFile, Program, Reading, Step
from reelmill.v1.encryption_pb2 import Encryption
from reelmill.worker.keyring import keyring, laid_out

pytestmark = pytest.mark.asyncio(loop_scope="session")
KEY = Key(key_id=bytes(range(16)), key=bytes(range(100, 116)))
RING = {"out": Keys(keys=(KEY,))}
PATH = PurePosixPath(".out/keys.flags")


def step(**of: Any) -> Step:
    made = KeyFile(path=PATH, output="out", **of)
    return Step(
        reads=(Reading(of=PurePosixPath("in.mp4"), demuxer="mov"),), writes=(), program=Program.PACKAGER, keyed=made
    )


async def told(folder: Path, one: Step) -> str:
    async with laid_out(one, folder, RING):
        return (folder / PATH).read_text()


async def test_a_file_with_keys_is_there_for_its_step_alone(tmp_path: Path) -> None:
    flags = step(kind="video", name="h264-90", vector_bytes=8)
    (tmp_path / "in.mp4").write_bytes(b"one")
    first = await told(tmp_path, flags)
    assert KEY.key.hex() in first and not list(tmp_path.rglob("keys.*"))
    assert await told(tmp_path, flags) == first
    assert await told(tmp_path, step(kind="video", name="h264-64", vector_bytes=8)) != first
    (tmp_path / "in.mp4").write_bytes(b"two")
    assert await told(tmp_path, flags) != first
    assert f"--iv={'0a' * 16}\n" in await told(
        tmp_path, step(kind="audio", name="a", vector="0a" * 16, vector_bytes=16)
    )
    assert keys.of_file(await told(tmp_path, step())).of("audio").key == KEY.key
    with pytest.raises(AttemptFailed):
        async with laid_out(flags, tmp_path, RING):
            raise AttemptFailed("PROGRAM_FAILED", "it did not end well")
    assert not list(tmp_path.rglob("keys.*"))
    async with laid_out(Step(reads=(), writes=()), tmp_path, {}):
        assert not list(tmp_path.rglob("keys.*"))


class Server:
    """A key server, and the storage that asks it."""

    def __init__(self, answer: bytes | AttemptFailed) -> None:
        self.answer, self.asked = answer, list[tuple[str, dict[str, str]]]()

    async def read(self, uri: str, *, max_bytes: int, headers: Mapping[str, str]) -> bytes:
        self.asked.append((uri, dict(headers)))
        assert max_bytes == keys.MOST_ANSWER_BYTES
        if isinstance(self.answer, AttemptFailed):
            raise self.answer
        return self.answer


async def asked(server: Server, spec: Encryption, *steps: Step) -> dict[str, Keys]:
    async def unless_stopped(work: Coroutine[Any, Any, Any]) -> Any:
        return await work

    attempt: Any = SimpleNamespace(task=None, unless_stopped=unless_stopped)
    secrets: Any = SimpleNamespace(encryption=lambda task, output: spec)
    storage: Any = server
    return await keyring(attempt, steps, secrets, storage)


async def test_a_key_server_is_asked_once_for_an_output_and_what_goes_wrong_is_told_without_its_answer() -> None:
    spec = Encryption(scheme=Encryption.AES_128)
    spec.key_server.url, spec.key_server.headers["Authorization"] = "https://keys.example/a?token=hush", "hush"
    server = Server(KEY.key)
    assert (await asked(server, spec, step(kind="video"), step(kind="audio")))["out"].of("audio").key == KEY.key
    assert server.asked == [("https://keys.example/a?token=hush", {"Authorization": "hush"})]
    assert await asked(server, spec, Step(reads=(), writes=())) == {} and len(server.asked) == 1
    for answer, code in (
        (AttemptFailed("INPUT_UNAVAILABLE", "503"), "KEYS_UNAVAILABLE"),
        (AttemptFailed("INPUT_TIMEOUT", "slow"), "KEYS_UNAVAILABLE"),
        (AttemptFailed("INPUT_FORBIDDEN", "403"), "KEYS_REFUSED"),
        (b"what is hush no key", "KEYS_REFUSED"),
    ):
        with pytest.raises(AttemptFailed) as caught:
            await asked(Server(answer), spec, step())
        assert (caught.value.code, caught.value.failure.output) == (code, "out")
        assert "hush" not in caught.value.failure.message
