"""Houses: boxes with a painted front, and a roof where it can be seen."""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from espnet_ros.sim.parts import BUILDING, Array, Panel, Part
from espnet_ros.sim.textures import Color, Image, Texture, noise, slabs, tiled, tint
from espnet_ros.sim.things import Thing, rectangle

_PPM = 26  # texels per metre
_PLASTER = [
    (190, 205, 215), (170, 200, 220), (150, 185, 215), (205, 208, 205), (160, 185, 175),
    (150, 160, 200), (200, 190, 175), (120, 165, 205), (225, 228, 230), (140, 150, 160),
]  # fmt: skip
_BRICK = [(60, 75, 130), (70, 95, 150), (95, 125, 165), (55, 62, 98), (105, 120, 140)]
_FRAMES = [(235, 235, 235), (60, 55, 50), (50, 70, 90), (120, 125, 120)]
_ROOFS = [(60, 65, 120), (70, 68, 66), (60, 75, 95), (85, 88, 92)]
_STONE = (200, 200, 200)
_DOORS = [(40, 40, 110), (90, 60, 30), (40, 60, 35), (45, 60, 85), (50, 48, 46)]


def building(
    rng: np.random.Generator, width: float, depth: float, storeys: int, shop: bool, gable: bool
) -> Thing:
    """Return a house whose front lies on y = 0 and looks along -y; it extends to y = depth.

    :param width: along x, metres. :param depth: along y.
    :param gable: a pitched roof, its ridge along x.
    """
    low = rng.uniform(3.2, 3.8) if shop else rng.uniform(2.9, 3.3)
    height = low + (storeys - 1) * rng.uniform(2.8, 3.2) + rng.uniform(0.3, 0.9)
    wall = _wall(rng, int(max(width, depth) * _PPM), int(height * _PPM))
    front = _front(rng, wall[:, : int(width * _PPM)].copy(), low, storeys, shop)
    side = wall[:, : int(depth * _PPM)].copy()
    if rng.random() < 0.5:
        side = _front(rng, side, low, storeys, False, door=False)
    half = width / 2
    down = np.array([0, 0, -height])
    texture, flank = Texture(front), Texture(side)
    parts: list[Part] = [
        _side(np.array([-half, 0, height]), np.array([width, 0, 0]), down, texture),
        _side(np.array([-half, depth, height]), np.array([0, -depth, 0]), down, flank),
        _side(np.array([half, 0, height]), np.array([0, depth, 0]), down, flank),
        _side(np.array([half, depth, height]), np.array([-width, 0, 0]), down, flank),
    ]
    top = height
    if gable:
        top = height + _add_roof(parts, rng, half, depth, height)
    outline = rectangle(-half, half, 0.0, depth)
    return Thing(tuple(parts), outline, BUILDING, top, width + depth + top)


def _side(origin: Array, across: Array, down: Array, texture: Texture) -> Panel:
    return Panel(origin, across, down, texture, BUILDING, one_sided=True)


def _add_roof(
    parts: list[Part], rng: np.random.Generator, half: float, depth: float, height: float
) -> float:
    rise, over = depth * rng.uniform(0.3, 0.42), 0.35
    rows, cols = 128, 256
    color = _ROOFS[int(rng.integers(len(_ROOFS)))]
    gray = noise(rng, (rows, cols), 16, 60)
    image = tint(gray, color, 0.08)
    image[::8] = (image[::8] * 0.7).astype(np.uint8)
    tiles = Texture(image)
    slope = rise / (depth / 2)
    for run in (depth / 2 + over, -depth / 2 - over):
        parts.append(Panel(
            np.array([-half, depth / 2, height + rise]), np.array([2 * half, 0, 0]),
            np.array([0, -run, -slope * abs(run)]), tiles, BUILDING))  # fmt: skip
    cut = np.zeros((96, 192, 4), np.uint8)
    cv2.fillPoly(cut, [np.array([[96, 0], [191, 95], [0, 95]])], (*_gable_color(parts), 255))
    for x in (-half, half):
        parts.append(Panel(
            np.array([x, 0, height + rise]), np.array([0, depth, 0]), np.array([0, 0, -rise]),
            Texture(cut), BUILDING))  # fmt: skip
    return rise


def _gable_color(parts: list[Part]) -> Color:
    flank = parts[1].texture.image  # type: ignore[union-attr]
    blue, green, red = flank[:12].reshape(-1, 3).mean(axis=0)
    return float(blue), float(green), float(red)


def _wall(rng: np.random.Generator, cols: int, rows: int) -> Image:
    if rng.random() < 0.5:
        color = _BRICK[int(rng.integers(len(_BRICK)))]
        jitter = np.array(color) * rng.uniform(0.85, 1.2, 3)
        wall = tiled(slabs(rng, 256, tuple(jitter), (8, 4), 1.25), (rows, cols))
    else:
        color = _PLASTER[int(rng.integers(len(_PLASTER)))]
        jitter = np.clip(np.array(color) * rng.uniform(0.8, 1.1, 3), 0, 240)
        wall = tint(noise(rng, (rows, cols), 4, 9, 120), tuple(jitter), 0.035)
    # Rain and splashes darken the foot and the eaves.
    height = np.linspace(0, 1, rows)[:, None, None]
    foot = 0.22 * np.clip((height - 0.9) * 10, 0, 1)
    eaves = 0.12 * np.clip((0.06 - height) * 16, 0, 1)
    return np.clip(wall * (1 - foot - eaves), 0, 255).astype(np.uint8)


def _front(
    rng: np.random.Generator, wall: Image, low: float, storeys: int, shop: bool, door: bool = True
) -> Image:
    rows, cols = wall.shape[:2]
    bays = max(int(cols / _PPM / rng.uniform(2.4, 3.4)), 1)
    bay = cols / bays
    frame = _FRAMES[int(rng.integers(len(_FRAMES)))]
    wide, tall = bay * rng.uniform(0.36, 0.5), rng.uniform(1.3, 1.75) * _PPM
    upper = (rows - low * _PPM) / max(storeys - 1, 1)
    sill = rng.random() < 0.6
    for storey in range(1 if shop else 0, storeys):
        up = low * _PPM + (storey - 1) * min(upper, 3.05 * _PPM) if storey else 0
        bottom = rows - up
        base = bottom - 0.85 * _PPM
        for i in range(bays):
            middle = (i + 0.5) * bay
            if storey == 0 and door and i == bays // 2:
                _door(wall, rng, int(middle), rows)
            else:
                _window(wall, rng, middle, base, wide, tall, frame, sill)
    if shop:
        _shop(wall, rng, low)
    elif rng.random() < 0.4:
        ledge = int(rows - low * _PPM)
        cv2.rectangle(wall, (0, ledge), (cols, ledge + 4), frame, -1)
    cv2.rectangle(wall, (0, 0), (cols, 6), tuple(int(0.8 * v) for v in frame), -1)
    return wall


def _window(
    wall: Image, rng: np.random.Generator, middle: float, base: float, wide: float, tall: float,
    frame: Color, sill: bool,
) -> None:  # fmt: skip
    x0, x1 = int(middle - wide / 2), int(middle + wide / 2)
    y0, y1 = int(base - tall), int(base)
    cv2.rectangle(wall, (x0 - 2, y0 - 2), (x1 + 2, y1 + 2), frame, -1)
    pane = wall[max(y0, 0) : max(y1, 0), max(x0, 0) : x1]
    if pane.size:
        sky = np.linspace(rng.uniform(0.7, 1.3), 0.45, pane.shape[0])[:, None, None]
        pane[:] = np.clip(sky * np.array((98, 84, 72)), 0, 255)
        if rng.random() < 0.35:  # curtains
            part = max(int(pane.shape[1] * 0.25), 1)
            pane[:, :part] = pane[:, -part:] = (165, 172, 175)
    centre = (x0 + x1) // 2
    cv2.rectangle(wall, (centre - 1, y0), (centre + 1, y1), frame, -1)
    if sill:
        cv2.rectangle(wall, (x0 - 4, y1 + 2), (x1 + 4, y1 + 5), (165, 168, 170), -1)


def _door(wall: Image, rng: np.random.Generator, middle: int, rows: int) -> None:
    color = _DOORS[int(rng.integers(len(_DOORS)))]
    half, top = int(0.5 * _PPM), rows - int(2.15 * _PPM)
    cv2.rectangle(wall, (middle - half - 3, top - 3), (middle + half + 3, rows), _STONE, -1)
    cv2.rectangle(wall, (middle - half, top), (middle + half, rows), color, -1)
    light = (middle - half + 4, top + 4), (middle + half - 4, top + 16)
    cv2.rectangle(wall, *light, (90, 80, 70), -1)


def _shop(wall: Image, rng: np.random.Generator, low: float) -> None:
    rows, cols = wall.shape[:2]
    top = rows - int((low - 0.2) * _PPM)
    board = tuple(int(v) for v in rng.uniform(40, 200, 3))
    cv2.rectangle(wall, (8, top), (cols - 8, rows), (58, 56, 54), -1)
    cv2.rectangle(wall, (8, top), (cols - 8, top + int(0.65 * _PPM)), board, -1)
    text = (240, 240, 240) if sum(board) < 400 else (30, 30, 30)
    name = ''.join(rng.choice(list('ABDEGIKLMNOPRSTU'), int(rng.integers(4, 8))))
    cv2.putText(wall, name, (cols // 2 - 9 * len(name), top + int(0.5 * _PPM)),
                cv2.FONT_HERSHEY_DUPLEX, 0.6, text, 1, cv2.LINE_AA)  # fmt: skip
    panes = max(cols // (2 * _PPM), 2)
    edges = np.linspace(14, cols - 14, panes + 1).astype(int)
    for i, (x0, x1) in enumerate(itertools.pairwise(edges)):
        foot = rows - (2 if i == panes // 2 else 10)
        glass = wall[top + int(0.8 * _PPM) : foot, x0 + 3 : x1 - 3]
        glow = np.linspace(rng.uniform(0.9, 1.4), 0.6, glass.shape[0])[:, None, None]
        glass[:] = np.clip(glow * np.array((92, 88, 84)), 0, 255)
