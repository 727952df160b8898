"""Cars: two convex bodies whose windows, wheels and lights are painted on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from espnet_ros.sim.parts import CAR, Array, Solid
from espnet_ros.sim.textures import Image, Texture
from espnet_ros.sim.things import Thing

_PPM = 60.0  # texels per metre
_FRONT_CUT, _BACK_CUT = 0.24, 0.18  # of the corners seen from above, metres
_GAP = 6  # rows between the views in the texture
_GLASS, _RUBBER, _TRIM = (74, 62, 50), (26, 25, 25), (38, 36, 35)
_COLORS = [
    (200, 200, 200), (225, 225, 222), (60, 58, 56), (35, 33, 32), (128, 126, 122),
    (40, 38, 150), (120, 62, 30), (62, 92, 40), (150, 118, 70), (60, 140, 190), (94, 100, 108),
]  # fmt: skip


_Plane = tuple[tuple[float, float, float], float, str]  # normal, offset, view


@dataclass(frozen=True)
class _Shape:
    """Side view in metres: x from the middle, z from the ground."""

    length: float
    width: float
    height: float
    belt: float  # where the windows begin
    nose: float  # height of the bonnet's front edge
    bonnet: float  # its length
    windscreen: float  # how far the windscreen leans
    boot: float  # length behind the cabin
    rear: float  # how far the rear window leans


_SHAPES = [
    _Shape(4.0, 1.75, 1.46, 0.92, 0.72, 0.95, 0.85, 0.02, 0.45),  # hatchback
    _Shape(4.6, 1.80, 1.43, 0.90, 0.70, 1.15, 0.85, 0.60, 0.75),  # saloon
    _Shape(4.5, 1.85, 1.70, 1.05, 0.90, 1.05, 0.70, 0.02, 0.25),  # SUV
    _Shape(5.1, 1.98, 2.25, 1.15, 0.95, 0.75, 0.60, 0.02, 0.06),  # van
    _Shape(4.5, 1.78, 1.48, 0.92, 0.70, 1.05, 0.85, 0.02, 0.30),  # estate
]


def car(rng: np.random.Generator) -> Thing:
    """Return a car, its middle at the origin, driving along x."""
    shape = _SHAPES[int(rng.choice(len(_SHAPES), p=[0.3, 0.22, 0.2, 0.1, 0.18]))]
    color = _COLORS[int(rng.integers(len(_COLORS)))]
    texture, rows = _paint(shape, color)
    half_l, half_w = shape.length / 2, shape.width / 2
    parts = (_lower(shape, texture, rows), _cabin(shape, texture, rows))
    nose, tail = _FRONT_CUT, _BACK_CUT
    footprint = np.array([
        [half_l - nose, -half_w], [half_l, nose - half_w], [half_l, half_w - nose],
        [half_l - nose, half_w], [tail - half_l, half_w], [-half_l, half_w - tail],
        [-half_l, tail - half_w], [tail - half_l, -half_w],
    ])  # fmt: skip
    return Thing(parts, footprint, CAR, shape.height, half_l + 1.2)


def _lower(shape: _Shape, texture: Texture, rows: dict[str, int]) -> Solid:
    half_l, half_w, belt = shape.length / 2, shape.width / 2, shape.belt
    rise = belt - shape.nose
    planes: list[_Plane] = [
        ((1, 0, 0), half_l, 'front'), ((-1, 0, 0), half_l, 'back'),
        ((0, 1, 0), half_w, 'side'), ((0, -1, 0), half_w, 'side'),
        ((0, 0, 1), belt + 0.02, 'top'), ((0, 0, -1), 0.0, 'top'),
        _through((half_l, shape.nose), (rise, shape.bonnet), 'top'),
        _through((half_l - 0.02, 0.55), (1.0, 0.22), 'front'),
        _through((-half_l + 0.02, 0.6), (-1.0, 0.16), 'back'),
    ]  # fmt: skip
    for sign in (1, -1):
        planes.append(((0.0, sign, 0.28), half_w + 0.28 * 0.62, 'side'))
        planes.append(((1, sign, 0), half_l + half_w - _FRONT_CUT, 'front'))
        planes.append(((-1, sign, 0), half_l + half_w - _BACK_CUT, 'back'))
    return _solid(planes, shape, texture, rows, (0.0, belt + 0.02))


def _cabin(shape: _Shape, texture: Texture, rows: dict[str, int]) -> Solid:
    front, back = shape.length / 2 - shape.bonnet, -shape.length / 2 + shape.boot
    high = shape.height - shape.belt
    lean = 0.3 if shape.height < 2 else 0.1
    planes: list[_Plane] = [
        ((0, 0, 1), shape.height, 'top'), ((0, 0, -1), -shape.belt + 0.06, 'top'),
        _through((front, shape.belt), (high, shape.windscreen), 'front'),
        _through((back, shape.belt), (-high, shape.rear), 'back'),
        _through((front - shape.windscreen, shape.height - 0.05), (0.25, 1.0), 'top'),
        _through((back + shape.rear, shape.height - 0.06), (-0.35, 1.0), 'top'),
    ]  # fmt: skip
    for sign in (1, -1):
        edge = shape.width / 2 - 0.09
        planes.append(((0, sign, lean), edge + lean * shape.belt, 'side'))
        top = edge - lean * high
        planes.append(((0, sign, 1.2), top - 0.05 + 1.2 * shape.height, 'top'))
    return _solid(planes, shape, texture, rows, (shape.belt - 0.06, shape.height))


def _through(
    point: tuple[float, float], normal: tuple[float, float], view: str
) -> _Plane:
    """Return the plane along y through a point (x, z)."""
    return (normal[0], 0.0, normal[1]), normal[0] * point[0] + normal[1] * point[1], view


def _solid(
    planes: list[_Plane], shape: _Shape, texture: Texture, rows: dict[str, int],
    z: tuple[float, float],
) -> Solid:
    normals = np.array([p[0] for p in planes], float)
    offsets = np.array([p[1] for p in planes], float)
    scale = np.linalg.norm(normals, axis=1)
    half_l, half_w = shape.length / 2, shape.width / 2
    maps = {
        'side': ([1, 0, 0, half_l], [0, 0, -1, shape.height]),
        'front': ([0, 1, 0, half_w], [0, 0, -1, shape.height]),
        'back': ([0, 1, 0, half_w], [0, 0, -1, shape.height]),
        'top': ([1, 0, 0, half_l], [0, 1, 0, half_w]),
    }
    to_texel = np.array([maps[p[2]] for p in planes]) * _PPM
    to_texel[:, 1, 3] += [rows[p[2]] for p in planes]
    corners: Array = np.array(
        [[x, y, h] for x in (-half_l, half_l) for y in (-half_w, half_w) for h in z]
    )
    return Solid(
        normals / scale[:, None], offsets / scale, corners, texture, to_texel, _PPM, CAR
    )


def _paint(shape: _Shape, color: tuple[int, int, int]) -> tuple[Texture, dict[str, int]]:
    views = {
        'side': _side(shape, color),
        'front': _end(shape, color, (215, 235, 240), 0.56),
        'back': _end(shape, color, (40, 30, 190), 0.68),
        'top': _blank(shape.length, shape.width, color),
    }
    width = max(v.shape[1] for v in views.values())
    rows, top, strips = {}, 0, []
    for name, view in views.items():
        # Edge texels go on past the view, so that a reduction mixes in nothing foreign.
        strips.append(cv2.copyMakeBorder(
            view, 0, _GAP, 0, width - view.shape[1], cv2.BORDER_REPLICATE))
        rows[name] = top
        top += strips[-1].shape[0]
    return Texture(np.concatenate(strips)), rows


def _blank(length: float, height: float, color: tuple[int, int, int]) -> Image:
    return np.full((int(height * _PPM), int(length * _PPM), 3), color, np.uint8)


def _points(shape: _Shape, corners: list[tuple[float, float]], middle: float) -> Array:
    texels = [((x + middle) * _PPM, (shape.height - z) * _PPM) for x, z in corners]
    return np.round(texels).astype(np.int32)


def _side(shape: _Shape, color: tuple[int, int, int]) -> Image:
    image = _blank(shape.length, shape.height, color)
    half = shape.length / 2
    gradient = np.linspace(1.12, 0.82, image.shape[0])[:, None, None]
    image[:] = np.clip(image * gradient, 0, 255)
    front, back = half - shape.bonnet, -half + shape.boot
    low, high = shape.belt + 0.05, shape.height - 0.1
    span = (shape.height - shape.belt) or 1.0
    lean = shape.windscreen * (high - shape.belt) / span, shape.rear * (high - low) / span
    glass = [(front - 0.22, low), (front - lean[0] - 0.08, high),
             (back + lean[1] + 0.14, high), (back + 0.2, low)]  # fmt: skip
    cv2.fillPoly(image, [_points(shape, glass, half)], _GLASS, cv2.LINE_AA)
    doors = (front - 0.35 - lean[0], (front + back) / 2 - 0.15, back + 0.55)
    for x in doors[1:2] if shape.height < 2 else doors[:1]:
        x0, x1 = _points(shape, [(x - 0.05, high + 0.05), (x + 0.05, low)], half)
        cv2.rectangle(image, x0, x1, color, -1)
    seam = tuple(int(v * 0.55) for v in color)
    for x in doors:
        top, bottom = _points(shape, [(x, shape.belt), (x, 0.32)], half)
        cv2.line(image, top, bottom, seam, 2, cv2.LINE_AA)
        z = shape.belt - 0.13
        handle = _points(shape, [(x - 0.25, z), (x - 0.1, z - 0.04)], half)
        cv2.rectangle(image, handle[0], handle[1], seam, -1)
    image[int((shape.height - 0.3) * _PPM) : int((shape.height - 0.22) * _PPM)] = _TRIM
    image[int((shape.height - 0.22) * _PPM) :] = (16, 16, 16)
    for x in (half - 0.78, -half + 0.76):
        hub = _points(shape, [(x, 0.31)], half)[0]
        for radius, shade in ((0.38, (20, 20, 20)), (0.31, _RUBBER), (0.2, (150, 150, 148)),
                              (0.16, (96, 95, 94)), (0.05, (160, 160, 160))):  # fmt: skip
            cv2.circle(image, hub, int(radius * _PPM), shade, -1, cv2.LINE_AA)
    lamp = _points(shape, [(half - 0.2, shape.nose - 0.02), (half, shape.nose - 0.16)], half)
    cv2.rectangle(image, lamp[0], lamp[1], (210, 225, 225), -1)
    lamp = _points(shape, [(-half, shape.belt - 0.02), (-half + 0.18, shape.belt - 0.2)], half)
    cv2.rectangle(image, lamp[0], lamp[1], (40, 35, 180), -1)
    return image


def _end(
    shape: _Shape, color: tuple[int, int, int], lamps: tuple[int, int, int], lamp_z: float
) -> Image:
    image = _blank(shape.width, shape.height, color)
    half = shape.width / 2
    low, high = shape.belt + 0.07, shape.height - 0.12
    glass = [(-half + 0.17, low), (-half + 0.27, high), (half - 0.27, high), (half - 0.17, low)]
    cv2.fillPoly(image, [_points(shape, glass, half)], _GLASS, cv2.LINE_AA)
    for sign in (-1, 1):
        a, b = _points(
            shape, [(sign * (half - 0.1), lamp_z + 0.14), (sign * (half - 0.42), lamp_z)], half
        )
        cv2.rectangle(image, np.minimum(a, b), np.maximum(a, b), lamps, -1)
    dark = _points(shape, [(-half, 0.3), (half, 0.0)], half)
    cv2.rectangle(image, dark[0], dark[1], (20, 20, 20), -1)
    wheels = [(-half + 0.05, half * -1 + 0.27), (half - 0.27, half - 0.05)]
    for x0, x1 in wheels:
        a, b = _points(shape, [(x0, 0.3), (x1, 0.0)], half)
        cv2.rectangle(image, a, b, _RUBBER, -1)
    grille = _points(shape, [(-half + 0.5, lamp_z - 0.03), (half - 0.5, lamp_z - 0.17)], half)
    cv2.rectangle(image, grille[0], grille[1], _TRIM, -1)
    plate = _points(shape, [(-0.26, lamp_z - 0.06), (0.26, lamp_z - 0.17)], half)
    cv2.rectangle(image, plate[0], plate[1], (225, 232, 232), -1)
    return image
