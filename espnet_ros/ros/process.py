"""Run a node as a process that a signal ends cleanly at any moment."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.ros.console import flush, tell

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A signal this soon after the first is the same request: a launch without a terminal sends its own
# SIGINT besides that of the process group. A stop takes half a second to a second and a half.
_ONE_WISH_S = 1.5


class Stop:
    """Says whether the process shall end, and wakes a thread that waits for other things."""

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
        # The thread that is ending may reset it meanwhile.
        wake = self._wake
        if wake is not None:
            wake()


def run_until_signal(body: Callable[[Stop], int], grace_s: float = 4.0) -> int:
    """Run the body in a thread until it ends or SIGINT, SIGTERM or SIGHUP comes; return its code.

    A signal is never an exception in the middle of an import or a callback: the main thread
    does nothing but wait for it, then asks the body to stop. A later signal, or the end of the
    grace time, ends a process that is stuck, e.g. in a library that compiles a model; that is
    before `ros2 launch` loses patience, after 5 s. Under nohup, SIGHUP (a terminal was closed)
    ends nothing.
    """
    survives = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    signals = [s for s in _SIGNALS if s != signal.SIGHUP or not survives]
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    stop = Stop()
    codes: list[int] = []

    def run() -> None:
        try:
            codes.append(body(stop))
        except EspnetRosError as error:
            tell(str(error))
            codes.append(2)
        except Exception:
            # During the stop, errors are expected: what the body uses is being destroyed.
            if not stop.requested:
                tell(traceback.format_exc())
            codes.append(0 if stop.requested else 1)
        finally:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    thread = threading.Thread(target=run, name='ros', daemon=True)
    thread.start()
    signal.sigwait(signals)
    stop.request()
    _wait(codes, grace_s, signals)
    if codes:
        thread.join()
    if flush() and codes:
        return codes[0]
    # Python would wait for a stuck thread, or try once more to write what nobody reads.
    os._exit(codes[0] if codes else 0)


def _wait(codes: list[int], grace_s: float, signals: Sequence[signal.Signals]) -> None:
    """Return once there is a code or a new request to stop, at the latest after `grace_s`."""
    start_s = time.monotonic()
    while not codes:
        passed_s = time.monotonic() - start_s
        if passed_s >= grace_s or signal.sigtimedwait(signals, grace_s - passed_s) is None:
            return
        if time.monotonic() - start_s > _ONE_WISH_S:
            return
