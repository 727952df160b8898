"""What fills the rest of the view, ground and sky, and how the camera develops the picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.sim.canvas import Canvas
from espnet_ros.sim.ground import CELL_M, Ground
from espnet_ros.sim.layout import EDGE_M
from espnet_ros.sim.parts import SKY
from espnet_ros.sim.path import Path
from espnet_ros.sim.sky import look_up
from espnet_ros.sim.style import Style
from espnet_ros.sim.textures import Image
from espnet_ros.sim.things import Placed

Floats = npt.NDArray[Any]  # float32
_DETAIL_M = 0.01
_DETAIL_TO_M = 9.0
_GRAINS = 1 << 16


def paint_ground(canvas: Canvas, ground: Ground, path: Path, moving: list[Placed]) -> None:
    """Paint the plane z = 0 wherever nothing stands before it.

    :param moving: things whose shadow is not part of the ground's picture.
    """
    # All in float32: a float64 scalar would make the whole picture float64.
    to_odom = canvas.T_camera_odom[:3, :3].T.astype(np.float32)
    eye = canvas.eye.astype(np.float32)
    # The camera never rolls, so a row of pixels meets the ground at one depth.
    fall = to_odom[2, 1] * canvas.ray_y[:, 0] + to_odom[2, 2]
    w_rows = -fall / eye[2]
    rows = np.flatnonzero(w_rows > 1e-5)
    if not len(rows):
        return
    top = int(rows[0])
    w = w_rows[top:, None]
    free = canvas.w[top:] < w
    z = 1 / w
    across, along = canvas.ray_x * z, canvas.ray_y[top:] * z
    x, y = (
        to_odom[i, 0] * across + (to_odom[i, 1] * along + to_odom[i, 2] * z + eye[i])
        for i in range(2)
    )
    s, u = path.to_road(x, y)
    np.copyto(canvas.mask[top:], ground.class_at(s, u), where=free)
    color = _ground_color(canvas, ground, s - np.float32(path.s_min), u, z[:, 0])
    cv2.copyTo(color, free.view(np.uint8), canvas.image[top:])
    np.copyto(canvas.w[top:], w, where=free)
    for placed in moving:
        _shadow(canvas, placed, top, free, x, y)


def _ground_color(canvas: Canvas, ground: Ground, s: Floats, u: Floats, z: Floats) -> Image:
    color = np.empty((*s.shape, 3), np.uint8)
    # Between the wide footprint along the view and the narrow one across it.
    texels = z * np.sqrt(z / canvas.eye[2]) * (0.6 / canvas.focal / CELL_M)
    level = np.clip(np.log2(np.maximum(texels, 1)) + 0.5, 0, len(ground.levels) - 1).astype(int)
    for index in np.unique(level):
        band = np.flatnonzero(level == index)
        part = slice(int(band[0]), int(band[-1]) + 1)
        texel = np.float32(1 / (CELL_M * 2**index))
        map_x = s[part] * texel - np.float32(0.5)
        map_y = (u[part] + np.float32(EDGE_M)) * texel - np.float32(0.5)
        color[part] = cv2.remap(
            ground.levels[index], map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    near = np.flatnonzero(z < _DETAIL_TO_M)
    if len(near):
        part = slice(int(near[0]), len(z))
        count = np.float32(ground.detail.shape[0] - 1)
        map_x = np.mod(s[part] * np.float32(1 / _DETAIL_M), count)
        map_y = np.mod(u[part] * np.float32(1 / _DETAIL_M), count)
        grain = cv2.remap(ground.detail, map_x, map_y, cv2.INTER_LINEAR) - 1
        fade = np.clip(2 - 2 * z[part] / _DETAIL_TO_M, 0, 1).astype(np.float32)
        fine = 1 + grain * fade[:, None]
        color[part] = np.clip(color[part] * fine[:, :, None], 0, 255)
    return color


def _shadow(
    canvas: Canvas, placed: Placed, top: int, free: npt.NDArray[np.bool_], x: Floats, y: Floats
) -> None:
    """Darken the ground under and beside a thing that moves."""
    outline = placed.footprint
    sun = canvas.light.sun
    cast = -sun[:2] / max(float(sun[2]), 0.3) * placed.thing.height_m * 0.6
    corners = np.concatenate([outline - 0.3, outline + 0.3, outline + cast])
    points = np.column_stack([corners, np.zeros(len(corners))])
    box = canvas.box(points @ canvas.T_camera_odom[:3, :3].T + canvas.T_camera_odom[:3, 3])
    if box is None or box[3] <= top:
        return
    x0, x1, y0, y1 = box[0], box[1], max(box[2] - top, 0), box[3] - top
    ground = free[y0:y1, x0:x1]
    if not ground.any():
        return
    spread = 0.5 * (outline.max(axis=0) - outline.min(axis=0)).max()
    c, n = np.cos(placed.yaw), np.sin(placed.yaw)
    half = (0.5 * np.ptp(placed.thing.footprint, axis=0)).astype(np.float32)
    strength = 1 - canvas.light.ambient / (canvas.light.ambient + canvas.light.direct)
    shade = np.ones(ground.shape, np.float32)
    for share, dark, soft in ((0.0, 0.5, 0.35), (0.5, strength, 0.25 + 0.15 * spread)):
        dx = x[y0:y1, x0:x1] - np.float32(placed.x + share * cast[0])
        dy = y[y0:y1, x0:x1] - np.float32(placed.y + share * cast[1])
        ahead = np.abs(dx * np.float32(c) + dy * np.float32(n)) - half[0]
        aside = np.abs(dy * np.float32(c) - dx * np.float32(n)) - half[1]
        outside = np.hypot(np.maximum(ahead, 0), np.maximum(aside, 0))
        shade *= 1 - np.float32(dark) * np.clip(1 - outside / np.float32(soft), 0, 1)
    patch = canvas.image[top + y0 : top + y1, x0:x1]
    dimmed = (patch * shade[:, :, None]).astype(np.uint8)
    cv2.copyTo(dimmed, ground.view(np.uint8), patch)


def paint_sky_over(canvas: Canvas, panorama: Image) -> None:
    """Paint the sky where no ray met anything."""
    free = canvas.w == 0
    rows = np.flatnonzero(free.any(axis=1))
    if not len(rows):
        return
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    r = canvas.T_camera_odom[:3, :3].T.astype(np.float32)
    dx, dy, dz = (
        r[i, 0] * canvas.ray_x + (r[i, 1] * canvas.ray_y[part] + r[i, 2]) for i in range(3)
    )
    color = look_up(panorama, np.arctan2(dy, dx), np.arctan2(dz, np.hypot(dx, dy)))
    cv2.copyTo(color, free[part].view(np.uint8), canvas.image[part])
    canvas.mask[part][free[part]] = SKY


class Finish:
    """Haze, the lens, exposure and sensor noise.

    :param rng: decides how noisy the camera is.
    """

    def __init__(self, rng: np.random.Generator, style: Style) -> None:
        self._haze = np.array(style.horizon, np.float32)
        self._haze_m = style.haze_m
        tones = np.linspace(0, 1, 256)[:, None] ** style.gamma * 255 * np.array(style.gains)
        # A soft shoulder keeps bright walls from burning out.
        tones = np.where(tones > 200, 200 + 55 * np.tanh((tones - 200) / 70), tones)
        self._tones = np.clip(tones, 0, 255).astype(np.uint8)[None]
        strength = rng.uniform(1.5, 6.0)
        self._grain = rng.normal(0, strength, _GRAINS + 9973).astype(np.float32)
        self._sharpness = rng.uniform(0.45, 0.75)

    def develop(self, image: Image, depth: Floats, stamp_s: float) -> Image:
        """Return the picture the camera delivers, uint8 (H, W, 3)."""
        share = 1 - np.exp(np.minimum(depth, 1e4) * np.float32(-1 / self._haze_m))
        share[np.isinf(depth)] = 0
        hazy = image + (self._haze - image) * share[:, :, None]
        # Another cut of the same grain for each stamp: noise that is still the same every run.
        start = round(stamp_s * 1000) * 7919 % 9973
        grain = np.resize(self._grain[start : start + _GRAINS], depth.shape)
        hazy += grain[:, :, None]
        seen = cv2.GaussianBlur(np.clip(hazy, 0, 255).astype(np.uint8), (3, 3), self._sharpness)
        return cv2.LUT(seen, self._tones)
