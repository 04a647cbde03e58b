"""A film by its likeness: the coarsest that is good enough is made, and the whole is held against the target."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from jobs import job
from media import coded, kit
from media.kit import Studio, decode

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.foreseeing import Limit
from reelmill.media.plan import divisions, probes
from reelmill.media.validate import with_defaults
from reelmill.worker.contracts import measured_by

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of what moves, with some noise."""
    return kit.make(
        tmp_path_factory.mktemp("target") / "film.mkv", "-f", "lavfi", "-i",
        "testsrc2=size=192x108:rate=25:duration=2,noise=alls=6:allf=t:all_seed=1", *coded.beeps(2), "-c:v", "libx264",
        "-preset", "ultrafast", "-crf", "8", "-c:a", "aac",
    )  # fmt: skip


@pytest.mark.parametrize("target", [80, 92])
async def test_the_target_is_met_and_told(studio: Studio, film: Path, target: float) -> None:
    output = {"name": "out", "transcode": {"video": {"target_vmaf": target}}}
    planned = await studio.plan(film, output)
    wanted = with_defaults(job(film.as_uri(), output)).outputs[0]
    made = await studio.made(film, planned)
    measured = measured_by(wanted.contract, made, studio.folder, 0)
    assert target - 1 <= measured.vmaf <= target + 4
    assert not measured.misses
    found = decode(studio.folder / "out" / "out.mp4")
    assert (found.frames, found.width, found.height) == (50, 192, 108)
    argv = next(command.argv for command in planned.commands if any("out/out.mp4" in one for one in command.argv))
    assert 10 <= float(argv[argv.index("-crf") + 1]) <= 47


async def test_a_finer_target_takes_a_finer_quality(studio: Studio, film: Path) -> None:
    found = []
    for target in (75, 93):
        planned = await studio.plan(film, {"transcode": {"video": {"target_vmaf": target, "height": 72}}})
        argv = next(command.argv for command in planned.commands if any("out/out.mp4" in one for one in command.argv))
        found.append(float(argv[argv.index("-crf") + 1]))
    assert found[0] > found[1]


async def test_a_target_is_made_as_a_whole(studio: Studio, film: Path) -> None:
    wanted = with_defaults(job(film.as_uri(), {"transcode": {"video": {"target_vmaf": 90}, "chunk_seconds": 1}}))
    [division] = divisions(wanted, dict.fromkeys(probes(wanted), await studio.source(film))).values()
    assert division is None


async def test_what_can_not_be_reached_is_not_encoded(studio: Studio, film: Path) -> None:
    output = {"transcode": {"video": {"target_vmaf": 80, "height": 16}}, "contract": {"min_vmaf": 80}}
    with pytest.raises(AttemptFailed, match=r"min_vmaf: about .* the finest that was tried.* was not encoded"):
        await studio.plan(film, output)
    output["contract"]["miss"] = "WARN"
    assert (await studio.plan(film, output)).graph.steps


@pytest.mark.parametrize(
    ("limit", "field"),
    [({"size_ratio": 0.1, "input_bytes": 10**6}, "max_size_ratio"), ({"peak_bps": 10_000}, "max_peak_bitrate_bps")],
)
async def test_an_encoding_that_will_miss_is_stopped_and_tells_what_that_spared(
    studio: Studio, film: Path, limit: dict, field: str
) -> None:
    planned = await studio.plan(film, {"transcode": {"video": {"height": 216, "crf": 1}, "mute": True}})
    studio.make_folders(planned.graph)
    [command] = planned.commands
    command = replace(command, argv=("-readrate", "0.6", *command.argv))  # it takes three seconds anywhere
    made = studio.folder / "out" / "out.mp4"
    limits = [Limit(output="out", path=PurePosixPath("out/out.mp4"), **limit)]
    with pytest.raises(AttemptFailed, match=rf"^CONTRACT_BROKEN: {field}: .*; stopped at \d+ % of") as stopped:
        await studio.run(command, limits=limits)
    assert stopped.value.failure.output == "out"
    assert b"moov" not in made.read_bytes()[-4096:]  # which is written at its end
