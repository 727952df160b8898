"""Frames that an error keeps alive with all that is in their variables, as memory of a device."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager


def clear_frames(error: BaseException | None) -> None:
    """Empty the frames that an error and what caused it have left."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@contextmanager
def cleared_frames() -> Iterator[None]:
    """Empty the frames of an error that leaves the block, for as long as somebody keeps it."""
    try:
        yield
    except BaseException as error:
        clear_frames(error)
        raise
