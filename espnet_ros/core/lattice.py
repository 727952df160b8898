"""A lattice of pixels of an image, with their rays and where those meet the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from espnet_ros.core.arrays import Bools, Floats, Indices, Points
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.gates import Gates


@dataclass(frozen=True, eq=False)
class Lattice:
    """A lattice of (h, w) pixels of a camera in its place.

    :param camera: whose image it is.
    :param T: (4, 4), base <- optical frame.
    :param rows: of the image, intp (h,).
    :param cols: of the image, intp (w,).
    :param rays: float32 (h, w, 3), z = 1, optical frame.
    :param ground: float32 (h, w, 3), where the rays meet the ground within the gates, else NaN.
    :param used: bool (h, w), False in the unused border of the image.
    """

    camera: CameraModel
    T: Floats
    rows: Indices
    cols: Indices
    rays: Points
    ground: Points
    used: Bools


def make_lattice(camera: CameraModel, T: Floats, gates: Gates, stride: int) -> Lattice:
    """Return a centred lattice of ceil(H / stride) by ceil(W / stride) pixels of an image.

    :param T: (4, 4), base <- optical frame; the ground is z = 0 of base.
    :param gates: range, horizon and border; ground outside of them is NaN.
    :raises PoseError: if the border leaves nothing of the image.
    """
    # Centred: the same rest is left over on either side.
    cols, rows = (np.arange((n - 1) % stride // 2, n, stride) for n in camera.image_wh)
    u, v = np.meshgrid(cols, rows)
    first, end = gates.used_px(camera.image_wh)
    used = (u >= first[0]) & (u < end[0]) & (v >= first[1]) & (v < end[1])
    rays = camera.rays(np.stack([u, v], axis=-1))
    directions = rays @ T[:3, :3].T
    up = float(T[2, 3])
    with np.errstate(invalid='ignore'):  # some pixels of a lens have no ray
        down = np.where(directions[..., 2] < -1e-9, -directions[..., 2], np.nan)
        ranges = up / down * np.hypot(directions[..., 0], directions[..., 1])
        good = used & (ranges >= gates.min_range_m) & (ranges <= gates.reach_m(up))
    ground = np.where(good[..., None], rays * (up / down)[..., None], np.nan)
    # Points are sent as they lie in memory, one after the other.
    rays32, ground32 = (xyz.astype(np.float32, order='C') for xyz in (rays, ground))
    return Lattice(camera, T, rows, cols, rays32, ground32, used)
