import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from reelmill.v1 import analysis_pb2 as _analysis_pb2
from reelmill.v1 import captions_pb2 as _captions_pb2
from reelmill.v1 import concat_pb2 as _concat_pb2
from reelmill.v1 import image_pb2 as _image_pb2
from reelmill.v1 import media_pb2 as _media_pb2
from reelmill.v1 import operations_pb2 as _operations_pb2
from reelmill.v1 import package_pb2 as _package_pb2
from reelmill.v1 import receipts_pb2 as _receipts_pb2
from reelmill.v1 import preview_pb2 as _preview_pb2
from reelmill.v1 import rules_pb2 as _rules_pb2
from reelmill.v1 import speech_pb2 as _speech_pb2
from reelmill.v1 import sprite_pb2 as _sprite_pb2
from reelmill.v1 import steps_pb2 as _steps_pb2
from reelmill.v1 import webhooks_pb2 as _webhooks_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_VIEW_UNSPECIFIED: _ClassVar[JobView]
    BASIC: _ClassVar[JobView]
    FULL: _ClassVar[JobView]
JOB_VIEW_UNSPECIFIED: JobView
BASIC: JobView
FULL: JobView

class Input(_message.Message):
    __slots__ = ("name", "uri", "headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    uri: str
    headers: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., uri: _Optional[str] = ..., headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("name", "input", "transcode", "thumbnail", "audio", "preset", "waveform", "analyze", "compare", "package", "sprite", "preview", "image", "captions", "concat", "transcribe", "optional", "contract", "files", "file_count", "total_bytes", "error", "result", "measured", "reused", "from_preset")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    TRANSCODE_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    WAVEFORM_FIELD_NUMBER: _ClassVar[int]
    ANALYZE_FIELD_NUMBER: _ClassVar[int]
    COMPARE_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    SPRITE_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    CAPTIONS_FIELD_NUMBER: _ClassVar[int]
    CONCAT_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIBE_FIELD_NUMBER: _ClassVar[int]
    OPTIONAL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    FILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    FROM_PRESET_FIELD_NUMBER: _ClassVar[int]
    name: str
    input: str
    transcode: _operations_pb2.Transcode
    thumbnail: _operations_pb2.Thumbnail
    audio: _operations_pb2.AudioExtract
    preset: str
    waveform: _analysis_pb2.Waveform
    analyze: _analysis_pb2.Analyze
    compare: _analysis_pb2.Compare
    package: _package_pb2.Package
    sprite: _sprite_pb2.Sprite
    preview: _preview_pb2.Preview
    image: _image_pb2.Image
    captions: _captions_pb2.Captions
    concat: _concat_pb2.Concat
    transcribe: _speech_pb2.Transcribe
    optional: bool
    contract: _analysis_pb2.Contract
    files: _containers.RepeatedCompositeFieldContainer[OutputFile]
    file_count: int
    total_bytes: int
    error: JobError
    result: _analysis_pb2.OutputResult
    measured: _analysis_pb2.Measured
    reused: bool
    from_preset: str
    def __init__(self, name: _Optional[str] = ..., input: _Optional[str] = ..., transcode: _Optional[_Union[_operations_pb2.Transcode, _Mapping]] = ..., thumbnail: _Optional[_Union[_operations_pb2.Thumbnail, _Mapping]] = ..., audio: _Optional[_Union[_operations_pb2.AudioExtract, _Mapping]] = ..., preset: _Optional[str] = ..., waveform: _Optional[_Union[_analysis_pb2.Waveform, _Mapping]] = ..., analyze: _Optional[_Union[_analysis_pb2.Analyze, _Mapping]] = ..., compare: _Optional[_Union[_analysis_pb2.Compare, _Mapping]] = ..., package: _Optional[_Union[_package_pb2.Package, _Mapping]] = ..., sprite: _Optional[_Union[_sprite_pb2.Sprite, _Mapping]] = ..., preview: _Optional[_Union[_preview_pb2.Preview, _Mapping]] = ..., image: _Optional[_Union[_image_pb2.Image, _Mapping]] = ..., captions: _Optional[_Union[_captions_pb2.Captions, _Mapping]] = ..., concat: _Optional[_Union[_concat_pb2.Concat, _Mapping]] = ..., transcribe: _Optional[_Union[_speech_pb2.Transcribe, _Mapping]] = ..., optional: _Optional[bool] = ..., contract: _Optional[_Union[_analysis_pb2.Contract, _Mapping]] = ..., files: _Optional[_Iterable[_Union[OutputFile, _Mapping]]] = ..., file_count: _Optional[int] = ..., total_bytes: _Optional[int] = ..., error: _Optional[_Union[JobError, _Mapping]] = ..., result: _Optional[_Union[_analysis_pb2.OutputResult, _Mapping]] = ..., measured: _Optional[_Union[_analysis_pb2.Measured, _Mapping]] = ..., reused: _Optional[bool] = ..., from_preset: _Optional[str] = ...) -> None: ...

class OutputFile(_message.Message):
    __slots__ = ("uri", "size_bytes", "sha256", "content_type", "media", "path", "download_url", "reused_from")
    URI_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_URL_FIELD_NUMBER: _ClassVar[int]
    REUSED_FROM_FIELD_NUMBER: _ClassVar[int]
    uri: str
    size_bytes: int
    sha256: str
    content_type: str
    media: _media_pb2.MediaInfo
    path: str
    download_url: str
    reused_from: str
    def __init__(self, uri: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., content_type: _Optional[str] = ..., media: _Optional[_Union[_media_pb2.MediaInfo, _Mapping]] = ..., path: _Optional[str] = ..., download_url: _Optional[str] = ..., reused_from: _Optional[str] = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("max_attempts", "initial_backoff", "max_backoff")
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_BACKOFF_FIELD_NUMBER: _ClassVar[int]
    MAX_BACKOFF_FIELD_NUMBER: _ClassVar[int]
    max_attempts: int
    initial_backoff: _duration_pb2.Duration
    max_backoff: _duration_pb2.Duration
    def __init__(self, max_attempts: _Optional[int] = ..., initial_backoff: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_backoff: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("percent", "fps", "speed", "eta", "outputs", "eta_earliest", "eta_latest")
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    FPS_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    ETA_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    ETA_EARLIEST_FIELD_NUMBER: _ClassVar[int]
    ETA_LATEST_FIELD_NUMBER: _ClassVar[int]
    percent: float
    fps: float
    speed: float
    eta: _duration_pb2.Duration
    outputs: _containers.RepeatedCompositeFieldContainer[OutputProgress]
    eta_earliest: _duration_pb2.Duration
    eta_latest: _duration_pb2.Duration
    def __init__(self, percent: _Optional[float] = ..., fps: _Optional[float] = ..., speed: _Optional[float] = ..., eta: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., outputs: _Optional[_Iterable[_Union[OutputProgress, _Mapping]]] = ..., eta_earliest: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., eta_latest: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class OutputProgress(_message.Message):
    __slots__ = ("output", "percent", "phase", "in_pieces")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    IN_PIECES_FIELD_NUMBER: _ClassVar[int]
    output: str
    percent: float
    phase: Job.Phase
    in_pieces: bool
    def __init__(self, output: _Optional[str] = ..., percent: _Optional[float] = ..., phase: _Optional[_Union[Job.Phase, str]] = ..., in_pieces: _Optional[bool] = ...) -> None: ...

class JobError(_message.Message):
    __slots__ = ("code", "category", "retryable", "message", "output", "command", "stderr_tail", "kind", "cause", "deciding_line", "remedy", "reproduction")
    class Category(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CATEGORY_UNSPECIFIED: _ClassVar[JobError.Category]
        INPUT: _ClassVar[JobError.Category]
        LIMIT: _ClassVar[JobError.Category]
        TRANSIENT: _ClassVar[JobError.Category]
        INTERNAL: _ClassVar[JobError.Category]
    CATEGORY_UNSPECIFIED: JobError.Category
    INPUT: JobError.Category
    LIMIT: JobError.Category
    TRANSIENT: JobError.Category
    INTERNAL: JobError.Category
    CODE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    STDERR_TAIL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    DECIDING_LINE_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    REPRODUCTION_FIELD_NUMBER: _ClassVar[int]
    code: str
    category: JobError.Category
    retryable: bool
    message: str
    output: str
    command: str
    stderr_tail: str
    kind: str
    cause: str
    deciding_line: str
    remedy: str
    reproduction: str
    def __init__(self, code: _Optional[str] = ..., category: _Optional[_Union[JobError.Category, str]] = ..., retryable: _Optional[bool] = ..., message: _Optional[str] = ..., output: _Optional[str] = ..., command: _Optional[str] = ..., stderr_tail: _Optional[str] = ..., kind: _Optional[str] = ..., cause: _Optional[str] = ..., deciding_line: _Optional[str] = ..., remedy: _Optional[str] = ..., reproduction: _Optional[str] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("id", "inputs", "outputs", "destination", "priority", "labels", "retry_policy", "deadline", "pool", "requires", "reuse", "publish", "webhook", "state", "phase", "progress", "attempt", "error", "create_time", "start_time", "end_time", "next_attempt_time", "cancel_time", "retry_of", "version", "omitted", "steps", "queue", "receipts", "published")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Job.State]
        QUEUED: _ClassVar[Job.State]
        PROCESSING: _ClassVar[Job.State]
        COMPLETED: _ClassVar[Job.State]
        FAILED: _ClassVar[Job.State]
        CANCELLED: _ClassVar[Job.State]
    STATE_UNSPECIFIED: Job.State
    QUEUED: Job.State
    PROCESSING: Job.State
    COMPLETED: Job.State
    FAILED: Job.State
    CANCELLED: Job.State
    class Publish(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PUBLISH_UNSPECIFIED: _ClassVar[Job.Publish]
        ALL: _ClassVar[Job.Publish]
        EACH: _ClassVar[Job.Publish]
    PUBLISH_UNSPECIFIED: Job.Publish
    ALL: Job.Publish
    EACH: Job.Publish
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PHASE_UNSPECIFIED: _ClassVar[Job.Phase]
        PROBING: _ClassVar[Job.Phase]
        TRANSCODING: _ClassVar[Job.Phase]
        PACKAGING: _ClassVar[Job.Phase]
        UPLOADING: _ClassVar[Job.Phase]
    PHASE_UNSPECIFIED: Job.Phase
    PROBING: Job.Phase
    TRANSCODING: Job.Phase
    PACKAGING: Job.Phase
    UPLOADING: Job.Phase
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    RETRY_POLICY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_FIELD_NUMBER: _ClassVar[int]
    REUSE_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    CANCEL_TIME_FIELD_NUMBER: _ClassVar[int]
    RETRY_OF_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OMITTED_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    id: str
    inputs: _containers.RepeatedCompositeFieldContainer[Input]
    outputs: _containers.RepeatedCompositeFieldContainer[Output]
    destination: str
    priority: int
    labels: _containers.ScalarMap[str, str]
    retry_policy: RetryPolicy
    deadline: _timestamp_pb2.Timestamp
    pool: str
    requires: _containers.RepeatedScalarFieldContainer[str]
    reuse: bool
    publish: Job.Publish
    webhook: _webhooks_pb2.JobWebhook
    state: Job.State
    phase: Job.Phase
    progress: Progress
    attempt: int
    error: JobError
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    next_attempt_time: _timestamp_pb2.Timestamp
    cancel_time: _timestamp_pb2.Timestamp
    retry_of: str
    version: int
    omitted: _containers.RepeatedScalarFieldContainer[str]
    steps: _containers.RepeatedCompositeFieldContainer[_steps_pb2.Step]
    queue: Queue
    receipts: _containers.RepeatedCompositeFieldContainer[_receipts_pb2.Receipt]
    published: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., inputs: _Optional[_Iterable[_Union[Input, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[Output, _Mapping]]] = ..., destination: _Optional[str] = ..., priority: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., retry_policy: _Optional[_Union[RetryPolicy, _Mapping]] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pool: _Optional[str] = ..., requires: _Optional[_Iterable[str]] = ..., reuse: _Optional[bool] = ..., publish: _Optional[_Union[Job.Publish, str]] = ..., webhook: _Optional[_Union[_webhooks_pb2.JobWebhook, _Mapping]] = ..., state: _Optional[_Union[Job.State, str]] = ..., phase: _Optional[_Union[Job.Phase, str]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., attempt: _Optional[int] = ..., error: _Optional[_Union[JobError, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cancel_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retry_of: _Optional[str] = ..., version: _Optional[int] = ..., omitted: _Optional[_Iterable[str]] = ..., steps: _Optional[_Iterable[_Union[_steps_pb2.Step, _Mapping]]] = ..., queue: _Optional[_Union[Queue, _Mapping]] = ..., receipts: _Optional[_Iterable[_Union[_receipts_pb2.Receipt, _Mapping]]] = ..., published: _Optional[_Iterable[str]] = ...) -> None: ...

class Queue(_message.Message):
    __slots__ = ("tasks_before", "start", "start_earliest", "start_latest")
    TASKS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    START_EARLIEST_FIELD_NUMBER: _ClassVar[int]
    START_LATEST_FIELD_NUMBER: _ClassVar[int]
    tasks_before: int
    start: _duration_pb2.Duration
    start_earliest: _duration_pb2.Duration
    start_latest: _duration_pb2.Duration
    def __init__(self, tasks_before: _Optional[int] = ..., start: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., start_earliest: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., start_latest: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CreateJobRequest(_message.Message):
    __slots__ = ("job", "request_id")
    JOB_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    job: Job
    request_id: str
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class BatchCreateJobsRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[CreateJobRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[CreateJobRequest, _Mapping]]] = ...) -> None: ...

class BatchCreateJobsResponse(_message.Message):
    __slots__ = ("results",)
    class Result(_message.Message):
        __slots__ = ("job", "error")
        JOB_FIELD_NUMBER: _ClassVar[int]
        ERROR_FIELD_NUMBER: _ClassVar[int]
        job: Job
        error: _status_pb2.Status
        def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchCreateJobsResponse.Result]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchCreateJobsResponse.Result, _Mapping]]] = ...) -> None: ...

class ValidateJobRequest(_message.Message):
    __slots__ = ("job", "view")
    JOB_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    job: Job
    view: JobView
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ..., view: _Optional[_Union[JobView, str]] = ...) -> None: ...

class EstimateJobRequest(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ("least", "likely", "most")
    LEAST_FIELD_NUMBER: _ClassVar[int]
    LIKELY_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    least: float
    likely: float
    most: float
    def __init__(self, least: _Optional[float] = ..., likely: _Optional[float] = ..., most: _Optional[float] = ...) -> None: ...

class Estimate(_message.Message):
    __slots__ = ("core_seconds", "bytes", "seconds", "measurements")
    CORE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    core_seconds: Range
    bytes: Range
    seconds: Range
    measurements: int
    def __init__(self, core_seconds: _Optional[_Union[Range, _Mapping]] = ..., bytes: _Optional[_Union[Range, _Mapping]] = ..., seconds: _Optional[_Union[Range, _Mapping]] = ..., measurements: _Optional[int] = ...) -> None: ...

class OutputEstimate(_message.Message):
    __slots__ = ("output", "estimate", "reuse", "reused_from")
    class Reuse(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REUSE_UNSPECIFIED: _ClassVar[OutputEstimate.Reuse]
        NOT_LOOKED_FOR: _ClassVar[OutputEstimate.Reuse]
        NOT_KNOWN: _ClassVar[OutputEstimate.Reuse]
        MADE: _ClassVar[OutputEstimate.Reuse]
        TAKEN: _ClassVar[OutputEstimate.Reuse]
    REUSE_UNSPECIFIED: OutputEstimate.Reuse
    NOT_LOOKED_FOR: OutputEstimate.Reuse
    NOT_KNOWN: OutputEstimate.Reuse
    MADE: OutputEstimate.Reuse
    TAKEN: OutputEstimate.Reuse
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    REUSE_FIELD_NUMBER: _ClassVar[int]
    REUSED_FROM_FIELD_NUMBER: _ClassVar[int]
    output: str
    estimate: Estimate
    reuse: OutputEstimate.Reuse
    reused_from: str
    def __init__(self, output: _Optional[str] = ..., estimate: _Optional[_Union[Estimate, _Mapping]] = ..., reuse: _Optional[_Union[OutputEstimate.Reuse, str]] = ..., reused_from: _Optional[str] = ...) -> None: ...

class EstimateJobResponse(_message.Message):
    __slots__ = ("job", "outputs", "queue", "tasks")
    JOB_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    job: Estimate
    outputs: _containers.RepeatedCompositeFieldContainer[OutputEstimate]
    queue: Queue
    tasks: int
    def __init__(self, job: _Optional[_Union[Estimate, _Mapping]] = ..., outputs: _Optional[_Iterable[_Union[OutputEstimate, _Mapping]]] = ..., queue: _Optional[_Union[Queue, _Mapping]] = ..., tasks: _Optional[int] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("id", "view", "signed_urls_seconds")
    ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SIGNED_URLS_SECONDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    view: JobView
    signed_urls_seconds: int
    def __init__(self, id: _Optional[str] = ..., view: _Optional[_Union[JobView, str]] = ..., signed_urls_seconds: _Optional[int] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RetryJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeleteJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeleteJobResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteJobsRequest(_message.Message):
    __slots__ = ("filter",)
    FILTER_FIELD_NUMBER: _ClassVar[int]
    filter: str
    def __init__(self, filter: _Optional[str] = ...) -> None: ...

class DeleteJobsResponse(_message.Message):
    __slots__ = ("deleted", "more")
    DELETED_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    deleted: int
    more: bool
    def __init__(self, deleted: _Optional[int] = ..., more: _Optional[bool] = ...) -> None: ...

class WatchJobRequest(_message.Message):
    __slots__ = ("id", "after_sequence")
    ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    after_sequence: int
    def __init__(self, id: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class JobEvent(_message.Message):
    __slots__ = ("sequence", "job_id", "state", "phase", "attempt", "progress", "error", "time", "next_attempt_time", "cancel_requested", "queue", "published")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    job_id: str
    state: Job.State
    phase: Job.Phase
    attempt: int
    progress: Progress
    error: JobError
    time: _timestamp_pb2.Timestamp
    next_attempt_time: _timestamp_pb2.Timestamp
    cancel_requested: bool
    queue: Queue
    published: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sequence: _Optional[int] = ..., job_id: _Optional[str] = ..., state: _Optional[_Union[Job.State, str]] = ..., phase: _Optional[_Union[Job.Phase, str]] = ..., attempt: _Optional[int] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., error: _Optional[_Union[JobError, _Mapping]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cancel_requested: _Optional[bool] = ..., queue: _Optional[_Union[Queue, _Mapping]] = ..., published: _Optional[_Iterable[str]] = ...) -> None: ...

class ListJobEventsRequest(_message.Message):
    __slots__ = ("id", "after_sequence", "page_size")
    ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    id: str
    after_sequence: int
    page_size: int
    def __init__(self, id: _Optional[str] = ..., after_sequence: _Optional[int] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListJobEventsResponse(_message.Message):
    __slots__ = ("events", "next_after_sequence")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[JobEvent]
    next_after_sequence: int
    def __init__(self, events: _Optional[_Iterable[_Union[JobEvent, _Mapping]]] = ..., next_after_sequence: _Optional[int] = ...) -> None: ...

class JobLog(_message.Message):
    __slots__ = ("sequence", "time", "level", "attempt", "output", "message", "command")
    class Level(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LEVEL_UNSPECIFIED: _ClassVar[JobLog.Level]
        INFO: _ClassVar[JobLog.Level]
        WARNING: _ClassVar[JobLog.Level]
        ERROR: _ClassVar[JobLog.Level]
    LEVEL_UNSPECIFIED: JobLog.Level
    INFO: JobLog.Level
    WARNING: JobLog.Level
    ERROR: JobLog.Level
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    level: JobLog.Level
    attempt: int
    output: str
    message: str
    command: str
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., level: _Optional[_Union[JobLog.Level, str]] = ..., attempt: _Optional[int] = ..., output: _Optional[str] = ..., message: _Optional[str] = ..., command: _Optional[str] = ...) -> None: ...

class ListJobLogsRequest(_message.Message):
    __slots__ = ("id", "after_sequence", "page_size")
    ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    id: str
    after_sequence: int
    page_size: int
    def __init__(self, id: _Optional[str] = ..., after_sequence: _Optional[int] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListJobLogsResponse(_message.Message):
    __slots__ = ("logs", "next_after_sequence")
    LOGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    logs: _containers.RepeatedCompositeFieldContainer[JobLog]
    next_after_sequence: int
    def __init__(self, logs: _Optional[_Iterable[_Union[JobLog, _Mapping]]] = ..., next_after_sequence: _Optional[int] = ...) -> None: ...

class ListOutputFilesRequest(_message.Message):
    __slots__ = ("id", "output", "page_size", "page_token", "path", "signed_urls_seconds")
    ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIGNED_URLS_SECONDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    output: str
    page_size: int
    page_token: str
    path: str
    signed_urls_seconds: int
    def __init__(self, id: _Optional[str] = ..., output: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., path: _Optional[str] = ..., signed_urls_seconds: _Optional[int] = ...) -> None: ...

class ListOutputFilesResponse(_message.Message):
    __slots__ = ("files", "next_page_token")
    FILES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[OutputFile]
    next_page_token: str
    def __init__(self, files: _Optional[_Iterable[_Union[OutputFile, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("id", "planned_by", "kind", "outputs", "state", "phase", "progress", "attempt", "worker", "depends_on", "open_dependencies", "weight", "pool", "labels", "error", "create_time", "ready_time", "next_attempt_time", "wait", "tasks_before", "part", "reused")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Task.State]
        WAITING: _ClassVar[Task.State]
        DELAYED: _ClassVar[Task.State]
        READY: _ClassVar[Task.State]
        RUNNING: _ClassVar[Task.State]
        COMPLETED: _ClassVar[Task.State]
        FAILED: _ClassVar[Task.State]
        CANCELLED: _ClassVar[Task.State]
    STATE_UNSPECIFIED: Task.State
    WAITING: Task.State
    DELAYED: Task.State
    READY: Task.State
    RUNNING: Task.State
    COMPLETED: Task.State
    FAILED: Task.State
    CANCELLED: Task.State
    class Wait(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        WAIT_UNSPECIFIED: _ClassVar[Task.Wait]
        FOR_TASKS: _ClassVar[Task.Wait]
        FOR_RETRY: _ClassVar[Task.Wait]
        FOR_WORKER: _ClassVar[Task.Wait]
        FOR_SLOT: _ClassVar[Task.Wait]
        FOR_CLAIM: _ClassVar[Task.Wait]
    WAIT_UNSPECIFIED: Task.Wait
    FOR_TASKS: Task.Wait
    FOR_RETRY: Task.Wait
    FOR_WORKER: Task.Wait
    FOR_SLOT: Task.Wait
    FOR_CLAIM: Task.Wait
    class Reused(_message.Message):
        __slots__ = ("output", "reused_from")
        OUTPUT_FIELD_NUMBER: _ClassVar[int]
        REUSED_FROM_FIELD_NUMBER: _ClassVar[int]
        output: str
        reused_from: str
        def __init__(self, output: _Optional[str] = ..., reused_from: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    PLANNED_BY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    DEPENDS_ON_FIELD_NUMBER: _ClassVar[int]
    OPEN_DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    READY_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    TASKS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    id: str
    planned_by: str
    kind: str
    outputs: _containers.RepeatedScalarFieldContainer[str]
    state: Task.State
    phase: Job.Phase
    progress: Progress
    attempt: int
    worker: str
    depends_on: _containers.RepeatedScalarFieldContainer[str]
    open_dependencies: int
    weight: float
    pool: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    error: JobError
    create_time: _timestamp_pb2.Timestamp
    ready_time: _timestamp_pb2.Timestamp
    next_attempt_time: _timestamp_pb2.Timestamp
    wait: Task.Wait
    tasks_before: int
    part: _operations_pb2.TimeRange
    reused: _containers.RepeatedCompositeFieldContainer[Task.Reused]
    def __init__(self, id: _Optional[str] = ..., planned_by: _Optional[str] = ..., kind: _Optional[str] = ..., outputs: _Optional[_Iterable[str]] = ..., state: _Optional[_Union[Task.State, str]] = ..., phase: _Optional[_Union[Job.Phase, str]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., attempt: _Optional[int] = ..., worker: _Optional[str] = ..., depends_on: _Optional[_Iterable[str]] = ..., open_dependencies: _Optional[int] = ..., weight: _Optional[float] = ..., pool: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., error: _Optional[_Union[JobError, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ready_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wait: _Optional[_Union[Task.Wait, str]] = ..., tasks_before: _Optional[int] = ..., part: _Optional[_Union[_operations_pb2.TimeRange, _Mapping]] = ..., reused: _Optional[_Iterable[_Union[Task.Reused, _Mapping]]] = ...) -> None: ...

class ListTasksRequest(_message.Message):
    __slots__ = ("id", "page_size", "page_token")
    ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    page_size: int
    page_token: str
    def __init__(self, id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTasksResponse(_message.Message):
    __slots__ = ("tasks", "next_page_token")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[Task]
    next_page_token: str
    def __init__(self, tasks: _Optional[_Iterable[_Union[Task, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
