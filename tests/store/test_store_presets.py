"""Presets of one's own: versions that are never given twice, bounded, and a tenant's alone."""

import asyncio
from uuid import uuid4

import pytest
from store.kit import TENANT, Store

from reelmill.jobs.errors import NotFound, WrongState
from reelmill.store import presets as room
from reelmill.store.presets import MOST_VERSIONS, PresetStore, reference
from reelmill.v1.media_pb2 import Preset
from reelmill.v1.operations_pb2 import AudioExtract

OTHER = uuid4()


@pytest.fixture
def presets(store: Store) -> PresetStore:
    return PresetStore(store.database)


def sound(bitrate: int, name: str = "mine") -> Preset:
    return Preset(name=name, audio=AudioExtract(bitrate_bps=bitrate))


async def test_each_save_of_something_else_is_a_version_and_the_same_again_is_none(presets: PresetStore) -> None:
    first = await presets.save(TENANT, sound(64000))
    assert (first.version, first.audio.bitrate_bps) == (1, 64000) and first.create_time.seconds > 0
    assert await presets.save(TENANT, sound(64000)) == first
    second = await presets.save(TENANT, sound(96000))
    assert second.version == 2
    found = await presets.find(TENANT, ["mine", "mine@1", "mine@2", "mine@3", "mine@0", "mine@x", "mine@", "other"])
    assert found == {"mine": second, "mine@1": first, "mine@2": second}
    assert await presets.all(TENANT) == [second]


async def test_old_versions_go_and_no_number_is_given_twice(presets: PresetStore) -> None:
    for i in range(MOST_VERSIONS + 2):
        await presets.save(TENANT, sound(64000 + i))
    asked = [f"mine@{i}" for i in range(1, MOST_VERSIONS + 3)]
    assert list(await presets.find(TENANT, asked)) == asked[2:]
    assert (await presets.delete(TENANT, "mine")).version == MOST_VERSIONS + 2
    assert await presets.find(TENANT, ["mine", *asked]) == {} and await presets.all(TENANT) == []
    with pytest.raises(NotFound, match="no preset 'mine' of your own"):
        await presets.delete(TENANT, "mine")
    assert (await presets.save(TENANT, sound(64000))).version == MOST_VERSIONS + 3


async def test_presets_are_a_tenants_own(presets: PresetStore) -> None:
    await presets.save(TENANT, sound(64000))
    assert (await presets.save(OTHER, sound(96000))).version == 1
    assert (await presets.save(OTHER, sound(128000))).version == 2
    found = await presets.find(TENANT, ["mine", "mine@2"])
    assert {name: preset.audio.bitrate_bps for name, preset in found.items()} == {"mine": 64000}
    await presets.delete(OTHER, "mine")
    assert [p.name for p in await presets.all(TENANT)] == ["mine"] and await presets.all(OTHER) == []


async def test_a_tenant_has_so_many_presets_however_they_come(
    presets: PresetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_PRESETS", 3)
    saves = (presets.save(TENANT, sound(64000, f"p{i}")) for i in range(6))
    answers = await asyncio.gather(*saves, return_exceptions=True)
    assert sum(isinstance(answer, WrongState) for answer in answers) == 3
    kept = [preset.name for preset in await presets.all(TENANT)]
    assert len(kept) == 3
    assert (await presets.save(TENANT, sound(96000, kept[0]))).version == 2
    await presets.delete(TENANT, kept[0])
    assert (await presets.save(TENANT, sound(64000, "another"))).version == 1


async def test_saves_at_once_have_each_their_version(presets: PresetStore) -> None:
    saved = await asyncio.gather(*(presets.save(TENANT, sound(64000 + i)) for i in range(8)))
    assert sorted(preset.version for preset in saved) == list(range(1, 9))


async def test_numbers_of_deleted_presets_are_bounded(presets: PresetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MOST_DELETED", 2)
    for name in ("a", "b", "c"):
        await presets.save(TENANT, sound(64000, name))
        await presets.delete(TENANT, name)
    assert [(await presets.save(TENANT, sound(64000, name))).version for name in ("a", "b", "c")] == [1, 2, 2]


def test_what_is_asked_for_has_a_name_and_perhaps_a_version() -> None:
    assert [reference(text) for text in ("mine", "mine@3", "mine@", "mine@-1", "mine@1e9", "mine@" + "9" * 12)] == [
        ("mine", 0),
        ("mine", 3),
        ("mine", -1),
        ("mine", -1),
        ("mine", -1),
        ("mine", -1),
    ]
