"""The ground as a picture in road coordinates: what class and colour each 5 cm of it has."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.sim.layout import EDGE_M, Layout
from espnet_ros.sim.parts import PAVEMENT, ROAD, TREE
from espnet_ros.sim.path import Path
from espnet_ros.sim.style import KERB_M, Side, Style
from espnet_ros.sim.textures import Image, asphalt, grass, half, noise, slabs, tiled
from espnet_ros.sim.things import Placed

CELL_M = 0.05
_TILE = 512
_CLASSES = {'grass': TREE, 'paving': PAVEMENT, 'asphalt': ROAD, 'gravel': PAVEMENT}


class Ground:
    """Class and colour of the plane z = 0.

    :param rng: decides textures and wear.
    """

    def __init__(
        self, rng: np.random.Generator, path: Path, style: Style, layout: Layout
    ) -> None:
        self._path, self._style = path, style
        shape = (int(2 * EDGE_M / CELL_M), int((path.s_max - path.s_min) / CELL_M))
        self.classes = np.full(shape, TREE, np.uint8)
        self._surfaces = _tiles(rng, style)
        self._image = tiled(self._surfaces['grass'], shape)
        self._cross_section(layout)
        self._paint(rng, layout)
        self._shade(layout.placed)
        self.levels: list[Image] = [self._image]
        for _ in range(5):
            self.levels.append(half(self.levels[-1]))
        detail = 1 + 0.09 * noise(rng, (256, 256), 64, 128, 256)
        self.detail = np.pad(np.clip(detail, 0.5, 1.5), (0, 1), mode='wrap').astype(np.float32)
        del self._image

    def class_at(
        self, s: npt.NDArray[np.floating], u: npt.NDArray[np.floating]
    ) -> Image:
        """Return the class ids of points in road coordinates, arrays of one shape."""
        rows, cols = self.classes.shape
        col = np.clip((s - self._path.s_min) / CELL_M, 0, cols - 1).astype(np.int32)
        row = np.clip((u + EDGE_M) / CELL_M, 0, rows - 1).astype(np.int32)
        return self.classes[row, col]

    def texel(self, s: float, u: float) -> tuple[int, int]:
        """Return column and row of a point in the finest picture."""
        return round((s - self._path.s_min) / CELL_M), round((u + EDGE_M) / CELL_M)

    def _fill(self, s0: float, s1: float, u0: float, u1: float, surface: str) -> None:
        (c0, r0), (c1, r1) = self.texel(s0, min(u0, u1)), self.texel(s1, max(u0, u1))
        c0, r0 = max(c0, 0), max(r0, 0)
        part = self.classes[r0:r1, c0:c1]
        if part.size:
            part[:] = _CLASSES[surface]
            tile = self._surfaces[surface]
            rows = np.arange(r0, r0 + part.shape[0]) % _TILE
            cols = np.arange(c0, c0 + part.shape[1]) % _TILE
            self._image[r0:r1, c0:c1] = tile[rows[:, None], cols]

    def _cross_section(self, layout: Layout) -> None:
        s0, s1 = self._path.s_min, self._path.s_max
        left, right = self._style.sides
        self._fill(s0, s1, right.kerb_u, left.kerb_u, 'asphalt')
        for side in (left, right):
            inner = side.lots_m - side.pavement_m
            self._fill(s0, s1, side.u(inner), side.u(side.lots_m), 'paving')
        for plot in layout.plots:
            self._fill(plot.s0, plot.s1, plot.u0, plot.u1, plot.surface)
        for side in (left, right):
            self._kerb(side, layout)

    def _kerb(self, side: Side, layout: Layout) -> None:
        self._fill(self._path.s_min, self._path.s_max, side.u(0), side.u(KERB_M), 'paving')
        rows = sorted((self.texel(0, side.u(0))[1], self.texel(0, side.u(KERB_M))[1]))
        stone = self._image[rows[0] : rows[1]]
        stone[:] = np.clip(stone * 0.5 + 85, 0, 255)
        stone[:, ::20] = (stone[:, ::20] * 0.7).astype(np.uint8)
        gutter = rows[0] - 2 if side.out > 0 else rows[1]
        wet = self._image[gutter : gutter + 2]
        wet[:] = (wet * 0.72).astype(np.uint8)
        for out, s0, s1 in layout.side_streets:
            if out == side.out:
                self._fill(s0, s1, side.u(-0.2), side.u(KERB_M + 0.1), 'asphalt')
        for at in layout.crossings:  # the verge is paved where people cross
            self._fill(at - 2.2, at + 2.2, side.u(KERB_M), side.u(side.lots_m), 'paving')

    def _paint(self, rng: np.random.Generator, layout: Layout) -> None:
        """Draw markings, manholes and mended spots; none changes the class."""
        style, s_min, s_max = self._style, self._path.s_min, self._path.s_max
        self._scars(rng)
        paint = np.zeros(self.classes.shape, np.uint8)

        def stripe(s0: float, s1: float, u0: float, u1: float) -> None:
            (c0, r0), (c1, r1) = self.texel(s0, min(u0, u1)), self.texel(s1, max(u0, u1))
            paint[max(r0, 0) : r1, max(c0, 0) : c1] = 255

        half = style.lane_m / 2
        if style.centre_line:
            dash, gap = (3.0, 6.0) if rng.random() < 0.6 else (6.0, 3.0)
            for s in np.arange(s_min, s_max, dash + gap):
                stripe(s, s + dash, half - 0.06, half + 0.06)
        for side in style.sides:
            edge = side.u(-side.parking_m if side.parking_m else -0.25)
            if style.edge_lines or side.parking_m:
                stripe(s_min, s_max, edge - 0.05, edge + 0.05)
        for at in layout.crossings:
            low, high = style.sides[1].kerb_u + 0.2, style.sides[0].kerb_u - 0.3
            paint[self.texel(0, low)[1] : self.texel(0, high)[1],
                  self.texel(at - 3.4, 0)[0] : self.texel(at + 3.4, 0)[0]] = 0
            for u in np.arange(low, high, 1.0):
                stripe(at - 1.8, at + 1.8, u, u + 0.5)
            stripe(at - 3.1, at - 2.8, -half + 0.1, half - 0.1)
        wear = noise(rng, (_TILE, _TILE), 60, 170, 400)
        cover = tiled(np.clip(1.15 - style.worn + 0.35 * wear, 0.15, 1)[:, :, None], paint.shape)
        where = (paint > 0) & (self.classes == ROAD)
        share = cover[where] * np.float32(0.92)
        self._image[where] = (self._image[where] * (1 - share) + 232 * share).astype(np.uint8)

    def _scars(self, rng: np.random.Generator) -> None:
        road = self.classes == ROAD
        spots = np.full(road.shape, 128, np.uint8)
        length, right = self._path.s_max - self._path.s_min, self._style.sides[1].kerb_u
        width = self._style.sides[0].kerb_u - right
        for _ in range(int(length / 14)):
            s = self._path.s_min + rng.uniform(0, length)
            at = self.texel(s, right + rng.uniform(0, width))
            kind = rng.random()
            if kind < 0.3:
                cv2.circle(spots, at, 7, 62, -1)
                cv2.circle(spots, at, 7, 40, 1)
            elif kind < 0.65:
                size = rng.integers((20, 8), (110, 34))
                tone = int(rng.integers(88, 150))
                cv2.rectangle(spots, at, (at[0] + int(size[0]), at[1] + int(size[1])), tone, -1)
            else:
                walk = np.cumsum(rng.normal((3, 0), (2, 4), (40, 2)), axis=0) + at
                cv2.polylines(spots, [walk.astype(np.int32)], False, 70, 1)
        spots[~road] = 128
        self._image = cv2.multiply(self._image, cv2.merge([spots] * 3), scale=1 / 128)

    def _shade(self, placed: list[Placed]) -> None:
        """Darken where things block the light: under them, and where they block the sun."""
        light = self._style.light
        shadow: Image = np.full(self.classes.shape, 255, np.uint8)
        drop = -light.sun[:2] / max(float(light.sun[2]), 0.2)
        dark = int(255 * light.ambient / (light.ambient + light.direct * light.sun[2]))
        for item in placed:
            if self._style.sunny and item.thing.height_m > 0.5:
                self._polygon(shadow, _cast(item, drop), dark)
        shadow = cv2.GaussianBlur(shadow, (0, 0), 1.2)
        contact: Image = np.full(self.classes.shape, 255, np.uint8)
        for item in placed:
            self._polygon(contact, item.footprint, 120)
        contact = cv2.blur(contact, (17, 17))
        both = cv2.multiply(shadow, contact, scale=1 / 255)
        lit = float(light.on(np.array([0.0, 0.0, 1.0])))
        self._image = cv2.multiply(self._image, cv2.merge([both] * 3), scale=lit / 255)

    def _polygon(self, picture: Image, xy: npt.NDArray[np.float64], value: int) -> None:
        s, u = self._path.to_road(xy[:, 0].copy(), xy[:, 1].copy())
        if np.ptp(s) < 80 and np.abs(u).min() < EDGE_M:
            texels = np.stack([(s - self._path.s_min) / CELL_M, (u + EDGE_M) / CELL_M], 1)
            cv2.fillConvexPoly(picture, np.round(texels).astype(np.int32), value)


def _cast(item: Placed, drop: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    low, high, xy = 0.0, item.thing.height_m, item.footprint
    if item.thing.soft_shadow:  # a crown, not the trunk it stands on
        low = 0.25 * high
        angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        xy = np.array([item.x, item.y]) + 0.3 * high * np.stack([np.cos(angle), np.sin(angle)], 1)
    both = np.concatenate([xy + low * drop, xy + high * 0.95 * drop]).astype(np.float32)
    return cv2.convexHull(both).reshape(-1, 2).astype(np.float64)


def _tiles(rng: np.random.Generator, style: Style) -> dict[str, Image]:
    cell = int(style.slab_m / CELL_M)
    return {
        'asphalt': asphalt(rng, _TILE, style.asphalt),
        'paving': slabs(rng, _TILE, style.paving, (cell, max(cell // 2, 8)), 0.72),
        'grass': grass(rng, _TILE, style.grass),
        'gravel': asphalt(rng, _TILE, (130, 150, 165)),
    }
