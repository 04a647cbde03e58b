"""structlog, without rich, which it takes along where it is there, for tracebacks of a kind that we don't print.

That would be a twelfth of what a process imports at its start.
"""

import sys

__all__ = ["structlog"]

_ABSENT = "rich" not in sys.modules
if _ABSENT:
    sys.modules["rich"] = None  # type: ignore[assignment] # as Python keeps what can't be imported
try:
    import structlog
finally:
    if _ABSENT:
        del sys.modules["rich"]
