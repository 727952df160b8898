"""Casts one ray a pixel against flat, leafy, convex and round parts."""

from __future__ import annotations

import cv2
import numpy as np

from espnet_ros.sim.canvas import NEAR_M, Array, Box, Bytes, Canvas, Flags, Floats, Vector, View
from espnet_ros.sim.parts import Drawn, Foliage, Panel, Rounds, Solid
from espnet_ros.sim.textures import Texture

_BATCH = 40_000  # rays times parts; beyond that each part's own box is worth finding
_NOWHERE = np.float32(1e-6)  # an inverse depth too far to be true


def draw(canvas: Canvas, view: View, translucent: bool = False) -> None:
    """Draw the parts of a thing that nothing drawn so far hides.

    :param translucent: draw only the translucent parts, else only the others.
    """
    thing = view.placed.thing
    if canvas.hides(view.box, view.nearest):
        return
    eye = -view.turn.T @ view.shift
    for part in thing.drawn:
        if isinstance(part, Panel):
            hidden = part.one_sided and part.normal @ (eye - part.origin) <= 0
            if hidden or part.translucent is not translucent:
                continue
        elif translucent:
            continue
        alone = len(thing.drawn) == 1
        box = view.box if alone else canvas.open_box(view.points(part.corners))
        if box is not None:
            _draw_part(canvas, part, box, view)


def _draw_part(canvas: Canvas, part: Drawn, box: Box, view: View) -> None:
    if isinstance(part, Panel):
        _panel(canvas, part, box, view)
    elif isinstance(part, Solid):
        _solid(canvas, part, box, view)
    elif isinstance(part, Foliage):
        _foliage(canvas, part, box, view)
    elif len(part.parts) > 1 and (box[1] - box[0]) * (box[3] - box[2]) * len(part.parts) > _BATCH:
        for single in part.singles:
            own = canvas.open_box(view.points(single.corners))
            if own is not None:
                _rounds(canvas, single, own, view)
    else:
        _rounds(canvas, part, box, view)


def _in_plane(
    across: Vector, down: Vector, corner: Vector
) -> tuple[Vector, Vector, Vector, float]:
    """Solve ray = across * a + down * d + corner * w for a, d and w.

    :returns: three rows to multiply with the ray, and how far the plane is off the camera.
    """
    a, d, c = across, down, corner
    rows = [_cross(d, c), _cross(c, a), _cross(a, d)]
    det = sum(x * y for x, y in zip(rows[2], c, strict=True))
    area = sum(x * x for x in rows[2]) ** 0.5
    scale = 1 / det if det else 0.0
    ga, gd, gw = (tuple(scale * v for v in row) for row in rows)
    return ga, gd, gw, abs(det) / area


def _cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _texels(
    texture: Texture, w: Floats, a: Floats, d: Floats, texels_per_pixel: float, border: int
) -> Bytes:
    image = texture.level(texels_per_pixel)
    rows, cols = image.shape[:2]
    z = 1 / np.maximum(w, _NOWHERE)
    map_x, map_y = a * z * np.float32(cols) - 0.5, d * z * np.float32(rows) - 0.5
    return cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=border)


def _panel(canvas: Canvas, part: Panel, box: Box, view: View) -> None:
    across, down = view.turn @ part.across, view.turn @ part.down
    corner = view.turn @ part.origin + view.shift
    ga, gd, gw, off = _in_plane(across.tolist(), down.tolist(), corner.tolist())
    if off < 1e-3:
        return  # seen edge on
    w, a, d = canvas.linear(gw, box), canvas.linear(ga, box), canvas.linear(gd, box)
    hit = (w > canvas.patch(canvas.w, box)) & (a >= 0) & (a <= w) & (d >= 0) & (d <= w)
    count = np.count_nonzero(hit)
    if not count:
        return
    typical = float(np.einsum('ij,ij', w, hit)) / count
    dense = part.texture.image.shape[0] / (part.height * typical * canvas.focal)
    texels = _texels(part.texture, w, a, d, dense, cv2.BORDER_REPLICATE)
    normal = view.upright @ part.normal
    if part.normal @ (view.turn.T @ corner) > 0:
        normal = -normal  # seen from behind
    shade = part.shade * float(canvas.light.on(normal))
    color = cv2.convertScaleAbs(texels[:, :, :3], alpha=shade)
    if part.translucent:
        alpha = texels[:, :, 3:].astype(np.float32) * np.float32(1 / 255)
        behind = canvas.patch(canvas.image, box).astype(np.float32)
        color = (behind + (color - behind) * alpha).astype(np.uint8)
    elif texels.shape[2] == 4:
        hit &= texels[:, :, 3] > 127
    canvas.write(box, hit, w, color, part.class_id)


def _foliage(canvas: Canvas, part: Foliage, box: Box, view: View) -> None:
    center = (view.turn @ part.center + view.shift).tolist()
    plumb = (-canvas.T_camera_odom[:3, 2]).tolist()
    side = _cross(plumb, center)
    reach = part.width / (sum(v * v for v in side) ** 0.5 or 1.0)
    side, down = [v * reach for v in side], [v * part.height for v in plumb]
    corner = [c - 0.5 * (a + d) for c, a, d in zip(center, side, down, strict=True)]
    ga, gd, gw, off = _in_plane(side, down, corner)
    if off < 0.5 * part.width:
        return  # the camera is among the leaves
    w = canvas.linear(gw, box)
    dense = part.texture.image.shape[0] / part.height * max(center[2], 1.0) / canvas.focal
    a, d = canvas.linear(ga, box), canvas.linear(gd, box)
    texels = _texels(part.texture, w, a, d, dense, cv2.BORDER_CONSTANT)
    hit = (texels[:, :, 3] > 127) & (w > canvas.patch(canvas.w, box))
    # Alpha over a half also says how far the leaves reach out to the camera.
    bulge = (texels[:, :, 3].astype(np.float32) - 128) * np.float32(part.width / 256)
    z = 1 / np.maximum(w, _NOWHERE) - bulge
    shade = canvas.light.ambient + 0.7 * canvas.light.direct
    color = cv2.convertScaleAbs(texels[:, :, :3], alpha=shade)
    canvas.write(box, hit, 1 / np.maximum(z, np.float32(NEAR_M)), color, part.class_id)


def _solid(canvas: Canvas, part: Solid, box: Box, view: View) -> None:
    normals = part.normals @ view.turn.T
    offsets = part.offsets + normals @ view.shift
    outside = offsets < -1e-6
    facing = np.flatnonzero(outside)
    if not len(facing):
        return  # the camera is inside
    g = normals / np.where(np.abs(offsets) < 1e-6, 1e-6, offsets)[:, None]
    # The ray enters at the last plane it meets from outside, before it leaves by any other.
    front = canvas.planes(g[facing], box)
    w = front.min(axis=0)
    hit = (w > canvas.patch(canvas.w, box)) & (w >= canvas.planes(g[~outside], box).max(axis=0))
    if not hit.any():
        return
    rows, cols = np.nonzero(hit)
    chosen = facing[front[:, rows, cols].argmin(axis=0)]
    depth = 1 / w[hit]
    x = canvas.ray_x[box[0] + cols] * depth
    y = canvas.ray_y[box[2] + rows, 0] * depth
    image = part.texture.level(part.texels_per_m * float(depth.mean()) / canvas.focal)
    ratio = image.shape[0] / part.texture.image.shape[0]
    texel = _face_texels(part, view, ratio)[chosen].transpose(1, 2, 0)
    spots = texel[:, 0] * x + texel[:, 1] * y + texel[:, 2] * depth + texel[:, 3]
    col, row = np.clip(spots, 0, [[image.shape[1] - 1], [image.shape[0] - 1]]).astype(np.intp)
    shade = canvas.light.on(part.normals @ view.upright.T).astype(np.float32)
    color = np.minimum(image[row, col] * shade[chosen, None], 255)
    canvas.write(box, hit, w, color.astype(np.uint8), part.class_id)


def _face_texels(part: Solid, view: View, ratio: float) -> Floats:
    """Return for each face what makes texels of points in the optical frame, (P, 2, 4)."""
    turn = part.to_texel[:, :, :3] @ view.turn.T
    shift = part.to_texel[:, :, 3] - turn @ view.shift
    return (np.concatenate([turn, shift[:, :, None]], axis=2) * ratio).astype(np.float32)


def _rounds(canvas: Canvas, part: Rounds, box: Box, view: View) -> None:
    to_unit = part.to_unit @ view.turn.T
    start = -np.einsum('pij,pj->pi', to_unit, view.points(part.centers))
    ball = np.where(part.flat[:, None], (1.0, 1.0, 0.0), 1.0)  # a cylinder ignores its axis
    excess = (start * start * ball).sum(axis=1) - 1.0
    if excess.min() <= 1e-6:
        return  # the camera is inside
    count = len(part.parts)
    steps = canvas.planes(to_unit.reshape(-1, 3), box).reshape(count, 3, box[3] - box[2], -1)
    start, weight = start.astype(np.float32), ball.astype(np.float32)
    w = _nearer_root(steps, start, weight, excess.astype(np.float32)[:, None, None])
    if part.flat.any():
        along = start[:, 2, None, None] + steps[:, 2] / w
        w[part.flat[:, None, None] & (np.abs(along) > 1)] = _NOWHERE
    which = w.argmax(axis=0)
    w = w.max(axis=0)
    hit = (w > canvas.patch(canvas.w, box)) & (w > _NOWHERE)
    if not hit.any():
        return
    rows, cols = np.nonzero(hit)
    chosen = which[hit]
    unit = (start[chosen] + steps[chosen, :, rows, cols] / w[hit][:, None]) * weight[chosen]
    shade = _shading(canvas, part, view, unit, chosen)
    color = np.minimum(part.colors[chosen] * shade[:, None], 255).astype(np.uint8)
    canvas.write(box, hit, w, color, part.class_id)


def _nearer_root(steps: Floats, start: Floats, weight: Floats, excess: Floats) -> Floats:
    """Solve |start * w + step|^2 = w^2; the larger inverse depth is the nearer hit."""
    half_b = np.einsum('pi,pihw->phw', start * weight, steps)
    a = np.einsum('pi,pihw,pihw->phw', weight, steps, steps)
    root = half_b * half_b - excess * a
    w = (np.sqrt(np.maximum(root, 0)) - half_b) / excess
    return np.where((root > 0) & (w > _NOWHERE), w, _NOWHERE)


def _shading(canvas: Canvas, part: Rounds, view: View, unit: Floats, chosen: Flags) -> Array:
    toward = (part.to_unit @ (view.upright.T @ canvas.light.sun)).astype(np.float32)
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    lit = np.maximum((unit * toward[chosen]).sum(axis=1), -0.2)
    return canvas.light.ambient * 0.95 + canvas.light.direct * lit
