"""Trees, bushes, hedges and the belt of trees that closes the view."""

from __future__ import annotations

import cv2
import numpy as np

from espnet_ros.sim.parts import TREE, Foliage, Panel, Part, Round, Solid, box
from espnet_ros.sim.textures import Color, Image, Texture, noise
from espnet_ros.sim.things import Thing, disc, rectangle

_BARK = (62, 74, 88)
_CROWN_PX = 320


def foliage_textures(rng: np.random.Generator, count: int) -> list[Texture]:
    """Return crowns of one street's species, BGRA; alpha is how far leaves reach out."""
    base = np.array([rng.uniform(28, 55), rng.uniform(80, 125), rng.uniform(48, 100)])
    if rng.random() < 0.15:  # autumn
        base = np.array([30.0, rng.uniform(85, 125), rng.uniform(125, 175)])
    return [Texture(_crown(rng, base * rng.uniform(0.85, 1.15, 3))) for _ in range(count)]


def _crown(rng: np.random.Generator, color: np.ndarray) -> Image:
    """Return leaves painted from the crown's dark inside to its sunny outside."""
    image = np.zeros((_CROWN_PX, _CROWN_PX, 4), np.uint8)
    image[:, :, :3] = 0.6 * color  # what the edges of leaves blend with
    lobes = rng.uniform(-0.5, 0.5, (9, 2)) * (1.0, 0.9)
    radii = rng.uniform(0.28, 0.44, 9) * np.where(np.hypot(*lobes.T) > 0.4, 0.85, 1.1)
    count = 2600
    rise = np.linspace(0, 1, count)
    lobe = rng.integers(9, size=count)
    angle, reach = rng.uniform(0, 2 * np.pi, count), radii[lobe] * np.sqrt(rng.random(count))
    off = reach[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    x, y = (lobes[lobe] + off).T
    y = y - 0.12 * rise
    sunny = 0.5 - 0.55 * off[:, 1] / radii[lobe] - 0.25 * y
    shade = 0.35 + 0.5 * rise + 0.45 * (sunny - 0.5) + rng.normal(0, 0.1, count)
    deep = np.sqrt(np.maximum(1 - x * x - y * y, 0)) * (0.6 + 0.4 * rise)
    leaves = np.column_stack([color * np.clip(shade, 0.2, 1.35)[:, None], 135 + 110 * deep])
    centers = ((np.stack([x, y], 1) + 1) * _CROWN_PX / 2).astype(int).tolist()
    axes = rng.integers((3, 2), (8, 6), (count, 2)).tolist()
    turns = rng.uniform(0, 180, count).tolist()
    inside = np.hypot(x, y) <= 0.93
    for i, leaf in enumerate(np.clip(leaves, 0, 255).tolist()):
        if inside[i]:
            cv2.ellipse(image, centers[i], axes[i], turns[i], 0, 360, leaf, -1)
    return image


def tree(rng: np.random.Generator, texture: Texture, height: float) -> Thing:
    """Return a tree on its trunk; only the trunk's foot is its footprint."""
    trunk, radius = 0.32 * height, 0.022 * height + 0.04
    width = height * rng.uniform(0.55, 0.85)
    tall = height - 0.8 * trunk
    parts: list[Part] = [
        _trunk(radius, trunk + 0.25 * tall),
        Foliage(np.array([0, 0, height - tall / 2]), width, tall, texture, TREE),
        # A smaller crown a little aside gives depth when the camera drives by.
        Foliage(
            np.array([0.18 * width, 0.2 * width, height - 0.6 * tall]), 0.7 * width, 0.65 * tall,
            texture, TREE,
        ),
    ]  # fmt: skip
    return Thing(tuple(parts), disc(radius), TREE, height, height + width, True)


def _trunk(radius: float, height: float) -> Round:
    axes = np.diag([radius, radius, height / 2])
    return Round(np.array([0, 0, height / 2]), axes, _BARK, TREE, cylinder=True)


def bush(rng: np.random.Generator, texture: Texture) -> Thing:
    """Return a round bush."""
    width, height = rng.uniform(1.0, 2.0), rng.uniform(0.8, 1.6)
    crown = Foliage(np.array([0, 0, 0.45 * height]), width, 1.15 * height, texture, TREE)
    return Thing((crown,), disc(0.35 * width), TREE, height, 2 * width, True)


def hedge(rng: np.random.Generator, texture: Texture, length: float, height: float) -> Thing:
    """Return a clipped hedge along x, its middle at the origin."""
    body = box((length, 0.6, height), (0, 0, 0), TREE)
    leaves = texture.image[80:240, 80:240, :3]
    gray = noise(rng, (160, 160), 40, 80)[:, :, None]
    image = np.clip(leaves * (0.95 + 0.12 * gray), 0, 255).astype(np.uint8)
    wide = np.tile(image, (1, max(int(length * 80 / 160), 1), 1))
    ppm = 80.0
    maps = np.array([[[ppm, 0, 0, ppm * length / 2], [0, 0, -ppm, ppm * height]]] * 6)
    maps[[0, 3]] = [[0, ppm, 0, ppm * 0.3], [0, 0, -ppm, ppm * height]]
    maps[2] = [[ppm, 0, 0, ppm * length / 2], [0, ppm, 0, ppm * 0.3]]
    solid = Solid(body.normals, body.offsets, body.corners, Texture(wide), maps, ppm, TREE)
    outline = rectangle(-length / 2, length / 2, -0.3, 0.3)
    return Thing((solid,), outline, TREE, height, length)


def belt_texture(rng: np.random.Generator, color: Color) -> Texture:
    """Return a wood seen from outside, BGRA, its tree tops against the sky cut out."""
    rows, cols = 128, 512
    gray = noise(rng, (rows, cols), 8, 16, 32, 64)
    height = 30 + 9 * noise(rng, (4, cols), 2, 4)[0] + 4 * noise(rng, (4, cols), 4)[1]
    tops = np.cumsum(np.sin(np.linspace(0, 40 * np.pi, cols))) * 0.6
    alpha = np.arange(rows)[:, None] > (height + tops)[None]
    light = 0.62 + 0.17 * gray - 0.25 * np.linspace(0, 1, rows)[:, None]
    bgr = np.clip(np.array(color) * light[:, :, None] * 1.1, 0, 255)
    return Texture(np.dstack([bgr, alpha * 255.0]).astype(np.uint8))


def belt(texture: Texture, length: float, height: float) -> Thing:
    """Return a stretch of wood along x, far beside the street."""
    panel = Panel(
        np.array([-length / 2, 0, height]), np.array([length, 0, 0]), np.array([0, 0, -height]),
        texture, TREE,
    )  # fmt: skip
    outline = rectangle(-length / 2, length / 2, -0.5, 0.5)
    return Thing((panel,), outline, TREE, height, length)
