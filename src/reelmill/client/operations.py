"""What an output can be, by the names that the API has: thumbnail(count=5, width=320). Enums are names, in capitals.

Fields that are messages take keywords as a dict: transcode(video={"codec": "H264", "height": 720}).
"""

from reelmill.v1.analysis_pb2 import Analyze as analyze
from reelmill.v1.analysis_pb2 import Compare as compare
from reelmill.v1.analysis_pb2 import Waveform as waveform
from reelmill.v1.captions_pb2 import Captions as captions
from reelmill.v1.concat_pb2 import Concat as concat
from reelmill.v1.image_pb2 import Image as image
from reelmill.v1.operations_pb2 import AudioExtract as audio
from reelmill.v1.operations_pb2 import Thumbnail as thumbnail
from reelmill.v1.operations_pb2 import Transcode as transcode
from reelmill.v1.package_pb2 import Package as package
from reelmill.v1.preview_pb2 import Preview as preview
from reelmill.v1.speech_pb2 import Transcribe as transcribe
from reelmill.v1.sprite_pb2 import Sprite as sprite

__all__ = [
    "analyze",
    "audio",
    "captions",
    "compare",
    "concat",
    "image",
    "package",
    "preview",
    "sprite",
    "thumbnail",
    "transcode",
    "transcribe",
    "waveform",
]
