"""The SDK under a name of its own: `import reelmill` finds it too, but where .pth files are not read (pip --target)."""

import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("reelmill") is None:
    sys.path.append(str(Path(__file__).parent / "path"))

from reelmill.client import *  # noqa: F403 - once it can be found
