"""The sky: a panorama of clouds over a gradient, looked up by direction."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.sim.style import Style
from espnet_ros.sim.textures import Image, noise

_COLS, _ROWS = 1024, 192
_HIGH = 1.35  # rad above the horizon that the picture reaches


def paint_sky(rng: np.random.Generator, style: Style) -> Image:
    """Return the panorama, uint8 (ROWS, COLS + 1, 3); row 0 is the horizon."""
    height = np.linspace(0, 1, _ROWS)[:, None, None] ** 0.55
    sky = np.array(style.horizon) * (1 - height) + np.array(style.zenith) * height
    if style.sunny:
        cover, soft = 0.9 - 1.3 * style.clouds, 1.1
        white = np.array([250.0, 248.0, 246.0])
    else:
        cover, soft = -0.8, 2.4
        white = np.array(style.zenith) * 0.82
    wisps = noise(rng, (_ROWS, _COLS), 3, 6, 12, 24, 48)
    share = np.clip((wisps - cover) / soft, 0, 0.92)[:, :, None]
    share = share * np.clip(height * 2.2, 0, 1)
    shade = 1 - 0.12 * np.clip(np.roll(wisps, -6, axis=0) - cover, 0, 1)[:, :, None]
    image = np.clip(sky * (1 - share) + white * shade * share, 0, 255).astype(np.uint8)
    return np.pad(image, ((0, 0), (0, 1), (0, 0)), mode='wrap')


def look_up(
    panorama: Image, azimuth: npt.NDArray[np.float32], height: npt.NDArray[np.float32]
) -> Image:
    """Return the sky in these directions, uint8 (H, W, 3).

    :param azimuth: rad, float32 (H, W). :param height: rad over the horizon, float32 (H, W).
    """
    col = np.mod(azimuth * np.float32(_COLS / (2 * np.pi)), np.float32(_COLS))
    row = np.abs(height) * np.float32((_ROWS - 1) / _HIGH)
    return cv2.remap(panorama, col, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
