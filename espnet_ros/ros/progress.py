"""The progress of building an engine, which may take minutes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Progress:
    """Holds the latest sentence for the reports; the builder's own thread tells it."""

    def __init__(self) -> None:
        self.sentence = ''
        self._lock = threading.Lock()
        self._report: Callable[[], None] | None = None

    def tell(self, sentence: str) -> None:
        """Keep a sentence until it is cleared."""
        with self._lock:
            self.sentence = sentence
            if self._report is not None:
                self._report()

    def clear(self) -> None:
        """Forget it: nothing is being built any more."""
        with self._lock:
            self.sentence = ''

    @contextmanager
    def reported_at_once(self, report: Callable[[], None]) -> Iterator[None]:
        """Meanwhile, let the thread that tells a sentence report it; forget the last at the end.

        For the executor's thread, whose timers do not run while it waits for the build.
        """
        with self._lock:
            self._report = report
        try:
            yield
        finally:
            with self._lock:
                self.sentence, self._report = '', None
