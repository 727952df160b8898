"""The console that a process writes its log to, and that nobody may read: a terminal, a pipe.

Who writes to a terminal that is stopped (Ctrl-S, a connection that stalls) or to a full pipe
waits, and rclpy's log calls hold Python's lock meanwhile: all threads of the process stand still.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import stat
import sys
from typing import TextIO

# For a reader that comes late, as ros2 launch does while it starts other nodes: what Linux lets
# every user have.
_PIPE_BYTES = 1 << 20
_LAST_WAIT_S = 0.5


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
                with contextlib.suppress(OSError):
                    fcntl.fcntl(opened, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
                os.dup2(opened, fd)
                os.close(opened)


def takes_text(fd: int, wait_s: float = 0.0) -> bool:
    """Tell whether something can be written; what is closed or broken makes nobody wait.

    :param wait_s: for that to be so, at most; other threads go on meanwhile.
    """
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(1e3 * wait_s))


def tell(text: str) -> None:
    """Write last words to stderr, if that takes them before long."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            takes_text(sys.stderr.fileno(), _LAST_WAIT_S)
            print(text.rstrip(), file=sys.stderr, flush=True)


def flush() -> bool:
    """Flush stdout and stderr unless they take nothing for long; return whether all is out."""
    try:
        for stream in _streams():
            if not takes_text(stream.fileno(), _LAST_WAIT_S):
                return False
            stream.flush()
    except OSError:
        return False
    return True


def _streams() -> list[TextIO]:
    # Python has none where they are closed.
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
