"""What stands on the street: parts with a place and a footprint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from espnet_ros.sim.parts import CUBE, Array, Drawn, Panel, Part, Round, Rounds


@dataclass(frozen=True, eq=False)
class Thing:
    """Something that stands on the street: parts in its own frame, x ahead, z up.

    :param footprint: what it covers, seen from above: convex, (N, 2) metres, anticlockwise.
    :param class_id: of the footprint.
    :param height_m: how high it is, for its shadow.
    :param reach_m: radius of a ball around its origin that holds all parts.
    """

    parts: tuple[Part, ...]
    footprint: Array
    class_id: int
    height_m: float
    reach_m: float
    soft_shadow: bool = False

    @cached_property
    def drawn(self) -> tuple[Drawn, ...]:
        """Return the parts with the round ones gathered."""
        others = tuple(p for p in self.parts if not isinstance(p, Round))
        rounds = tuple(p for p in self.parts if isinstance(p, Round))
        return (*others, Rounds(rounds)) if rounds else others

    @cached_property
    def veiled(self) -> bool:
        """Return whether any part is translucent."""
        return any(isinstance(p, Panel) and p.translucent for p in self.parts)

    @cached_property
    def corners(self) -> Array:
        """Return a box around all parts, (8, 3)."""
        points = np.concatenate([p.corners for p in self.drawn])
        low, high = points.min(axis=0), points.max(axis=0)
        return (low + high) / 2 + (high - low) / 2 * CUBE


@dataclass(frozen=True, eq=False)
class Placed:
    """A thing and where it stands in odom: metres, rad."""

    thing: Thing
    x: float
    y: float
    yaw: float

    @cached_property
    def footprint(self) -> Array:
        """Return the footprint in odom, (N, 2) metres."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return self.thing.footprint @ np.array([[c, s], [-s, c]]) + (self.x, self.y)

    def covers(self, xy: Array) -> npt.NDArray[np.bool_]:
        """Return which points are on the footprint.

        :param xy: (N, 2) metres in odom.
        """
        corners = self.footprint
        edges = np.roll(corners, -1, axis=0) - corners
        inside = np.ones(len(xy), bool)
        for (cx, cy), (ex, ey) in zip(corners, edges, strict=True):
            inside &= ex * (xy[:, 1] - cy) - ey * (xy[:, 0] - cx) >= 0
        return inside


def rectangle(x0: float, x1: float, y0: float, y1: float) -> Array:
    """Return an anticlockwise rectangle, (4, 2) metres."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)


def disc(radius: float) -> Array:
    """Return an anticlockwise polygon close to a circle, (12, 2) metres."""
    angle = np.arange(12) * (np.pi / 6)
    grown = radius / np.cos(np.pi / 12) ** 0.5  # same area, about
    return grown * np.stack([np.cos(angle), np.sin(angle)], axis=1)
