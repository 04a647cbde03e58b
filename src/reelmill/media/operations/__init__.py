"""One module for each thing that an output can ask for, by the name of its field in Output."""

from reelmill.media.contract import Operation
from reelmill.media.operations.analyze import AnalyzeOperation
from reelmill.media.operations.audio import AudioOperation
from reelmill.media.operations.compare import CompareOperation
from reelmill.media.operations.package import PackageOperation
from reelmill.media.operations.thumbnail import ThumbnailOperation
from reelmill.media.operations.transcode import TranscodeOperation
from reelmill.media.operations.waveform import WaveformOperation

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        TranscodeOperation(),
        ThumbnailOperation(),
        AudioOperation(),
        WaveformOperation(),
        AnalyzeOperation(),
        CompareOperation(),
        PackageOperation(),
    )
}
