"""Whether speech can be heard here: the extra `speech`, and a model."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

REMEDY = "pip install 'reelmill[speech]'"
MODEL_REMEDY = (
    "set REELMILL_SPEECH_MODEL to the folder of a Whisper model as CTranslate2 has it (model.bin, config.json…)"
)


@cache
def is_installed() -> bool:
    """Whether the extra is."""
    return find_spec("faster_whisper") is not None


def is_model(folder: Path) -> bool:
    """Whether a folder holds a model."""
    return (folder / "model.bin").is_file() and (folder / "config.json").is_file()
