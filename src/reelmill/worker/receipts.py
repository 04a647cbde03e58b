"""How outputs were made, for whoever wants to make them again."""

from collections.abc import Iterable, Mapping, Sequence

from reelmill import __version__
from reelmill.jobs.places import ENGINE
from reelmill.media.contract import Source
from reelmill.media.engines import Engine, engine_of
from reelmill.media.render.command import Placed
from reelmill.media.render.rendering import rendered
from reelmill.media.steps import Step, digest
from reelmill.v1.messages_pb2 import OutputFindings
from reelmill.v1.receipts_pb2 import Receipt
from reelmill.worker.attempt import Attempt


def note(
    attempt: Attempt,
    steps: Sequence[Step],
    sources: Mapping[str, Source],
    pieces: Iterable[str],
    engine: str,
    threads: int,
) -> None:
    """Note in an attempt what it did. `pieces`: names of those that were joined; `engine`: ffmpeg's label."""
    digests, places = attempt.digests, {item.name: f"input-{i}" for i, item in enumerate(attempt.task.job.inputs)}
    places |= {name: name.replace(":", "-") for name in sources if name not in places}  # another output's file
    others = {name: f"piece-{i}" for i, name in enumerate(pieces)}
    placed = Placed(inputs=places | others, threads=threads)
    told = Receipt(release=__version__, engine=engine.removeprefix(ENGINE), pieces=len(others))
    told.outputs.extend(dict.fromkeys(name for step in steps for name in step.outputs if name))
    for name, source in sources.items():
        size, sha256 = source.info.size_bytes, digests.get(name, "")
        told.inputs.add(name=name, path=places[name], size_bytes=size, sha256=sha256)
    for step in steps:
        command = rendered(step, placed)
        told.runs.add(
            program=step.program.value,
            argv=command.argv,
            texts=(Receipt.Text(path=str(path), text=text) for path, text in command.written),
            digest=digest(step),
            outputs=filter(None, step.outputs),
            warm=engine_of(step) is Engine.WARM,
        )
    attempt.receipts.append(told)


def taken(receipts: Iterable[Receipt], of: str, output: str, job_id: str) -> list[Receipt]:
    """Receipts of a job, as far as they are of its output `of`, which became another job's `output`.

    What ran stays as it was, with the names that things had there.
    """
    found = []
    for one in receipts:
        if of in one.outputs:
            told = Receipt()
            told.CopyFrom(one)
            del told.outputs[:]
            told.outputs.append(output)
            told.reused_from, told.reused_output = job_id, of
            found.append(told)
    return found


def found_by(findings: Iterable[OutputFindings], of: str, output: str) -> list[OutputFindings]:
    """What a job's output `of` found out, as another job's `output`."""
    found = []
    for one in findings:
        if one.output == of:
            told = OutputFindings()
            told.CopyFrom(one)
            told.output = output
            found.append(told)
    return found
