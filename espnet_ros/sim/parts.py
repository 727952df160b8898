"""The shapes things are built of, and the things: parts with a place and a footprint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from espnet_ros.sim.textures import Texture

Array = npt.NDArray[np.float64]

(
    SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST,
) = range(11)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Panel:
    """A flat parallelogram with a texture; texels with alpha below a half are holes.

    :param origin: the texture's upper left corner, (3,) metres in the thing's frame.
    :param across: edge along the texture's rows, (3,).
    :param down: edge along the texture's columns, (3,).
    :param texture: BGR or BGRA.
    :param class_id: what the mask says.
    :param shade: brightness factor.
    :param translucent: alpha blends, and all of the panel counts as surface.
    :param one_sided: not seen from behind, as a wall of a closed house.
    """

    origin: Array
    across: Array
    down: Array
    texture: Texture
    class_id: int
    shade: float = 1.0
    translucent: bool = False
    one_sided: bool = False

    @cached_property
    def height(self) -> float:
        """Return the length of the edge down, metres."""
        return float(np.linalg.norm(self.down))

    @cached_property
    def normal(self) -> Array:
        """Return the unit vector out of the side that shows the texture upright, (3,)."""
        normal = np.cross(self.down, self.across)
        return normal / np.linalg.norm(normal)

    @cached_property
    def corners(self) -> Array:
        """Return (4, 3)."""
        o, a, d = self.origin, self.across, self.down
        return np.array([o, o + a, o + d, o + a + d])


@dataclass(frozen=True, eq=False)
class Foliage:
    """A leafy crown: a panel that always faces the camera, bulging towards it.

    :param center: (3,) metres in the thing's frame.
    :param width: metres. :param height: metres.
    :param texture: BGRA.
    """

    center: Array
    width: float
    height: float
    texture: Texture
    class_id: int

    @cached_property
    def corners(self) -> Array:
        """Return a box around every attitude, (8, 3)."""
        half = np.array([self.width, self.width, self.height]) / 2
        return self.center + half * _CUBE


@dataclass(frozen=True, eq=False)
class Solid:
    """A convex body: the points p with normals @ p <= offsets.

    :param normals: (P, 3) unit length, thing's frame. :param offsets: (P,) metres.
    :param corners: (8, 3) a box around it.
    :param texture: shared by all faces.
    :param to_texel: (P, 2, 4) for each face: texel = to_texel @ (x, y, z, 1).
    :param texels_per_m: its resolution.
    """

    normals: Array
    offsets: Array
    corners: Array
    texture: Texture
    to_texel: Array
    texels_per_m: float
    class_id: int


@dataclass(frozen=True, eq=False)
class Round:
    """An ellipsoid, or a cylinder along its third axis.

    :param center: (3,) metres in the thing's frame.
    :param axes: (3, 3) the half axes as columns.
    :param color: BGR.
    """

    center: Array
    axes: Array
    color: tuple[float, float, float]
    class_id: int
    cylinder: bool = False


@dataclass(frozen=True, eq=False)
class Rounds:
    """All the round parts of a thing, to be cast at in one go.

    :param parts: P of them, of one class.
    """

    parts: tuple[Round, ...]

    @property
    def class_id(self) -> int:
        """Return what the mask says."""
        return self.parts[0].class_id

    @cached_property
    def centers(self) -> Array:
        """Return (P, 3)."""
        return np.array([p.center for p in self.parts])

    @cached_property
    def to_unit(self) -> Array:
        """Return the matrices that make them unit balls, (P, 3, 3)."""
        return np.linalg.inv(np.array([p.axes for p in self.parts]))

    @cached_property
    def colors(self) -> npt.NDArray[np.float32]:
        """Return (P, 3) BGR."""
        return np.array([p.color for p in self.parts], np.float32)

    @cached_property
    def flat(self) -> npt.NDArray[np.bool_]:
        """Return which are cylinders, (P,)."""
        return np.array([p.cylinder for p in self.parts])

    @cached_property
    def singles(self) -> list[Rounds]:
        """Return each on its own."""
        return [Rounds((p,)) for p in self.parts]

    @cached_property
    def corners(self) -> Array:
        """Return the boxes around them, (8 P, 3)."""
        return np.concatenate([p.center + _CUBE @ p.axes.T for p in self.parts])


Part = Panel | Foliage | Solid | Round
Drawn = Panel | Foliage | Solid | Rounds
_CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)


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
        return (low + high) / 2 + (high - low) / 2 * _CUBE


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


def disc(radius: float, x: float = 0.0, y: float = 0.0) -> Array:
    """Return an anticlockwise polygon close to a circle, (12, 2) metres."""
    angle = np.arange(12) * (np.pi / 6)
    grown = radius / np.cos(np.pi / 12) ** 0.5  # same area, about
    return np.stack([x + grown * np.cos(angle), y + grown * np.sin(angle)], axis=1)


def box(
    size: tuple[float, float, float],
    color: tuple[float, float, float],
    class_id: int,
    at: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Solid:
    """Return a plain box standing at a point.

    :param size: along x, y, z, metres.
    :param at: middle of its bottom face.
    """
    half = np.array(size) / 2
    center = np.array(at) + (0.0, 0.0, half[2])
    normals = np.concatenate([np.eye(3), -np.eye(3)])
    offsets = normals @ center + np.tile(half, 2)
    flat = Texture(np.full((2, 2, 3), np.clip(color, 0, 255), np.uint8))
    return Solid(
        normals, offsets, center + half * _CUBE, flat, np.zeros((6, 2, 4)), 1.0, class_id
    )
