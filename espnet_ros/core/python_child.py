"""The command of a child process that runs one of our modules with this Python."""

from __future__ import annotations

import sys
from pathlib import Path

# `python -m` puts the current folder before the standard library, so a user's own queue.py would
# be imported instead (Python 3.10 has no option against that). `-c` does the same, but the code
# can undo it before any import. A re-execution, as by the ROS wheels, starts here again.
_RUN_MODULE = """
import sys
sys.path[:] = [folder for folder in sys.path if folder] + [sys.argv[1]]
import runpy
del sys.argv[:2]
runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
"""
# Last in the child's path, for a checkout that is not installed.
_HERE = str(Path(__file__).resolve().parents[2])


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command for ``python -m module`` without the current folder in ``sys.path``."""
    return [sys.executable, '-c', _RUN_MODULE, _HERE, module, *arguments]
