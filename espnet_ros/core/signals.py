"""An end by a signal that cleans up as one by Ctrl-C does."""

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
# So soon after the first, a signal is of the same wish, and the cleaning up goes on. A later one
# is for what hangs, or for a first one that came where Python drops what is raised.
_ONE_WISH_S = 10.0
_AGAIN_S = 0.05


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Clean up as after Ctrl-C when the terminal closes or the process is asked to end.

    Once it is asked, in whatever way, it cleans up without being interrupted again. Within, each
    signal is a KeyboardInterrupt, for which those clean up who know of no other. Of all threads,
    only the main one can do this; in another one, it does nothing.

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
        # Where somebody's files are is to be told, whoever ended it.
        raise
    except (Exception, KeyboardInterrupt):
        # What breaks because the ground is taken away is no news.
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
    """Send a signal again whose interrupt Python dropped, as of callbacks, hooks and __del__.

    :param asked: when and by which signals; emptied then.
    """
    before, main = sys.unraisablehook, threading.get_ident()

    def hook(unraisable: Any) -> None:
        if not (asked and isinstance(unraisable.exc_value, KeyboardInterrupt)):
            before(unraisable)
            return
        number = asked[-1][1]
        asked.clear()
        # Not from here, where it would be dropped as well.
        again = threading.Timer(_AGAIN_S, signal.pthread_kill, (main, number))
        again.daemon = True
        again.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _take_over(handler: Callable[[int, object], None]) -> dict[int, Any]:
    """Let a function handle the signals; return what did so before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    previous = {number: signal.getsignal(number) for number in _SIGNALS}
    # What is ignored stays so, as the hangup under nohup; None is of C, and could not be restored.
    taken: dict[int, Any] = {n: h for n, h in previous.items() if h not in (signal.SIG_IGN, None)}
    for number in taken:
        signal.signal(number, handler)
    return taken
