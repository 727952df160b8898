"""Casts one ray a pixel against flat, convex and round parts, with a depth buffer.

Everything happens in inverse depth w = 1 / z: a plane's w is linear in pixel coordinates, so
the hits of a whole patch of pixels are sums of a row and a column.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.sim.camera import rigid_inverse
from espnet_ros.sim.parts import Drawn, Foliage, Panel, Placed, Rounds, Solid
from espnet_ros.sim.textures import Texture

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]
_NEAR_M = 0.1
_BATCH = 40_000  # rays times parts; beyond that each part's own box is worth finding


@dataclass(frozen=True)
class Light:
    """The sun and the sky.

    :param sun: unit vector towards the sun in odom, (3,).
    :param ambient: brightness of a face in the shade.
    :param direct: what the sun adds to a face turned to it.
    """

    sun: Array
    ambient: float
    direct: float

    def on(self, normals: Array) -> Array:
        """Return the brightness of faces with these unit normals in odom, (..., 3) -> (...)."""
        sky = 0.92 + 0.08 * normals[..., 2]
        return self.ambient * sky + self.direct * np.maximum(normals @ self.sun, 0.0)


class Canvas:
    """What has been seen so far: image, mask and inverse depth of one view.

    :param k: K (3, 3). :param size_wh: pixels. :param T_camera_odom: (4, 4).
    """

    def __init__(
        self, k: Array, size_wh: tuple[int, int], T_camera_odom: Array, light: Light
    ) -> None:
        width, height = size_wh
        self.size_wh = size_wh
        self.k = k
        self.T_camera_odom = T_camera_odom
        self.eye = rigid_inverse(T_camera_odom)[:3, 3]
        self.light = light
        # Rays as (x, y, 1) in the optical frame.
        self.ray_x = ((np.arange(width) - k[0, 2]) / k[0, 0]).astype(np.float32)
        self.ray_y = ((np.arange(height) - k[1, 2]) / k[1, 1]).astype(np.float32)[:, None]
        self.image = np.zeros((height, width, 3), np.uint8)
        self.mask = np.zeros((height, width), np.uint8)
        self.w = np.zeros((height, width), np.float32)

    def draw(self, placed: Placed, translucent: bool = False) -> None:
        """Draw the parts of a thing that nothing drawn so far hides.

        :param translucent: draw only the translucent parts, else only the others.
        """
        c, s = np.cos(placed.yaw), np.sin(placed.yaw)
        rotation = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        pose = np.eye(4)
        pose[:3, :3] = self.T_camera_odom[:3, :3] @ rotation
        at = self.T_camera_odom[:3, :3] @ (placed.x, placed.y, 0.0) + self.T_camera_odom[:3, 3]
        pose[:3, 3] = at
        if self._open_box(placed.thing.corners, pose) is None:
            return
        eye = rotation.T @ (self.eye - (placed.x, placed.y, 0.0))
        for part in placed.thing.drawn:
            if isinstance(part, Panel):
                hidden = part.one_sided and part.normal @ (eye - part.origin) <= 0
                if hidden or part.translucent is not translucent:
                    continue
            elif translucent:
                continue
            self._draw_part(part, pose, rotation)

    def _open_box(self, corners: Array, pose: Array) -> Box | None:
        """Return the box around points of a thing, None if all there is nearer or outside."""
        seen = corners @ pose[:3, :3].T + pose[:3, 3]
        box = self.box(seen)
        if box is None:
            return None
        nearest = float(seen[:, 2].min())
        if nearest > _NEAR_M and float(self._patch(self.w, box).min()) * nearest >= 1.0:
            return None
        return box

    def _draw_part(self, part: Drawn, pose: Array, rotation: Array) -> None:
        box = self._open_box(part.corners, pose)
        if box is None:
            return
        if isinstance(part, Panel):
            self._panel(part, box, pose, rotation)
        elif isinstance(part, Solid):
            self._solid(part, box, pose, rotation)
        elif isinstance(part, Rounds):
            area = (box[1] - box[0]) * (box[3] - box[2])
            if len(part.parts) > 1 and area * len(part.parts) > _BATCH:
                for single in part.singles:
                    self._draw_part(single, pose, rotation)
            else:
                self._rounds(part, box, pose, rotation)
        else:
            self._foliage(part, box, pose)

    def box(self, corners: Array) -> Box | None:
        """Return columns and rows (x0, x1, y0, y1) around points in the optical frame."""
        z = corners[:, 2]
        ahead = z > _NEAR_M
        if not ahead.all():
            if not ahead.any():
                return None
            front, back = corners[ahead][:, None], corners[~ahead][None]
            share = (front[..., 2:] - _NEAR_M) / (front[..., 2:] - back[..., 2:])
            cut = (front + share * (back - front)).reshape(-1, 3)
            corners = np.concatenate([corners[ahead], cut])
            z = corners[:, 2]
        column = (self.k[0, 0] * corners[:, 0] / z + self.k[0, 2]).tolist()
        row = (self.k[1, 1] * corners[:, 1] / z + self.k[1, 2]).tolist()
        width, height = self.size_wh
        x0, x1 = max(int(min(column)), 0), min(int(max(column)) + 2, width)
        y0, y1 = max(int(min(row)), 0), min(int(max(row)) + 2, height)
        return (x0, x1, y0, y1) if x0 < x1 and y0 < y1 else None

    @staticmethod
    def _patch(array: npt.NDArray[np.generic], box: Box) -> npt.NDArray[np.generic]:
        return array[box[2] : box[3], box[0] : box[1]]

    def _linear(self, g: Array, box: Box) -> Floats:
        """Return g @ (x, y, 1) for each ray of the box, float32 (h, w)."""
        g0, g1, g2 = g.astype(np.float32)
        return g0 * self.ray_x[box[0] : box[1]] + (g1 * self.ray_y[box[2] : box[3]] + g2)

    def _write(
        self, box: Box, hit: npt.NDArray[np.bool_], w: Floats, color: Array, class_id: int
    ) -> None:
        np.copyto(self._patch(self.w, box), w, where=hit)
        self._patch(self.mask, box)[hit] = class_id
        cv2.copyTo(color, hit.view(np.uint8), self._patch(self.image, box))

    def _flat(
        self, corner: Array, across: Array, down: Array, box: Box
    ) -> tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]] | None:
        basis = np.stack([across, down, corner], axis=1)
        scale = np.linalg.norm(across) * np.linalg.norm(down)
        if abs(np.linalg.det(basis)) < 1e-3 * scale:
            return None  # seen edge on
        ga, gd, gw = np.linalg.inv(basis)
        w, a, d = self._linear(gw, box), self._linear(ga, box), self._linear(gd, box)
        hit = (w > self._patch(self.w, box)) & (a >= 0) & (a <= w) & (d >= 0) & (d <= w)
        return w, a, d, hit

    def _panel(self, part: Panel, box: Box, pose: Array, rotation: Array) -> None:
        to_camera = pose[:3, :3]
        across, down = to_camera @ part.across, to_camera @ part.down
        corner = to_camera @ part.origin + pose[:3, 3]
        found = self._flat(corner, across, down, box)
        if found is None or not found[3].any():
            return
        w, a, d, hit = found
        texels = self._texels(part.texture, w, a, d, hit, float(np.linalg.norm(down)))
        normal = rotation @ part.normal
        if part.normal @ (pose[:3, :3].T @ corner) > 0:
            normal = -normal  # seen from behind
        shade = part.shade * float(self.light.on(normal))
        color = cv2.convertScaleAbs(texels[:, :, :3], alpha=shade)
        if part.translucent:
            alpha = texels[:, :, 3:].astype(np.float32) * np.float32(1 / 255)
            behind = self._patch(self.image, box).astype(np.float32)
            color = (behind + (color - behind) * alpha).astype(np.uint8)
        elif texels.shape[2] == 4:
            hit &= texels[:, :, 3] > 127
        self._write(box, hit, w, color, part.class_id)

    def _texels(
        self, texture: Texture, w: Floats, a: Floats, d: Floats, hit: Array, height: float
    ) -> npt.NDArray[np.uint8]:
        typical = float(w[hit].mean())
        dense = texture.image.shape[0] / height / (typical * self.k[1, 1])
        image = texture.level(dense)
        rows, cols = image.shape[:2]
        z = 1 / np.maximum(w, 1e-6, dtype=np.float32)
        map_x, map_y = a * z * np.float32(cols) - 0.5, d * z * np.float32(rows) - 0.5
        return cv2.remap(
            image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def _foliage(self, part: Foliage, box: Box, pose: Array) -> None:
        center = pose[:3, :3] @ part.center + pose[:3, 3]
        plumb = -self.T_camera_odom[:3, 2]
        side = np.cross(plumb, center)
        side *= part.width / np.linalg.norm(side)
        down = plumb * part.height
        found = self._flat(center - 0.5 * side - 0.5 * down, side, down, box)
        if found is None or not found[3].any():
            return
        w, a, d, hit = found
        texels = self._texels(part.texture, w, a, d, hit, part.height)
        hit &= texels[:, :, 3] > 127
        # Alpha over a half also says how far the leaves reach out to the camera.
        bulge = (texels[:, :, 3].astype(np.float32) - 128) * np.float32(part.width / 256)
        z = 1 / np.maximum(w, 1e-6, dtype=np.float32) - bulge
        w = 1 / np.maximum(z, _NEAR_M, dtype=np.float32)
        shade = self.light.ambient + 0.7 * self.light.direct
        color = cv2.convertScaleAbs(texels[:, :, :3], alpha=shade)
        self._write(box, hit, w, color, part.class_id)

    def _solid(self, part: Solid, box: Box, pose: Array, rotation: Array) -> None:
        normals = part.normals @ pose[:3, :3].T
        offsets = part.offsets + normals @ pose[:3, 3]
        facing = np.flatnonzero(offsets < -1e-6)
        if not len(facing):
            return  # the camera is inside
        g = normals / np.where(np.abs(offsets) < 1e-6, 1e-6, offsets)[:, None]
        w = self._linear(g[facing[0]], box)
        face = np.zeros(w.shape, np.uint8)
        for i, plane in enumerate(facing[1:], start=1):
            other = self._linear(g[plane], box)
            face[other < w] = i
            np.minimum(w, other, out=w)
        hit = w > self._patch(self.w, box)
        for plane in np.flatnonzero(offsets >= -1e-6):
            hit &= w >= self._linear(g[plane], box)
        if not hit.any():
            return
        rows, cols = np.nonzero(hit)
        chosen = facing[face[hit]]
        depth = 1 / w[hit]
        points = np.stack(
            [self.ray_x[box[0] + cols] * depth, self.ray_y[box[2] + rows, 0] * depth, depth], 1
        )
        # camera to texel in one step: to_texel @ T_thing_camera
        maps = (part.to_texel @ rigid_inverse(pose)).astype(np.float32)
        dense = part.texels_per_m * float(depth.mean()) / self.k[0, 0]
        image = part.texture.level(dense)
        ratio = image.shape[0] / part.texture.image.shape[0]
        texel = np.einsum('nij,nj->ni', maps[chosen, :, :3], points) + maps[chosen, :, 3]
        texel = (texel * np.float32(ratio)).astype(np.int32)
        np.clip(texel, 0, (image.shape[1] - 1, image.shape[0] - 1), out=texel)
        shade = self.light.on(part.normals @ rotation.T).astype(np.float32)
        color = image[texel[:, 1], texel[:, 0]] * shade[chosen, None]
        self._write_at(box, hit, w, np.minimum(color, 255).astype(np.uint8), part.class_id)

    def _rounds(self, part: Rounds, box: Box, pose: Array, rotation: Array) -> None:
        to_unit = part.to_unit @ pose[:3, :3].T
        start = -np.einsum('pij,pj->pi', to_unit, part.centers @ pose[:3, :3].T + pose[:3, 3])
        ball = np.where(part.flat[:, None], (1.0, 1.0, 0.0), 1.0)  # a cylinder ignores its axis
        c = (start * start * ball).sum(axis=1) - 1.0
        if c.min() <= 1e-6:
            return  # the camera is inside
        start, to_unit = start.astype(np.float32), to_unit.astype(np.float32)
        ray_x = self.ray_x[box[0] : box[1]]
        g = to_unit[..., None, None]
        steps = g[:, :, 0] * ray_x + (g[:, :, 1] * self.ray_y[box[2] : box[3]] + g[:, :, 2])
        # |start * w + step|^2 = w^2, a quadratic in inverse depth; the nearer root is larger.
        weight = ball.astype(np.float32)
        half_b = np.einsum('pi,pihw->phw', start * weight, steps)
        a = np.einsum('pi,pihw,pihw->phw', weight, steps, steps)
        root = half_b * half_b - c.astype(np.float32)[:, None, None] * a
        w = (np.sqrt(np.maximum(root, 0)) - half_b) / c.astype(np.float32)[:, None, None]
        w = np.where(root > 0, w, np.float32(1e-6))
        if part.flat.any():
            along = start[:, 2, None, None] + steps[:, 2] / np.maximum(w, np.float32(1e-6))
            w[part.flat[:, None, None] & (np.abs(along) > 1)] = 1e-6
        which = w.argmax(axis=0)
        w = np.take_along_axis(w, which[None], axis=0)[0]
        hit = (w > self._patch(self.w, box)) & (w > 2e-6)
        if not hit.any():
            return
        rows, cols = np.nonzero(hit)
        chosen = which[hit]
        unit = (start[chosen] + steps[chosen, :, rows, cols] / w[hit][:, None]) * weight[chosen]
        toward = (part.to_unit @ (rotation.T @ self.light.sun)).astype(np.float32)
        toward /= np.linalg.norm(toward, axis=1, keepdims=True)
        lit = np.maximum((unit * toward[chosen]).sum(axis=1), -0.2)
        shade = self.light.ambient * 0.95 + self.light.direct * lit
        color = np.minimum(part.colors[chosen] * shade[:, None], 255).astype(np.uint8)
        self._write_at(box, hit, w, color, part.class_id)

    def _write_at(
        self, box: Box, hit: npt.NDArray[np.bool_], w: Floats, color: Array, class_id: int
    ) -> None:
        np.copyto(self._patch(self.w, box), w, where=hit)
        self._patch(self.mask, box)[hit] = class_id
        self._patch(self.image, box)[hit] = color
