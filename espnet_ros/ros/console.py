"""The console that a process writes its log to, and that nobody may read: a terminal, a pipe.

Who writes to a terminal that is stopped (Ctrl-S, a connection that stalls) or to a full pipe
waits, and rclpy's log calls hold Python's lock meanwhile: all threads of the process stand still.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
from typing import TextIO


def never_wait() -> None:
    """Have what can't be written to stdout and stderr at once be lost, whoever writes it.

    Python, C and C++ libraries, and children of this process. A socket, or what this user may not
    open, stays as it is.
    """
    for stream in _streams():
        with contextlib.suppress(OSError):
            fd = stream.fileno()
            if stat.S_ISFIFO(os.fstat(fd).st_mode) or os.isatty(fd):
                # Opened anew, as the flag would hold for everybody who has it from the same shell.
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
                opened = os.open(f'/proc/self/fd/{fd}', flags)
                os.dup2(opened, fd)
                os.close(opened)


def takes_text(fd: int) -> bool:
    """Tell whether something can be written now; what is closed or broken makes nobody wait."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(0))


def flush() -> bool:
    """Flush stdout and stderr unless that would wait; return whether all is out."""
    try:
        for stream in _streams():
            if not takes_text(stream.fileno()):
                return False
            stream.flush()
    except OSError:
        return False
    return True


def _streams() -> list[TextIO]:
    # Python has none where they are closed.
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
