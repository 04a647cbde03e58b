"""What work took, kept kind by kind for all."""

import asyncio
from collections.abc import Mapping

import pytest
from store.kit import Store

from reelmill.jobs.measures import BINS, KEPT, Kind, Measure, bin_of
from reelmill.store.measures import MeasureStore

FAST, SLOW = Kind("transcode", "H264", "FAST"), Kind("transcode", "H264", "SLOW")


def measured(*ratios: float, kind: Kind = FAST, measure: Measure = Measure.CPU) -> Mapping[tuple[Kind, Measure], list]:
    bins = [0.0] * BINS
    for ratio in ratios:
        place = bin_of(ratio)
        assert place is not None
        bins[place] += 1
    return {(kind, measure): bins}


@pytest.fixture
def measures(store: Store) -> MeasureStore:
    return MeasureStore(store.database)


async def test_what_was_measured_adds_up_by_kind_and_measure(measures: MeasureStore) -> None:
    assert (await measures.rates()).known(FAST, Measure.CPU) == 0
    for _ in range(3):
        await measures.add("7.0", {**measured(2.0, 2.0), **measured(8.0, kind=SLOW, measure=Measure.WALL)})
    rates = await measures.rates()
    assert rates.known(FAST, Measure.CPU) == pytest.approx(6, rel=0.02)
    assert rates.mean(FAST, Measure.CPU) == pytest.approx(2, rel=0.06)
    assert rates.mean(SLOW, Measure.WALL) == pytest.approx(8, rel=0.06)
    assert rates.known(SLOW, Measure.CPU) == rates.known(FAST, Measure.WALL) == 0


async def test_older_ones_are_forgotten_as_newer_ones_come(measures: MeasureStore) -> None:
    for ratio in (16.0, 1.0):
        for _ in range(30):
            await measures.add("7.0", measured(*[ratio] * 20))
    rates = await measures.rates()
    assert rates.known(FAST, Measure.CPU) <= KEPT + 20
    assert rates.spread(FAST, Measure.CPU).most < 1.2, "600 on the machine of before weigh nothing after 600 here"


async def test_the_newest_build_counts_most(store: Store, measures: MeasureStore) -> None:
    await measures.add("7.0", measured(*[16.0] * 100))
    await store.rows("UPDATE measurements SET update_time = update_time - interval '10 days'")
    await measures.add("7.1", measured(1.0, 1.0))
    assert (await measures.rates()).spread(FAST, Measure.CPU).likely == pytest.approx(1, rel=0.1)


async def test_all_may_write_at_once(measures: MeasureStore) -> None:
    kinds = [Kind("transcode", codec, effort) for codec in "abcd" for effort in "xyz"]
    both = [{k: v for kind in order for k, v in measured(1.0, kind=kind).items()} for order in (kinds, kinds[::-1])]
    await asyncio.gather(*(measures.add("7.0", one) for one in both * 8))
    rates = await measures.rates()
    assert {round(rates.known(kind, Measure.CPU)) for kind in kinds} <= {15, 16}


async def test_what_another_release_wrote_is_left_alone(store: Store, measures: MeasureStore) -> None:
    await store.rows(
        "INSERT INTO measurements (operation, codec, effort, measure, build, bins) VALUES"
        " ('transcode', 'H264', 'FAST', 'cpu', 'other', '{1,2,3}'), ('transcode', 'H264', 'FAST', 'joules', 'x', '{1}')"
    )
    await measures.add("7.0", measured(1.0))
    assert (await measures.rates()).known(FAST, Measure.CPU) == 1


async def test_what_nobody_measures_any_more_goes_after_90_days(store: Store, measures: MeasureStore) -> None:
    await measures.add("7.0", {**measured(1.0), **measured(1.0, kind=SLOW)})
    await store.rows("UPDATE measurements SET update_time = update_time - interval '89 days'")
    await store.retention.trim()
    assert len(await store.rows("SELECT FROM measurements")) == 2
    await measures.add("7.0", measured(1.0))
    await store.rows("UPDATE measurements SET update_time = update_time - interval '2 days'")
    await store.retention.trim()
    assert len(await store.rows("SELECT FROM measurements")) == 1


async def test_it_names_no_tenant_and_no_job(store: Store) -> None:
    columns = await store.rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'measurements'::regclass AND attnum > 0"
    )
    found = {row["attname"] for row in columns}
    assert found == {"operation", "codec", "effort", "measure", "build", "bins", "update_time"}
