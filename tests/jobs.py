"""Small jobs, as their JSON form and as messages."""

from typing import Any

from google.protobuf.json_format import ParseDict

from reelmill.v1.jobs_pb2 import Job

URI = "https://example.org/talk.mov"  # for jobs that nobody runs
SOUND: dict[str, Any] = {"name": "sound", "preset": "podcast-audio"}
STILL: dict[str, Any] = {"name": "still", "thumbnail": {"count": 1, "width": 64}}
"""A tenth of a second."""


def encoding(**video: object) -> dict[str, Any]:
    """An output that encodes: H264 at 720 lines, about a second for our clip, unless it is told otherwise."""
    return {"name": "film", "transcode": {"container": "MP4", "video": {"codec": "H264", "height": 720} | video}}


LONG = encoding(codec="H265", height=2160, effort="SLOW", crf=10)
"""Half a minute or more."""


def body(uri: str = URI, *outputs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A job of one input, in JSON. Outputs without a name are out0, out1, …; without outputs it makes a sound."""
    named = [{"name": f"out{i}"} | output for i, output in enumerate(outputs or (SOUND,))]
    return {"inputs": [{"uri": uri}], "outputs": named} | fields


def job(uri: str = URI, *outputs: dict[str, Any], **fields: Any) -> Job:
    """The same as a message."""
    return ParseDict(body(uri, *outputs, **fields), Job())


def kept(made: Job) -> Job:
    """A job as it is kept, without what is only known of it at the time."""
    made.ClearField("queue")
    return made
