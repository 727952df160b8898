"""Progress bars on stderr: on a terminal and gone when done; none in a log file or without tqdm.

In a log file a bar is a line each time it is drawn.
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
    :param total: how many there are, where the items can't tell.
    :param shown: False for a process that is not the one to speak.
    """
    tqdm = _tqdm() if shown else None
    return items if tqdm is None else tqdm(items, desc=text, total=total, leave=False)


def counter(total: int, text: str, shown: bool = True) -> Counter:
    """Return a bar to be moved on by hand, as a context manager.

    :param total: how many there will be, 0 where that is not known.
    :param text: before the bar.
    :param shown: False for a process that is not the one to speak.
    """
    tqdm = _tqdm() if shown else None
    return Counter(None if tqdm is None else tqdm(total=total or None, desc=text, unit='',
                                                  leave=False))  # fmt: skip


class Counter:
    """Counts what is done, and shows it where there is a bar, and the terminal takes it.

    :param drawn: a bar of tqdm, or None.
    """

    def __init__(self, drawn: Any) -> None:
        self._drawn = drawn
        self._done = 0

    @property
    def shown(self) -> bool:
        """Return whether anybody sees it."""
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
        """Note that so many more are done."""
        self.reach(self._done + more)

    def reach(self, done: int) -> None:
        """Note that so many are done by now."""
        if self._drawn is not None:
            with contextlib.suppress(BlockingIOError):
                self._drawn.update(done - self._done)
        self._done = done

    def note(self, text: str) -> None:
        """Show what is at work, from the next update on."""
        if self._drawn is not None:
            self._drawn.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        """Take the bar away."""
        drawn, self._drawn = self._drawn, None
        if drawn is not None:
            with contextlib.suppress(BlockingIOError):
                drawn.close()


def _tqdm() -> Any:
    """Return what draws bars, None where there is to be none."""
    # There is no stderr where the process was started without one.
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm
