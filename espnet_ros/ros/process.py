"""Run a node as a process: an end at any signal at any moment."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable

from espnet_ros.core.errors import EspnetRosError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Says whether the process shall end, and wakes who waits for other things."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._wake: Callable[[], object] | None = None

    @property
    def requested(self) -> bool:
        """Return whether the process shall end."""
        return self._requested.is_set()

    def set_wake(self, wake: Callable[[], object] | None) -> None:
        """Name what to call, from another thread, when the process shall end."""
        self._wake = wake

    def request(self) -> None:
        """Ask for the end."""
        self._requested.set()
        if self._wake is not None:
            self._wake()


def run_until_signal(body: Callable[[Stop], int], grace_s: float = 4.0) -> int:
    """Run the body in a thread until it ends or SIGINT or SIGTERM comes; return the exit code.

    A signal is never an exception in the middle of an import or a callback: the main thread
    does nothing but wait for it, then asks the body to stop. A second signal, or the grace
    time, ends a process that is stuck, e.g. in a library that compiles a model. That is before
    `ros2 launch` loses patience, after 5 s.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    stop = Stop()
    codes = []

    def run() -> None:
        try:
            codes.append(body(stop))
        except EspnetRosError as error:
            print(error, file=sys.stderr)
            codes.append(2)
        except Exception:
            # What breaks because the ground is taken away during the stop is no news.
            if not stop.requested:
                traceback.print_exc()
            codes.append(0 if stop.requested else 1)
        finally:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    thread = threading.Thread(target=run, name='ros', daemon=True)
    thread.start()
    signal.sigwait(_SIGNALS)
    stop.request()
    if not codes:
        signal.sigtimedwait(_SIGNALS, grace_s)
    if not codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    thread.join()
    return codes[0]
