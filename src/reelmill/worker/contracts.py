"""Holds outputs to their contracts, and gathers what else is told of them."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import contracts, titles
from reelmill.media.contract import Source
from reelmill.media.film import between
from reelmill.media.promises import NOTHING, Data, PlannedFile
from reelmill.media.readers.findings import mean_vmaf, measured_of
from reelmill.media.verify import Verified
from reelmill.storage.workdir import AttemptFolder
from reelmill.v1.analysis_pb2 import Analysis, Comparison, Contract, Levels, Measured
from reelmill.v1.jobs_pb2 import Job, Output
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.messages_pb2 import OutputFindings
from reelmill.worker.attempt import Attempt
from reelmill.worker.lacking import Lacking


async def findings(
    attempt: Attempt,
    job: Job,
    sources: Mapping[str, Source],
    files: Sequence[Verified],
    folder: AttemptFolder,
    lacking: Lacking,
) -> tuple[OutputFindings, ...]:
    """What outputs found out, and what was measured of them; `files`: all that was checked, also what is not stored.

    Raises AttemptFailed CONTRACT_BROKEN where one does not satisfy its contract, unless it is optional.
    """
    found = []
    for output in job.outputs:
        mine = [file for file in files if file.output == output.name]
        told = OutputFindings(output=output.name)
        for file in mine:
            if file.found is not None:
                told.result.CopyFrom(file.found)
            if file.mastered is not None:
                levels = file.mastered.levels
                told.measured.input_loudness.CopyFrom(
                    Levels(
                        integrated_lufs=levels.integrated_lufs,
                        range_lu=levels.range_lu,
                        true_peak_dbtp=levels.true_peak_dbtp,
                    )
                )
                told.measured.gain_db = file.mastered.gain_db
        if output.HasField("contract") and mine:
            source = sources.get(output.input or job.inputs[0].name)
            size = source.info.size_bytes if source is not None else 0
            measured = await asyncio.to_thread(measured_by, output.contract, mine, folder.path, size)
            told.measured.MergeFrom(measured)
            if measured.misses and not _bear(attempt, output.contract, measured, mine[0], lacking):
                continue
        if output.package.target_vmaf and mine:
            told.measured.MergeFrom(await asyncio.to_thread(rungs_by, output, mine, folder.path))
            for miss in told.measured.misses:
                words = f"target_vmaf: {miss.found} instead of {miss.wanted}"
                attempt.log(f"is less like its input than was asked for: {words}", level="WARNING", output=output.name)
        if told.HasField("result") or told.HasField("measured"):
            found.append(told)
    return tuple(found)


def rungs_by(output: Output, files: Sequence[Verified], folder: Path) -> Measured:
    """What the rungs of a package came to that was made by a target, with its files in `folder`.

    Raises AttemptFailed OUTPUT_INVALID where what was measured can't be read.
    """
    found = dict[str, tuple[float, float]]()
    for file in files:
        if name := titles.rung_of(file.path, output.name):
            film = next(one for one in files if one.path == between(output.name, f"{name}.mp4"))
            seconds = film.info.duration_seconds if film.info is not None else 0.0
            bits = (folder / film.path).stat().st_size * 8
            found[name] = mean_vmaf(folder / file.path), bits / max(seconds, 0.001)
    return titles.judged(output.package, found)


def _bear(attempt: Attempt, contract: Contract, measured: Measured, file: Verified, lacking: Lacking) -> bool:
    """Whether an output that breaks its contract is kept. Raises AttemptFailed."""
    words = contracts.in_words(measured)
    if contract.miss == Contract.WARN:
        attempt.log(f"breaks its contract: {words}", level="WARNING", output=file.output)
        return True
    lacking.failed(AttemptFailed("CONTRACT_BROKEN", words, output=file.output), [_promise(file)])
    return False


def _promise(file: Verified) -> PlannedFile:
    return PlannedFile(output=file.output, path=file.path, content_type="", expected=NOTHING)


def measured_by(contract: Contract, files: Sequence[Verified], folder: Path, input_bytes: int) -> Measured:
    """What was measured of an output with its files in `folder`, and what of its contract it does not keep.

    Raises AttemptFailed OUTPUT_INVALID where what was measured can't be read.
    """
    stored = [file for file in files if file.stored]
    size = sum((folder / file.path).stat().st_size for file in stored if file.still is None)
    analysis: Analysis | None = None
    comparison, peak = Comparison(), None
    for file in files:
        if file.data is Data.MEASURED:
            try:
                analysis, comparison, peak = measured_of((folder / file.path).read_text())
            except ValueError as error:
                message = f"{file.path}: it is not as its program should have written it: {error}"
                raise AttemptFailed("OUTPUT_INVALID", message, output=file.output) from error
    info = next((file.info for file in stored if file.info is not None), MediaInfo())
    facts = contracts.Facts(
        info=info,
        output_bytes=size,
        input_bytes=input_bytes,
        analysis=analysis,
        comparison=comparison,
        peak_bitrate_bps=peak,
    )
    return contracts.judged(contract, facts)
