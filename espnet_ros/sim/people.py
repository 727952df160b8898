"""Pedestrians and cyclists, made of rounded limbs that move with their gait."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from espnet_ros.sim.parts import BICYCLIST, PEDESTRIAN, Array, Panel, Part, Round, box
from espnet_ros.sim.textures import Texture
from espnet_ros.sim.things import Thing, disc, rectangle

Color = tuple[float, float, float]
GAIT_PHASES = 8
_SKIN = [(150, 180, 225), (120, 155, 205), (80, 110, 160), (50, 70, 105)]
_CLOTHES = [
    (60, 45, 35), (45, 45, 48), (120, 80, 50), (50, 50, 150), (150, 150, 155), (70, 110, 60),
    (40, 130, 200), (170, 120, 90), (90, 60, 120), (200, 200, 205), (60, 75, 100),
]  # fmt: skip


def _pick(rng: np.random.Generator, colors: Sequence[Color]) -> Color:
    return colors[int(rng.integers(len(colors)))]


def limb(a: Array, b: Array, radius: float, color: Color, class_id: int) -> Round:
    """Return an ellipsoid from a to b, both (3,) metres."""
    axis = (np.asarray(b, float) - a) / 2
    length = float(np.linalg.norm(axis))
    first = np.array([-axis[2], 0.0, axis[0]]) / math.hypot(axis[0], axis[2])
    second = np.cross(axis / length, first)
    along = axis * (1 + 0.5 * radius / length)
    axes = np.stack([first * radius, second * radius, along], axis=1)
    return Round(np.asarray(a, float) + axis, axes, color, class_id)


def pedestrian(rng: np.random.Generator) -> list[Thing]:
    """Return one person in each phase of the gait, facing x; phase 0 stands still."""
    height = rng.uniform(1.55, 1.9)
    skin, top, trousers = _pick(rng, _SKIN), _pick(rng, _CLOTHES), _pick(rng, _CLOTHES)
    hair = _pick(rng, [(30, 30, 35), (40, 60, 90), (130, 150, 165), (60, 110, 150)])
    girth = rng.uniform(0.9, 1.15)
    phases = []
    for phase in range(GAIT_PHASES):
        swing = 0.27 * math.sin(2 * math.pi * phase / GAIT_PHASES)
        parts = _person(height, girth, swing, skin, top, trousers, hair)
        phases.append(Thing(tuple(parts), disc(0.28), PEDESTRIAN, height, height + 0.2))
    return phases


def _person(
    height: float, girth: float, swing: float, skin: Color, top: Color, trousers: Color,
    hair: Color,
) -> list[Part]:  # fmt: skip
    h, kind = height / 1.75, PEDESTRIAN
    parts: list[Part] = []
    for side, reach in ((1, swing), (-1, -swing)):
        y = 0.09 * side * girth
        hip, foot = np.array([0, y, 0.88 * h]), np.array([reach, y, 0.04])
        knee = (hip + foot) / 2 + (0.05 + 0.1 * abs(reach), 0, 0.02)
        parts.append(limb(hip, knee, 0.088 * girth, trousers, kind))
        parts.append(limb(knee, foot, 0.065, trousers, kind))
        shoe = np.array([[0.13, 0, 0], [0, 0.05, 0], [0, 0, 0.05]])
        parts.append(Round(foot + np.array([0.05, 0, 0.01]), shoe, (30, 30, 34), kind))
        shoulder = np.array([0, 0.2 * side * girth, 1.4 * h])
        hand = np.array([-0.9 * reach + 0.04, 0.26 * side * girth, 0.83 * h])
        parts.append(limb(shoulder, hand, 0.052, top, kind))
    body = np.diag([0.125 * girth, 0.2 * girth, 0.34 * h])
    parts.append(Round(np.array([0, 0, 1.17 * h]), body, top, kind))
    parts.append(Round(np.array([0.01, 0, 1.48 * h]), np.diag([0.06, 0.06, 0.1]), skin, kind))
    parts.append(Round(np.array([0.02, 0, 1.625 * h]), np.diag([0.1, 0.085, 0.125]), skin, kind))
    parts.append(Round(np.array([-0.01, 0, 1.655 * h]), np.diag([0.1, 0.095, 0.11]), hair, kind))
    return parts


def cyclist(rng: np.random.Generator) -> list[Thing]:
    """Return a rider in each phase of pedalling, riding along x."""
    skin, top, trousers = _pick(rng, _SKIN), _pick(rng, _CLOTHES), _pick(rng, _CLOTHES)
    helmet = _pick(rng, [(220, 220, 220), (40, 40, 200), (45, 45, 45), (200, 120, 40)])
    frame = _pick(rng, [(40, 40, 180), (50, 50, 50), (160, 90, 30), (60, 140, 60)])
    outline = rectangle(-0.87, 0.87, -0.28, 0.28)
    bike = _bicycle(Texture(_bicycle_image(frame)))
    phases = []
    for phase in range(GAIT_PHASES):
        angle = 2 * math.pi * phase / GAIT_PHASES
        parts = [*bike, *_rider(angle, skin, top, trousers, helmet)]
        phases.append(Thing(tuple(parts), outline, BICYCLIST, 1.7, 1.9))
    return phases


def _rider(
    angle: float, skin: Color, top: Color, trousers: Color, helmet: Color
) -> list[Part]:
    kind = BICYCLIST
    hip, shoulder = np.array([-0.22, 0, 0.98]), np.array([0.12, 0, 1.45])
    parts: list[Part] = [limb(hip - (0.03, 0, 0.05), shoulder, 0.17, top, kind)]
    for side in (1, -1):
        turn = angle + (0 if side > 0 else math.pi)
        foot = np.array([0.02 + 0.17 * math.cos(turn), 0.1 * side, 0.3 + 0.17 * math.sin(turn)])
        knee = (hip + foot) / 2 + (0.2, 0.09 * side, 0.08)
        parts.append(limb(hip + np.array([0, 0.08 * side, 0]), knee, 0.085, trousers, kind))
        parts.append(limb(knee, foot, 0.06, trousers, kind))
        elbow = np.array([0.3, 0.24 * side, 1.2])
        parts.append(limb(shoulder + np.array([0, 0.15 * side, 0]), elbow, 0.05, top, kind))
        parts.append(limb(elbow, np.array([0.46, 0.22 * side, 1.05]), 0.042, skin, kind))
    head = np.array([0.22, 0, 1.62])
    parts.append(Round(head, np.diag([0.1, 0.085, 0.12]), skin, kind))
    shell = np.diag([0.125, 0.1, 0.09])
    parts.append(Round(head + np.array([-0.01, 0, 0.06]), shell, helmet, kind))
    return parts


def _bicycle(texture: Texture) -> list[Part]:
    side = Panel(
        np.array([-0.87, 0, 1.1]), np.array([1.74, 0, 0]), np.array([0, 0, -1.1]), texture,
        BICYCLIST,
    )  # fmt: skip
    # Seen from behind the picture is a line, so tyres and handlebar have some width.
    rubber = Texture(np.full((2, 2, 3), 28, np.uint8))
    tyres = [
        Panel(np.array([x, -0.025, 0.68]), np.array([0, 0.05, 0]), np.array([0, 0, -0.68]),
              rubber, BICYCLIST)
        for x in (-0.53, 0.53)
    ]  # fmt: skip
    bar = box((0.04, 0.5, 0.04), (50, 50, 50), BICYCLIST, (0.45, 0, 1.02))
    return [side, *tyres, bar]


def _bicycle_image(frame: Color) -> np.ndarray:
    scale = 100
    image = np.zeros((110, 174, 4), np.uint8)
    dark, paint = (30, 30, 30, 255), (*frame, 255)

    def at(x: float, z: float) -> tuple[int, int]:
        return int((x + 0.87) * scale), int((1.1 - z) * scale)

    for x in (-0.53, 0.53):
        cv2.circle(image, at(x, 0.34), 32, dark, 4, cv2.LINE_8)
        for turn in np.arange(0, 2 * math.pi, math.pi / 6):
            end = at(x + 0.32 * math.cos(turn), 0.34 + 0.32 * math.sin(turn))
            cv2.line(image, at(x, 0.34), end, (120, 120, 120, 255), 1)
    crank, seat, head = (0.0, 0.3), (-0.2, 0.85), (0.38, 0.85)
    for a, b in ((crank, seat), (crank, head), (seat, head), (crank, (-0.53, 0.34)),
                 (seat, (-0.53, 0.34)), (head, (0.53, 0.34)), (head, (0.42, 1.04))):  # fmt: skip
        cv2.line(image, at(*a), at(*b), paint, 4)
    cv2.line(image, at(-0.32, 0.92), at(-0.1, 0.92), dark, 6)
    return image
