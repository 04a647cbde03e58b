"""A command in a process that was forked: in its folder, its errors in a pipe of their own (tests/cli/conftest.py)."""

import os
import runpy
import sys

if __name__ == "__main__":
    _folder, _errors, *_arguments = sys.argv[1:]
    _descriptor = os.open(_errors, os.O_WRONLY)
    os.dup2(_descriptor, 2)
    os.close(_descriptor)
    # Those of the process that forks may be files, which are written to otherwise.
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w")
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    os.chdir(_folder)
    sys.path[0] = _folder  # as `python -m` has it
    sys.argv[1:] = _arguments
    runpy.run_module("reelmill", run_name="__main__", alter_sys=True)
