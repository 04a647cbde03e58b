from reelmill.v1 import analysis_pb2 as _analysis_pb2
from reelmill.v1 import jobs_pb2 as _jobs_pb2
from reelmill.v1 import receipts_pb2 as _receipts_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskReady(_message.Message):
    __slots__ = ("version", "task_id", "job_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    task_id: bytes
    job_id: bytes
    def __init__(self, version: _Optional[int] = ..., task_id: _Optional[bytes] = ..., job_id: _Optional[bytes] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("version", "topic", "value", "job_id", "reason")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    version: int
    topic: str
    value: bytes
    job_id: str
    reason: str
    def __init__(self, version: _Optional[int] = ..., topic: _Optional[str] = ..., value: _Optional[bytes] = ..., job_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class TaskResult(_message.Message):
    __slots__ = ("output_errors", "findings", "receipts")
    OUTPUT_ERRORS_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    output_errors: _containers.RepeatedCompositeFieldContainer[_jobs_pb2.JobError]
    findings: _containers.RepeatedCompositeFieldContainer[OutputFindings]
    receipts: _containers.RepeatedCompositeFieldContainer[_receipts_pb2.Receipt]
    def __init__(self, output_errors: _Optional[_Iterable[_Union[_jobs_pb2.JobError, _Mapping]]] = ..., findings: _Optional[_Iterable[_Union[OutputFindings, _Mapping]]] = ..., receipts: _Optional[_Iterable[_Union[_receipts_pb2.Receipt, _Mapping]]] = ...) -> None: ...

class OutputFindings(_message.Message):
    __slots__ = ("output", "result", "measured")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    output: str
    result: _analysis_pb2.OutputResult
    measured: _analysis_pb2.Measured
    def __init__(self, output: _Optional[str] = ..., result: _Optional[_Union[_analysis_pb2.OutputResult, _Mapping]] = ..., measured: _Optional[_Union[_analysis_pb2.Measured, _Mapping]] = ...) -> None: ...
