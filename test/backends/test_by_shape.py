"""What is kept by shape: what makes room, in which order, and what lets it be freed."""

from __future__ import annotations

import gc
import weakref

import pytest

from espnet_ros.backends.base import MAX_SHAPES
from espnet_ros.backends.by_shape import ByShape


class Thing:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


SHAPES = [(1, 8 * n, 16, 3) for n in range(1, MAX_SHAPES + 1)]
FURTHER = (2, 8, 16, 3)


def test_one_is_made_for_each_shape_and_the_longest_unused_makes_room():
    closed = []
    kept = ByShape(lambda thing: closed.append(thing.shape))
    things = {shape: kept.of(shape, Thing) for shape in SHAPES}
    assert all(kept.of(shape, Thing) is things[shape] for shape in SHAPES)
    # The first is used once more, so the second has to go.
    assert kept.of(SHAPES[0], Thing) is things[SHAPES[0]]
    kept.of(FURTHER, Thing)
    assert closed == [SHAPES[1]]
    assert list(kept) == [*SHAPES[2:], SHAPES[0], FURTHER]
    # To look at one is no use of it.
    assert kept[SHAPES[2]] is things[SHAPES[2]]
    kept.of(SHAPES[1], Thing)
    assert closed == [SHAPES[1], SHAPES[2]]


def test_room_is_made_before_the_next_one_and_what_fails_is_not_kept():
    kept = ByShape()
    held = [weakref.ref(kept.of(shape, Thing)) for shape in SHAPES]

    def fails(shape: tuple[int, ...]) -> Thing:
        assert held[0]() is None and all(thing() for thing in held[1:])
        raise MemoryError

    gc.disable()
    try:
        with pytest.raises(MemoryError):
            kept.of(FURTHER, fails)
    finally:
        gc.enable()
    assert list(kept) == SHAPES[1:]


def test_one_that_is_closed_is_not_in_there_any_more():
    seen = []
    kept = ByShape(lambda thing: seen.append((thing.shape, list(kept))))
    for shape in SHAPES[:3]:
        kept.of(shape, Thing)
    kept.drop(SHAPES[1])
    kept.clear()
    assert seen == [
        (SHAPES[1], [SHAPES[0], SHAPES[2]]), (SHAPES[0], [SHAPES[2]]), (SHAPES[2], []),
    ]  # fmt: skip
    assert not kept


def test_an_owner_is_freed_at_once():
    class Owner:
        def __init__(self) -> None:
            self.kept = ByShape(Thing.__repr__)
            self.kept.of(FURTHER, self.make)

        def make(self, shape: tuple[int, ...]) -> Thing:
            return Thing(shape)

    gc.disable()
    try:
        owner = Owner()
        gone = weakref.ref(owner)
        del owner
        assert gone() is None
    finally:
        gc.enable()
