"""Write docs/operations.md: what an output can ask for, from the protos and the operations themselves."""

import json
from collections.abc import Iterable
from pathlib import Path

from google.protobuf.json_format import ParseDict
from presets_page import commands

from reelmill.cli.operations import body
from reelmill.media.contracts import OPERATIONS as CONTRACTED
from reelmill.media.describing import of_contract, operations
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.media_pb2 import Operation, Parameter

PAGE = Path(__file__).resolve().parents[1] / "docs/operations.md"
_HEAD = """# Operations

What an output of a job can ask for. This page is made from the protos by `make generate`; `GET /v1/operations` and
`reelmill operations NAME` say the same of the server that you have. Each example is run by a test: as a file it is a
job for `reelmill run --job`, `reelmill submit` and `curl --json @job.json localhost:8080/v1/jobs`. Below it stands what
then runs for a film of a minute, 1920 × 1080 at 25 frames a second with AAC, or for a photo or captions: the commands
change with what an input is.
"""


_CONTRACT = f"""## Contracts

What an output must satisfy ({", ".join(sorted(CONTRACTED))}), in its field `contract`. It is measured once it is
made; what was measured is told as the output's `measured`.

```json
{{"name": "web", "transcode": {{}}, "contract": {{"min_vmaf": 80, "max_black_seconds": 3, "max_lufs": -10}}}}
```

"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(one) for one in operations()), _CONTRACT + _table(of_contract())])


def _section(one: Operation) -> str:
    film = {"image": "photo.jpg", "captions": "talk.srt"}.get(one.name, "talk.mov")
    job = body(one, f"file:///media/{film}")
    return f"""## {one.name}

{one.description} Files: {", ".join(one.extensions)}.

```json
{json.dumps(job, ensure_ascii=False)}
```

```
reelmill run --job job.json -o out/
```

```
{commands(ParseDict(job, Job()))}
```

{_table(one.parameters)}"""


def _table(parameters: Iterable[Parameter]) -> str:
    head = ("| field | type | range | default | what it means |", "|---|---|---|---|---|")
    return "\n".join((*head, *map(_row, parameters), ""))


def _row(parameter: Parameter) -> str:
    kind = f"{parameter.type}[]" if parameter.repeated else parameter.type
    words = f"{parameter.description} Required." if parameter.required else parameter.description
    meanings = "".join(f"<br>`{value.name}`: {value.description}" for value in parameter.values)
    default = f"`{parameter.default}`" if parameter.default else ""
    return f"| `{parameter.path}` | {kind} | {_range(parameter)} | {default} | {_cell(words)}{_cell(meanings)} |"


def _range(parameter: Parameter) -> str:
    least = f"{parameter.min:.15g}" if parameter.HasField("min") else ""
    most = f"{parameter.max:.15g}" if parameter.HasField("max") else ""
    return f"{least} to {most}".strip() if least or most else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
