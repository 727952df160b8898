"""What a backend makes for each shape of batch and keeps for the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from espnet_ros.backends.base import MAX_SHAPES

T = TypeVar('T')
Shape = tuple[int, ...]


class ByShape(Mapping[Shape, T]):
    """Things by shape, the longest unused one first; it makes room once there are `MAX_SHAPES`.

    What makes a thing is given when one is asked for, not kept: an owner that is in a circle with
    this would not be freed, with what it has on a device, before Python looks for circles.

    :param close: called with each thing that is let go of, once it is not in here any more. An
        owner whose own method it is has such a circle, and must call `clear`.
    """

    def __init__(self, close: Callable[[T], object] | None = None) -> None:
        self._close = close
        # A dict keeps order, and a used one is put back last.
        self._things: dict[Shape, T] = {}

    def __getitem__(self, shape: Shape) -> T:
        return self._things[shape]

    def __iter__(self) -> Iterator[Shape]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def of(self, shape: Shape, make: Callable[[Shape], T]) -> T:
        """Return the thing of a shape, which is now the latest used.

        :param make: makes it, if there is none; room is made before that.
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
        """Let go of the thing of a shape."""
        thing = self._things.pop(shape)
        if self._close is not None:
            self._close(thing)

    def clear(self) -> None:
        """Let go of everything, the longest unused first."""
        for shape in list(self._things):
            self.drop(shape)
