"""One module for each thing that an output can ask for, by the name of its field in Output."""

from reelmill.media.contract import Operation
from reelmill.media.operations.analyze import AnalyzeOperation
from reelmill.media.operations.audio import AudioOperation
from reelmill.media.operations.captions import CaptionsOperation
from reelmill.media.operations.compare import CompareOperation
from reelmill.media.operations.concat import ConcatOperation
from reelmill.media.operations.image import ImageOperation
from reelmill.media.operations.package import PackageOperation
from reelmill.media.operations.preview import PreviewOperation
from reelmill.media.operations.sprite import SpriteOperation
from reelmill.media.operations.thumbnail import ThumbnailOperation
from reelmill.media.operations.transcode import TranscodeOperation
from reelmill.media.operations.transcribe import TranscribeOperation
from reelmill.media.operations.waveform import WaveformOperation

_EVERY: tuple[Operation, ...] = (
    TranscodeOperation(),
    ThumbnailOperation(),
    AudioOperation(),
    PackageOperation(),
    SpriteOperation(),
    PreviewOperation(),
    WaveformOperation(),
    AnalyzeOperation(),
    CompareOperation(),
    ImageOperation(),
    CaptionsOperation(),
    ConcatOperation(),
    TranscribeOperation(),
)
OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _EVERY}
