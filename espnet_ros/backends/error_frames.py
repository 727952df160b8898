"""An error keeps its frames alive with all their variables, e.g. device memory: empty them."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager


def clear_frames(error: BaseException | None) -> None:
    """Empty the frames of an error and of its causes."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@contextmanager
def cleared_frames() -> Iterator[None]:
    """Empty the frames of an error that leaves the block, because somebody may keep it."""
    try:
        yield
    except BaseException as error:
        clear_frames(error)
        raise
