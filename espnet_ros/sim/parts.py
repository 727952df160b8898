"""The shapes that things are built of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from espnet_ros.core.labels import CAMVID
from espnet_ros.sim.textures import Texture

Array = npt.NDArray[np.float64]

(
    SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST,
) = (CAMVID.names.index(name) for name in (
    'Sky', 'Building', 'Pole', 'Road', 'Pavement', 'Tree', 'SignSymbol', 'Fence', 'Car',
    'Pedestrian', 'Bicyclist',
))  # fmt: skip


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
        return self.center + half * CUBE


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
    """All the round parts of a thing, for ray casting in one go.

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
        return np.concatenate([p.center + CUBE @ p.axes.T for p in self.parts])


Part = Panel | Foliage | Solid | Round
Drawn = Panel | Foliage | Solid | Rounds
# The corners of a box around the origin, each coordinate -1 or 1.
CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)


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
    center = np.array([at[0], at[1], at[2] + half[2]])
    normals = np.concatenate([np.eye(3), -np.eye(3)])
    offsets = normals @ center + np.tile(half, 2)
    flat = Texture(np.full((2, 2, 3), np.clip(color, 0, 255), np.uint8))
    return Solid(
        normals, offsets, center + half * CUBE, flat, np.zeros((6, 2, 4)), 1.0, class_id
    )
