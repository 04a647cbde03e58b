"""What a caller of `run` and `submit` asks for, as a job. Pure, but for looking where a path is."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from reelmill.client.files import File
from reelmill.v1.jobs_pb2 import Input, Job, Output

Source = File
"""An input: a URI, or what can be uploaded."""
Sources = Source | Mapping[str, Source]
"""One input, or several by their names."""
Wanted = str | Message | Mapping[str, Any]
"""What an output becomes: a preset's name, an operation such as thumbnail(count=5), an Output, or one as in JSON."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_CHECKED = "example:clip"  # stands for what is not uploaded yet
_OPERATIONS = {
    field.message_type.full_name: field.name
    for field in Output.DESCRIPTOR.oneofs_by_name["operation"].fields
    if field.message_type is not None
}


def named(sources: Sources) -> dict[str, Source]:
    """Inputs by their names; a single one has none."""
    return dict(sources) if isinstance(sources, Mapping) else {"": sources}


def uri_of(source: Source) -> str:
    """The URI that a source is; empty for what must be uploaded."""
    is_uri = isinstance(source, str) and _URI.match(source) and not Path(source).exists()
    return str(source) if is_uri else ""


def file_uri(source: Source) -> str:
    """The file: URI of a path of this machine. Raises TypeError for what is none."""
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "only a gateway takes uploads: connect to it (https://…), or name it: "
            'Client("host:9090", gateway="https://…"); an api alone is told where a file lies'
        )
    return Path(source).absolute().as_uri()


def checked(uris: Mapping[str, str]) -> dict[str, str]:
    """The same inputs for a check beforehand: one in the place of each that has no URI yet."""
    return {name: uri or _CHECKED for name, uri in uris.items()}


def job(uris: Mapping[str, str], outputs: Mapping[str, Wanted], options: Mapping[str, Any]) -> Job:
    """The job that makes `outputs` from inputs at `uris`. `options` are further fields of Job.

    Raises ValueError and TypeError, naming what can't be understood.
    """
    try:
        made = Job(**options)
    except (ValueError, TypeError) as error:
        raise type(error)(f"options: {error}") from error
    made.inputs.extend(Input(name=name, uri=uri) for name, uri in uris.items())
    made.outputs.extend(output(name, wanted) for name, wanted in outputs.items())
    return made


def output(name: str, wanted: Wanted) -> Output:
    """What is wanted as an output of a name. Raises ValueError, TypeError."""
    if isinstance(wanted, str):
        return Output(name=name, preset=wanted)
    if isinstance(wanted, Output):
        return Output.FromString(wanted.SerializeToString() + Output(name=name).SerializeToString())
    if isinstance(wanted, Message):
        kind = _OPERATIONS.get(wanted.DESCRIPTOR.full_name)
        if kind is None:
            raise TypeError(
                f"{name}: a {wanted.DESCRIPTOR.name} is no operation; there are {', '.join(_OPERATIONS.values())}"
            )
        made = Output(name=name)
        getattr(made, kind).CopyFrom(wanted)
        getattr(made, kind).SetInParent()
        return made
    if isinstance(wanted, Mapping):
        try:
            return ParseDict({**wanted, "name": name}, Output())
        except ParseError as error:
            raise ValueError(f"{name}: {error}") from error
    raise TypeError(f"{name}: is a {type(wanted).__name__}; give a preset's name, or an operation such as thumbnail()")
