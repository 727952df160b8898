"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar('T')


def progress_bar(total: int, text: str) -> Any:
    """Return a bar to update, as a context manager.

    :param total: 0 where it is not known.
    """
    from tqdm import tqdm

    # In a log file a bar is a line each time it is drawn.
    interval = 0.1 if sys.stderr.isatty() else 10.0
    return tqdm(total=total or None, desc=text, unit='', mininterval=interval)


def bar(items: Iterable[T], total: int, text: str) -> Iterator[T]:
    """Yield the items, with a bar that counts those done."""
    with progress_bar(total, text) as progress:
        for item in items:
            yield item
            progress.update()
