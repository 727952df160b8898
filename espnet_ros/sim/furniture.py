"""Street furniture: lamps, signs, traffic lights, bollards and fences."""

from __future__ import annotations

import cv2
import numpy as np

from espnet_ros.sim.parts import FENCE, POLE, SIGN, Panel, Part, Round, box
from espnet_ros.sim.textures import Color, Image, Texture, noise
from espnet_ros.sim.things import Thing, disc, rectangle

_RED, _WHITE, _BLUE, _BLACK = (45, 35, 190), (235, 235, 235), (170, 90, 25), (25, 25, 25)
_STEEL = (140, 142, 140)


def pole(radius: float, height: float, color: Color = _STEEL) -> Round:
    """Return a vertical cylinder from the ground up."""
    axes = np.diag([radius, radius, height / 2])
    return Round(np.array([0, 0, height / 2]), axes, color, POLE, cylinder=True)


def lamp(rng: np.random.Generator, color: Color) -> Thing:
    """Return a street lamp whose arm reaches along x."""
    height, reach = rng.uniform(5.0, 7.5), rng.uniform(0.8, 1.6)
    parts = (
        pole(0.075, height, color),
        pole(0.11, 1.1, color),
        box((reach, 0.07, 0.07), color, POLE, (reach / 2, 0, height - 0.07)),
        box((0.6, 0.2, 0.1), color, POLE, (reach, 0, height - 0.1)),
    )
    return Thing(parts, disc(0.11), POLE, height, height + reach)


def bollard(color: Color) -> Thing:
    """Return a knee-high post."""
    cap = Round(np.array([0, 0, 0.92]), np.diag([0.09, 0.09, 0.09]), color, POLE)
    return Thing((pole(0.075, 0.92, color), cap), disc(0.08), POLE, 1.0, 1.2)


def _disc_sign(rim: Color, face: Color) -> Image:
    image = np.zeros((96, 96, 4), np.uint8)
    cv2.circle(image, (48, 48), 47, (*rim, 255), -1)
    cv2.circle(image, (48, 48), 36, (*face, 255), -1)
    return image


def _sign_image(rng: np.random.Generator) -> Image:
    kind = int(rng.integers(7))
    if kind == 0:  # speed limit
        image = _disc_sign(_RED, _WHITE)
        cv2.putText(image, str(rng.choice([20, 30, 40, 50])), (20, 62), cv2.FONT_HERSHEY_DUPLEX,
                    1.4, (*_BLACK, 255), 4)  # fmt: skip
    elif kind == 1:  # no entry
        image = _disc_sign(_RED, _RED)
        cv2.rectangle(image, (16, 39), (80, 57), (*_WHITE, 255), -1)
    elif kind == 2:  # keep right
        image = _disc_sign(_WHITE, _BLUE)
        cv2.arrowedLine(image, (30, 30), (66, 66), (*_WHITE, 255), 9, tipLength=0.4)
    elif kind == 3:  # danger
        image = np.zeros((96, 96, 4), np.uint8)
        cv2.fillPoly(image, [np.array([[48, 2], [95, 88], [1, 88]])], (*_RED, 255))
        cv2.fillPoly(image, [np.array([[48, 26], [78, 78], [18, 78]])], (*_WHITE, 255))
        cv2.line(image, (48, 42), (48, 70), (*_BLACK, 255), 6)
    elif kind == 4:  # stop
        image = np.zeros((96, 96, 4), np.uint8)
        turn = np.arange(8) * np.pi / 4 + np.pi / 8
        corners = np.stack([48 + 47 * np.cos(turn), 48 + 47 * np.sin(turn)], 1)
        cv2.fillPoly(image, [corners.astype(np.int32)], (*_RED, 255))
        cv2.putText(image, 'STOP', (10, 58), cv2.FONT_HERSHEY_DUPLEX, 0.95, (*_WHITE, 255), 3)
    elif kind == 5:  # parking
        image = np.full((96, 96, 4), (*_BLUE, 255), np.uint8)
        cv2.putText(image, 'P', (28, 72), cv2.FONT_HERSHEY_DUPLEX, 2.2, (*_WHITE, 255), 6)
    else:  # a town's direction board
        image = np.full((96, 192, 4), (40, 110, 30, 255), np.uint8)
        cv2.rectangle(image, (4, 4), (187, 91), (*_WHITE, 255), 3)
        for row in (30, 55):
            cv2.line(image, (20, row), (130 + 10 * (row % 4), row), (*_WHITE, 255), 9)
        cv2.arrowedLine(image, (150, 70), (176, 30), (*_WHITE, 255), 6, tipLength=0.4)
    return image


def sign(rng: np.random.Generator) -> Thing:
    """Return a traffic sign; its face looks along -x, towards traffic along x."""
    height = rng.uniform(2.1, 2.6)
    image = _sign_image(rng)
    tall = rng.uniform(0.6, 0.85)
    wide = tall * image.shape[1] / image.shape[0]
    back = image.copy()
    back[:, :, :3] = 120
    parts: list[Part] = [pole(0.035, height + tall)]
    for texture, x in ((image, -0.05), (back, -0.045)):
        parts.append(Panel(
            np.array([x, wide / 2, height + tall]), np.array([0, -wide, 0]),
            np.array([0, 0, -tall]), Texture(texture), SIGN))  # fmt: skip
    if rng.random() < 0.3:
        plate = Texture(np.full((8, 16, 3), 225, np.uint8))
        parts.append(Panel(
            np.array([-0.05, 0.3, height - 0.06]), np.array([0, -0.6, 0]),
            np.array([0, 0, -0.3]), plate, SIGN))  # fmt: skip
    return Thing(tuple(parts), disc(0.04), POLE, height + tall, height + 2)


def traffic_light(rng: np.random.Generator) -> Thing:
    """Return a traffic light for traffic along x."""
    image = np.full((120, 44, 3), 24, np.uint8)
    lit = int(rng.choice([0, 2, 2]))
    for i, color in enumerate([(50, 50, 235), (40, 180, 240), (90, 220, 60)]):
        shade = color if i == lit else tuple(int(v * 0.22) for v in color)
        cv2.circle(image, (22, 22 + 38 * i), 15, shade, -1, cv2.LINE_AA)
    face = Panel(
        np.array([-0.171, 0.2, 3.35]), np.array([0, -0.4, 0]), np.array([0, 0, -1.05]),
        Texture(image), SIGN, 1.15,
    )  # fmt: skip
    parts = (pole(0.07, 3.4, (60, 62, 62)), box((0.24, 0.4, 1.05), _BLACK, SIGN, (-0.05, 0, 2.3)))
    return Thing((*parts, face), disc(0.07), POLE, 3.4, 4.0)


def _pickets(rng: np.random.Generator, cols: int, color: Color) -> Image:
    image = np.zeros((100, cols, 4), np.uint8)
    image[24:34], image[72:82] = (*(0.85 * np.array(color)), 255), (*(0.85 * np.array(color)), 255)
    for left in range(2, cols - 8, 14):
        tone = np.clip(np.array(color) * rng.uniform(0.88, 1.08), 0, 255)
        top = int(rng.integers(2, 5))
        image[top:, left : left + 9] = (*tone, 255)
        image[top : top + 4, left : left + 2, 3] = 0
        image[top : top + 4, left + 7 : left + 9, 3] = 0
    return image


def _boards(rng: np.random.Generator, cols: int, color: Color) -> Image:
    gray = noise(rng, (100, cols), 12, 50)
    tones = np.repeat(rng.normal(0, 1, cols // 12 + 1), 12)[:cols]
    light = (1 + 0.05 * gray + 0.07 * tones)[:, :, None] * np.array(color)
    light[:, ::12] *= 0.5
    light[:5] *= 0.75
    return np.dstack([np.clip(light, 0, 255), np.full((100, cols), 255)]).astype(np.uint8)


def _railing(rng: np.random.Generator, cols: int, color: Color) -> Image:
    image = np.zeros((100, cols, 4), np.uint8)
    image[:, :, :3] = color
    image[4:10, :, 3] = image[84:90, :, 3] = 255
    for left in range(0, cols, 10):
        image[6:88, left : left + 3, 3] = 255
    for left in range(0, cols, 160):
        image[:, left : left + 7, 3] = 255
    image[:, -7:, 3] = 255
    return image


def fence(rng: np.random.Generator, kind: str, length: float, color: Color) -> Thing:
    """Return a fence along x, its middle at the origin.

    :param kind: 'pickets', 'boards' or 'railing'. In the mask, a railing is one surface, as
        people annotate it; between pickets, what is behind can be seen.
    """
    height = {'pickets': 1.0, 'boards': 1.7, 'railing': 1.1}[kind]
    paint = {'pickets': _pickets, 'boards': _boards, 'railing': _railing}[kind]
    texture = Texture(paint(rng, max(int(length * 80), 40), color))
    panel = Panel(
        np.array([-length / 2, 0, height]), np.array([length, 0, 0]), np.array([0, 0, -height]),
        texture, FENCE, translucent=kind == 'railing',
    )  # fmt: skip
    outline = rectangle(-length / 2, length / 2, -0.06, 0.06)
    return Thing((panel,), outline, FENCE, height, length / 2 + height)
