"""Makes a process that is ended by a signal clean up as after Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from espnet_ros.core.errors import MovedError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A second signal this soon is part of the same request, and the clean-up goes on. A later one
# means that something hangs, or that the first one came where Python drops exceptions.
_ONE_WISH_S = 10.0
_AGAIN_S = 0.05


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Clean up as after Ctrl-C when the terminal closes or the process is asked to end.

    Once asked, in whatever way, the process cleans up without being interrupted again. Inside,
    each signal is a KeyboardInterrupt, because that is what most code cleans up for. Only the main
    thread can do this; in another thread, this does nothing.

    :raises KeyboardInterrupt: for SIGINT.
    :raises SystemExit: for SIGTERM and SIGHUP, with 128 + the signal's number.
    """
    asked: list[tuple[float, int]] = []

    def leave(number: int, frame: object) -> None:
        now = time.monotonic()
        if not asked or now - asked[-1][0] > _ONE_WISH_S:
            asked.append((now, number))
            raise KeyboardInterrupt

    previous = _take_over(leave)
    try:
        with _sent_again(asked) if previous else contextlib.nullcontext():
            yield
    except MovedError:
        # The user must learn where the files are, whoever ended the process.
        raise
    except (Exception, KeyboardInterrupt):
        # Errors that come from being ended are not worth a report.
        if not asked:
            raise
        number = asked[-1][1]
        if number == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise SystemExit(128 + number) from None
    finally:
        for taken, handler in previous.items():
            signal.signal(taken, handler)


@contextlib.contextmanager
def _sent_again(asked: list[tuple[float, int]]) -> Iterator[None]:
    """Send a signal again if Python dropped its interrupt, as in callbacks, hooks and __del__.

    :param asked: times and numbers of the signals so far; cleared when one is sent again.
    """
    before, main = sys.unraisablehook, threading.get_ident()

    def hook(unraisable: Any) -> None:
        if not (asked and isinstance(unraisable.exc_value, KeyboardInterrupt)):
            before(unraisable)
            return
        number = asked[-1][1]
        asked.clear()
        # Not directly from here, where it would be dropped as well.
        again = threading.Timer(_AGAIN_S, signal.pthread_kill, (main, number))
        again.daemon = True
        again.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _take_over(handler: Callable[[int, object], None]) -> dict[int, Any]:
    """Make a function handle the signals; return the previous handlers."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    previous = {number: signal.getsignal(number) for number in _SIGNALS}
    # Ignored ones stay so, e.g. SIGHUP under nohup; a handler of C (None) can't be restored.
    taken: dict[int, Any] = {n: h for n, h in previous.items() if h not in (signal.SIG_IGN, None)}
    for number in taken:
        signal.signal(number, handler)
    return taken
