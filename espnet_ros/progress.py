"""Progress bars on stderr: only on a terminal, removed when done, and none without tqdm.

In a log file each redraw of a bar would add a line.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar('T')


def bar(
    items: Iterable[T], text: str, total: int | None = None, shown: bool = True
) -> Iterable[T]:
    """Return the items, with a bar that counts those taken.

    :param text: before the bar.
    :param total: how many there are, if `items` has no length.
    :param shown: False in a process that must not print.
    """
    tqdm = _tqdm() if shown else None
    return items if tqdm is None else tqdm(items, desc=text, total=total, leave=False)


def counter(total: int, text: str, shown: bool = True) -> Counter:
    """Return a bar that the caller advances, as a context manager.

    :param total: how many there will be, 0 if that is not known.
    :param text: before the bar.
    :param shown: False in a process that must not print.
    """
    tqdm = _tqdm() if shown else None
    return Counter(None if tqdm is None else tqdm(total=total or None, desc=text, unit='',
                                                  leave=False))  # fmt: skip


class Counter:
    """Counts what is done and shows it, if there is a bar and the terminal accepts output.

    :param drawn: tqdm's bar, or None.
    """

    def __init__(self, drawn: Any) -> None:
        self._drawn = drawn
        self._done = 0

    @property
    def shown(self) -> bool:
        """Return whether there is a bar."""
        return self._drawn is not None

    def __enter__(self) -> Counter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def update(self, more: int = 1) -> None:
        """Add to the number of those done."""
        self.reach(self._done + more)

    def reach(self, done: int) -> None:
        """Set the number of those done."""
        if self._drawn is not None:
            with contextlib.suppress(BlockingIOError):
                self._drawn.update(done - self._done)
        self._done = done

    def note(self, text: str) -> None:
        """Show a text beside the bar, from the next update on."""
        if self._drawn is not None:
            self._drawn.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        """Remove the bar."""
        drawn, self._drawn = self._drawn, None
        if drawn is not None:
            with contextlib.suppress(BlockingIOError):
                drawn.close()


def _tqdm() -> Any:
    """Return tqdm, or None if no bar is to be drawn."""
    # sys.stderr is None in a process that was started without one.
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm
