"""The progress of an engine's build: in the log, as a bar on a terminal, and to a listener."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from espnet_ros.backends.tensorrt_library import Library, log
from espnet_ros.progress import Counter, counter

T = TypeVar('T')
# Called with the percentage of a build that is done.
Listener = Callable[[int], None]

_LOG_EVERY_S = 10.0
_TELL_EVERY_S = 1.0


def progress_monitor(library: Library, view: BuildView) -> Any:
    """Return the object that the builder reports to, from the library's own threads."""
    base: Any = library.module.IProgressMonitor

    class Monitor(base):
        def __init__(self) -> None:
            base.__init__(self)

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            view.start(phase, parent, steps)

        def step_complete(self, phase: str, step: int) -> bool:
            view.step(phase, step)
            return not view.cancelled.is_set()

        def phase_finish(self, phase: str) -> None:
            view.finish(phase)

    return Monitor()


def build_apart(build: Callable[[], T], view: BuildView) -> T:
    """Run a build in a thread of its own and wait for it; Ctrl-C cancels it.

    Python raises KeyboardInterrupt in whatever the main thread runs next. In a callback of the
    library it would be printed and ignored, so the main thread only waits here.
    """
    with ThreadPoolExecutor(1) as thread:
        # The executor waits at its end only for threads that it knows. If interrupted while it
        # starts the build's thread, it would leave that running, so start the thread before.
        thread.submit(int).result()
        try:
            return thread.submit(build).result()
        except KeyboardInterrupt:
            view.cancelled.set()
            raise


class BuildView:
    """Shows how much of a build is done: in a bar, or in a log line every ten seconds.

    Setting `cancelled` ends the build at its next step.

    :param listener: called with the percentage at most once a second. If it raises, that is
        logged and it is not called again, because it must not end the build.
    """

    def __init__(self, listener: Listener | None = None) -> None:
        self.cancelled = threading.Event()
        self._listener = listener
        self._lock = threading.Lock()
        # Phase -> its parent, its steps and how many of them are done.
        self._phases: dict[str, tuple[str | None, int, int]] = {}
        self._shown = 0.0
        self._bar: Counter | None = None
        self._next_line = time.monotonic() + _LOG_EVERY_S
        self._next_told = 0.0

    def __enter__(self) -> BuildView:
        return self

    def __exit__(self, *error: object) -> None:
        # A build that fails does not finish its phases.
        with self._lock:
            self._phases = {}
            self._close_bar()

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """Note that a phase of `steps` steps begins, within the current step of its parent."""
        with self._lock:
            self._phases[phase] = (parent, steps, 0)
            if self._bar is None:
                self._bar = counter(100, 'building the engine')

    def step(self, phase: str, step: int) -> None:
        """Note that a step, counted from 0, is done."""
        with self._lock:
            parent, steps, _ = self._phases[phase]
            self._phases[phase] = (parent, steps, step + 1)
            self._show()
            self._tell()

    def finish(self, phase: str) -> None:
        """Note that a phase is over, whether or not all its steps were reported."""
        with self._lock:
            self._phases.pop(phase, None)
            if not self._phases:
                self._close_bar()

    def percent(self) -> float:
        """Return the percentage done of the outermost phase; never less than was shown."""
        inside = [self._done(name) for name, (up, _, _) in self._phases.items() if not up]
        return max([self._shown, *(100 * done for done in inside)])

    def _done(self, phase: str) -> float:
        _, steps, done = self._phases[phase]
        inside = [self._done(name) for name, (up, _, _) in self._phases.items() if up == phase]
        return min((done + max(inside, default=0.0)) / max(steps, 1), 1.0)

    def _show(self) -> None:
        self._shown = self.percent()
        if self._bar is not None and self._bar.shown:
            self._bar.reach(int(self._shown))
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _LOG_EVERY_S
            log.warning('building the engine, %d %% done', self._shown)

    def _tell(self) -> None:
        now = time.monotonic()
        if self._listener is None or now < self._next_told:
            return
        self._next_told = now + _TELL_EVERY_S
        try:
            self._listener(round(self._shown))
        except Exception:
            self._listener = None
            log.exception('reporting the progress of the build failed, it is not tried again')

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
