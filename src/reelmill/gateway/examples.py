"""Examples for the OpenAPI document."""

from typing import Any

_JOB: dict[str, Any] = {
    "inputs": [{"uri": "example:clip"}],
    "outputs": [
        {
            "name": "web",
            "transcode": {
                "container": "MP4",
                "video": {"codec": "H264", "height": 720, "crf": 23},
                "audio": {"codec": "AAC", "bitrate_bps": 128000},
            },
        },
        {"name": "stills", "thumbnail": {"count": 5, "width": 320, "format": "JPEG"}},
        {"name": "sound", "audio": {"format": "MP3"}},
        {"name": "small", "preset": "web-mp4"},
    ],
    "priority": 50,
    "labels": {"asset": "42"},
}
_SMALL_JOB: dict[str, Any] = {
    "inputs": [{"uri": "example:clip"}],
    "outputs": [{"name": "web", "preset": "web-mp4"}],
}
_JOBS = {
    "all": {"summary": "A transcode, stills, the sound, and a preset", "value": _JOB},
    "preset": {"summary": "The smallest job", "value": _SMALL_JOB},
}

# Method → examples of its body, by name.
BODIES: dict[str, Any] = {
    "CreateJob": _JOBS,
    "ValidateJob": _JOBS,
    "EstimateJob": _JOBS,
    "BatchCreateJobs": {
        "two": {
            "summary": "Two jobs",
            "value": {"requests": [{"job": _JOB, "request_id": "asset-42"}, {"job": _SMALL_JOB}]},
        }
    },
    "CancelJob": {"reason": {"summary": "With a reason", "value": {"reason": "no longer needed"}}},
    "DeleteJobs": {"old": {"summary": "By age", "value": {"filter": 'create_time < "2026-01-01T00:00:00Z"'}}},
    "RetryJob": {"empty": {"summary": "Nothing to say", "value": {}}},
    "CreateKey": {"submitter": {"summary": "A key for a service", "value": {"name": "ingest", "role": "SUBMITTER"}}},
    "RevokeKey": {"empty": {"summary": "Nothing to say", "value": {}}},
    "RotateKey": {"hour": {"summary": "The older one goes on for an hour", "value": {"overlap": "3600s"}}},
    "CreateTenant": {"name": {"summary": "A tenant", "value": {"name": "studio-b"}}},
    "SavePreset": {
        "sound": {
            "summary": "Sound for speech",
            "value": {"name": "speech", "description": "Small", "audio": {"format": "OPUS", "bitrate_bps": 32000}},
        }
    },
    "ProbeMedia": {"file": {"summary": "The clip that comes along", "value": {"uri": "example:clip"}}},
}

EVENTS = """\
id: 2
event: state
data: {"sequence": "2", "state": "PROCESSING", "phase": "PROBING", "attempt": 1}

event: progress
data: {"state": "PROCESSING", "phase": "TRANSCODING", "attempt": 1, "progress": {"percent": 41.5, "speed": 2.1}}

id: 5
event: state
data: {"sequence": "5", "state": "COMPLETED", "attempt": 1}
"""
