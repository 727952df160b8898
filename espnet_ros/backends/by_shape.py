"""What a backend makes for each batch shape and keeps for the next batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from espnet_ros.backends.base import MAX_SHAPES

T = TypeVar('T')
Shape = tuple[int, ...]


class ByShape(Mapping[Shape, T]):
    """Things by shape, least recently used first; holds at most `MAX_SHAPES` and drops the first.

    It does not keep the function that makes a thing, but takes it at each request: in a reference
    cycle with this, an owner and its device memory would stay until Python's garbage collection.

    :param close: called with each thing that is dropped, after its removal. An owner that passes
        its own method has such a cycle and must call `clear`.
    """

    def __init__(self, close: Callable[[T], object] | None = None) -> None:
        self._close = close
        # A dict keeps its order, and a used thing is put back last.
        self._things: dict[Shape, T] = {}

    def __getitem__(self, shape: Shape) -> T:
        return self._things[shape]

    def __iter__(self) -> Iterator[Shape]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def of(self, shape: Shape, make: Callable[[Shape], T]) -> T:
        """Return the thing of a shape, which is now the most recently used.

        :param make: makes it if there is none, after room has been made.
        """
        if shape in self._things:
            thing = self._things.pop(shape)
        else:
            if len(self._things) == MAX_SHAPES:
                self.drop(next(iter(self._things)))
            thing = make(shape)
        self._things[shape] = thing
        return thing

    def drop(self, shape: Shape) -> None:
        """Drop the thing of a shape."""
        thing = self._things.pop(shape)
        if self._close is not None:
            self._close(thing)

    def clear(self) -> None:
        """Drop everything, the least recently used first."""
        for shape in list(self._things):
            self.drop(shape)
