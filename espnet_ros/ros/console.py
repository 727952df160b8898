"""Writes to a console (a terminal or a pipe) that do not wait until somebody reads it.

A write to a stopped terminal (Ctrl-S, a connection that stalls) or to a full pipe blocks. rclpy's
log calls hold Python's lock meanwhile, so that all threads of the process stand still.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import stat
import sys
from typing import TextIO

# For a reader that comes late, as ros2 launch does while it starts other nodes: the largest pipe
# that Linux lets every user have.
_PIPE_BYTES = 1 << 20
_LAST_WAIT_S = 0.5


def open_closed() -> None:
    """Open /dev/null for stdin, stdout and stderr that are closed; call this first.

    Otherwise the next file or socket that is opened gets their number, and with it the log.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest number that is free, so this one.
            os.open(os.devnull, os.O_RDWR)


def never_wait() -> None:
    """Let writes to stdout and stderr that would wait be lost instead.

    This holds for Python, C and C++ libraries, and children of this process. A socket, or a
    console that this user may not open, stays as it is.
    """
    for stream in _streams():
        with contextlib.suppress(OSError):
            fd = stream.fileno()
            if stat.S_ISFIFO(os.fstat(fd).st_mode) or os.isatty(fd):
                # Opened anew: otherwise all processes of the same shell would get the flag.
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
                opened = os.open(f'/proc/self/fd/{fd}', flags)
                with contextlib.suppress(OSError):
                    fcntl.fcntl(opened, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
                os.dup2(opened, fd)
                os.close(opened)


def takes_text(fd: int, wait_s: float = 0.0) -> bool:
    """Tell whether a write would not wait; one to a closed or broken console never does.

    :param wait_s: how long to wait for that, at most; other threads go on meanwhile.
    """
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(1e3 * wait_s))


def tell(text: str) -> None:
    """Write last words to stderr, unless it takes nothing for long."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            if takes_text(sys.stderr.fileno(), _LAST_WAIT_S):
                print(text.rstrip(), file=sys.stderr, flush=True)


def flush() -> bool:
    """Flush stdout and stderr unless they take nothing for long; return whether all is written."""
    try:
        for stream in _streams():
            if not takes_text(stream.fileno(), _LAST_WAIT_S):
                return False
            stream.flush()
    except OSError:
        return False
    return True


def _streams() -> list[TextIO]:
    # For a closed one, Python has None.
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
