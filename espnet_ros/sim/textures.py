"""Procedural textures: noise, and the materials that ground and walls are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]  # uint8, which OpenCV's type stubs can't say
Floats = npt.NDArray[np.float32]
Color = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Texture:
    """An image with its reductions, so that far surfaces do not flicker.

    :param image: uint8 (H, W, 3) BGR or (H, W, 4) BGRA.
    """

    image: Image

    @cached_property
    def levels(self) -> list[Image]:
        """Return the image, its half, its quarter, ..."""
        levels = [np.ascontiguousarray(self.image)]
        while min(levels[-1].shape[:2]) > 4 and len(levels) < 7:
            levels.append(half(levels[-1]))
        return levels

    def level(self, texels_per_pixel: float) -> Image:
        """Return the reduction whose texels are about one pixel wide."""
        index = int(np.log2(max(texels_per_pixel, 1.0)) + 0.4)
        return self.levels[min(index, len(self.levels) - 1)]


def half(image: Image) -> Image:
    """Return the image at half the size."""
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def noise(rng: np.random.Generator, shape: tuple[int, int], *cells: int) -> Floats:
    """Return smooth noise that tiles, float32 of mean 0 and deviation 1.

    :param shape: rows and columns.
    :param cells: feature counts across the shorter side, one an octave.
    """
    rows, cols = shape
    total = np.zeros(shape, np.float32)
    for weight, count in enumerate(cells, start=1):
        size = (max(count * cols // min(shape), 1), max(count * rows // min(shape), 1))
        coarse = rng.standard_normal((size[1], size[0]), dtype=np.float32)
        coarse = np.pad(coarse, 2, mode='wrap')
        scaled = (cols * (size[0] + 4) // size[0], rows * (size[1] + 4) // size[1])
        fine = cv2.resize(coarse, scaled, interpolation=cv2.INTER_CUBIC)
        top, left = 2 * rows // size[1], 2 * cols // size[0]
        total += fine[top : top + rows, left : left + cols] / weight
    return (total - total.mean()) / max(float(total.std()), 1e-6)


def tint(gray: Floats, color: Color, contrast: float) -> Image:
    """Return a color modulated by noise, uint8 (H, W, 3).

    :param gray: noise, float32 (H, W).
    :param color: BGR 0..255.
    :param contrast: relative change a deviation of the noise makes.
    """
    factor = (1.0 + contrast * gray)[:, :, None]
    return np.clip(factor * np.array(color, np.float32), 0, 255).astype(np.uint8)


def asphalt(rng: np.random.Generator, size: int, color: Color) -> Image:
    """Return road surface that tiles: grain, stains and a few bright chips."""
    grain = noise(rng, (size, size), size // 2, size)
    stains = noise(rng, (size, size), 6, 14)
    image = tint(0.6 * grain + 0.6 * stains, color, 0.06)
    image[rng.random((size, size)) > 0.998] = np.clip(np.array(color) * 1.3, 0, 255)
    return image


def grass(rng: np.random.Generator, size: int, color: Color) -> Image:
    """Return lawn that tiles: blades, and patches drier than others."""
    blades = noise(rng, (size, size), size // 2, size)
    patches = noise(rng, (size, size), 8, 21)
    dry = np.clip(0.5 + 0.4 * patches, 0, 1)[:, :, None]
    other = np.array(color, np.float32) * (0.95, 1.06, 1.45)
    base = np.array(color, np.float32) * (1 - 0.45 * dry) + other * 0.45 * dry
    return np.clip(base * (1 + 0.2 * blades[:, :, None]), 0, 255).astype(np.uint8)


def slabs(
    rng: np.random.Generator, size: int, color: Color, cell: tuple[int, int], joint: float
) -> Image:
    """Return paving or bricks that tile, every other row shifted by half.

    :param cell: width and height of one stone in texels, each a divisor of size.
    :param joint: brightness of the joints relative to the stones.
    """
    width, height = cell
    rows, cols = np.mgrid[:size, :size]
    row = rows // height
    shifted = (cols + (row % 2) * (width // 2)) % size
    column = shifted // width
    tones = rng.normal(0, 1, (size // height + 1, size // width + 1)).astype(np.float32)
    gray = tones[row, column] + 0.5 * noise(rng, (size, size), size // 2)
    image = tint(gray + 0.6 * noise(rng, (size, size), 5, 9), color, 0.06)
    joints = (rows % height == 0) | (shifted % width == 0)
    image[joints] = np.clip(image[joints] * joint, 0, 255)
    return image


def tiled(tile: Image, shape: tuple[int, int]) -> Image:
    """Return the tile repeated over rows and columns."""
    rows, cols = shape
    repeats = (-(-rows // tile.shape[0]), -(-cols // tile.shape[1]), 1)
    return np.ascontiguousarray(np.tile(tile, repeats[: tile.ndim])[:rows, :cols])
