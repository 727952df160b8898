"""Decides what stands where along a street, and how its ground is divided."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from espnet_ros.sim import buildings, furniture, plants
from espnet_ros.sim.cars import car
from espnet_ros.sim.path import Path
from espnet_ros.sim.style import KERB_M, Side, Style
from espnet_ros.sim.textures import Texture
from espnet_ros.sim.things import Placed, Thing

EDGE_M = 22.0  # the ground is drawn to this far on both sides of the drive
_FENCES = {
    'pickets': [(215, 220, 222), (60, 90, 125), (70, 110, 150)],
    'boards': [(60, 92, 128), (80, 115, 150), (95, 105, 115), (45, 65, 90)],
    'railing': [(45, 45, 45), (60, 75, 45), (150, 152, 150)],
}


@dataclass(frozen=True)
class Plot:
    """A piece of ground of one surface, in road coordinates.

    :param surface: 'grass', 'paving', 'asphalt' or 'gravel'.
    """

    s0: float
    s1: float
    u0: float
    u1: float
    surface: str


@dataclass
class Layout:
    """The plan of a street."""

    plots: list[Plot] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    crossings: list[float] = field(default_factory=list)
    side_streets: list[tuple[int, float, float]] = field(default_factory=list)


class Planner:
    """Fills a layout, by chance and by style."""

    def __init__(self, rng: np.random.Generator, path: Path, style: Style) -> None:
        self._rng, self._path, self._style = rng, path, style
        self.layout = Layout()
        self._crowns = plants.foliage_textures(rng, 5)
        self._taken: dict[int, list[tuple[float, float]]] = {1: [], -1: []}
        self._cars = [car(rng) for _ in range(14)]
        self._lamp_color = [(60, 62, 60), (140, 142, 140), (52, 70, 48)][int(rng.integers(3))]

    def plan(self) -> Layout:
        """Return the finished layout."""
        at = self._rng.uniform(25, 60)
        while at < self._path.length_m + 60:
            self.layout.crossings.append(at)
            at += self._rng.uniform(60, 140)
        for side in self._style.sides:
            self._lots(side)
            self._along_kerb(side)
            self._parked(side)
        self._woods()
        return self.layout

    def _put(self, thing: Thing, s: float, u: float, turn: float = 0.0) -> None:
        x, y, heading = self._path.pose(s, u)
        self.layout.placed.append(Placed(thing, x, y, heading + turn))

    def _crown(self) -> Texture:
        return self._crowns[int(self._rng.integers(len(self._crowns)))]

    def _lots(self, side: Side) -> None:
        rng, s = self._rng, self._path.s_min
        kind, left = 'house', 0
        while s < self._path.s_max:
            if left <= 0:
                built = self._style.built
                bare = 1 - built
                chances = [0.45 * built, 0.55 * built, 0.85 * bare, 0.15 * bare + 0.07]
                kind = str(rng.choice(
                    ['terrace', 'house', 'park', 'street'], p=np.array(chances) / sum(chances)))
                left = int(rng.integers(2, 6)) if kind != 'street' else 1
            width = {'terrace': rng.uniform(8, 15), 'house': rng.uniform(11, 19),
                     'park': rng.uniform(10, 18), 'street': rng.uniform(11, 14)}[kind]  # fmt: skip
            middle = s + width / 2
            if kind == 'street' and min(abs(middle - c) for c in self.layout.crossings) < 12:
                kind = 'park'
            getattr(self, f'_{kind}')(side, s, s + width)
            s, left = s + width, left - 1

    def _chord(self, side: Side, s0: float, s1: float, out: float) -> tuple[float, float]:
        """Return how wide a straight front is between these s, and how far it must stand back."""
        kappa = self._path.curvature((s0 + s1) / 2)
        chord = (s1 - s0) * (1 - kappa * side.u(out))
        inner = max(side.out * kappa, 0.0)
        return chord, inner * chord * chord / 8

    def _house_at(self, side: Side, s: float, out: float, thing: Thing) -> None:
        self._put(thing, s, side.u(out), 0.0 if side.out > 0 else math.pi)

    def _terrace(self, side: Side, s0: float, s1: float) -> None:
        rng = self._rng
        width, back = self._chord(side, s0, s1, side.lots_m)
        shop = bool(rng.random() < self._style.shop_share)
        storeys = max(self._style.storeys + int(rng.integers(-1, 2)), 2)
        house = buildings.building(rng, width, 9.0, storeys, shop, bool(rng.random() < 0.55))
        self._house_at(side, (s0 + s1) / 2, side.lots_m + 0.1 + back, house)
        self._plot(side, s0, s1, side.lots_m, side.lots_m + 6, 'paving')

    def _house(self, side: Side, s0: float, s1: float) -> None:
        rng = self._rng
        setback = rng.uniform(3.0, 6.0)
        width, back = self._chord(side, s0, s1, side.lots_m + setback)
        gap = rng.uniform(1.5, 5.0)
        house = buildings.building(rng, width - gap, 8.0, int(rng.integers(1, 3)), False, True)
        middle = (s0 + s1) / 2
        self._house_at(side, middle, side.lots_m + setback + back, house)
        walk = middle + rng.uniform(-2, 2)
        self._plot(side, walk - 0.8, walk + 0.8, side.lots_m, side.lots_m + setback, 'paving')
        if gap > 3:
            surface = 'gravel' if rng.random() < 0.5 else 'paving'
            self._plot(side, s1 - gap + 0.3, s1 - 0.4, side.lots_m, side.lots_m + 9, surface)
            s1 -= gap
        self._border(side, [(s0, walk - 0.8), (walk + 0.8, s1)])
        for _ in range(int(rng.integers(0, 3))):
            thing = plants.bush(rng, self._crown()) if rng.random() < 0.7 else self._tree(4, 7)
            self._put(thing, rng.uniform(s0 + 1, s1 - 1), side.u(side.lots_m + 1.6))

    def _park(self, side: Side, s0: float, s1: float) -> None:
        rng = self._rng
        if rng.random() < 0.55:
            self._border(side, [(s0, s1)])
        for _ in range(int(rng.integers(2, 6))):
            out = side.lots_m + rng.uniform(2.0, 14.0)
            thing = self._tree(6, 12) if rng.random() < 0.7 else plants.bush(rng, self._crown())
            self._put(thing, rng.uniform(s0, s1), side.u(out))

    def _street(self, side: Side, s0: float, s1: float) -> None:
        walk = 2.0
        for a, b, surface in ((s0, s1, 'paving'), (s0 + walk, s1 - walk, 'asphalt')):
            start = 0.0 if surface == 'asphalt' else side.lots_m
            self._plot(side, a, b, start, 60.0, surface)
        self.layout.side_streets.append((side.out, s0 + walk, s1 - walk))
        self._taken[side.out].append((s0 - 3, s1 + 3))

    def _border(self, side: Side, spans: list[tuple[float, float]]) -> None:
        """Fence or hedge along the pavement."""
        rng = self._rng
        kind = str(rng.choice(['pickets', 'boards', 'railing', 'hedge', 'none'],
                              p=[0.22, 0.22, 0.26, 0.2, 0.1]))  # fmt: skip
        if kind == 'none':
            return
        height = rng.uniform(0.8, 1.7)
        color = _FENCES[kind][int(rng.integers(3))] if kind != 'hedge' else (0, 0, 0)
        for s0, s1 in spans:
            pieces = max(math.ceil((s1 - s0) / 6.0), 1)
            step = (s1 - s0) / pieces
            if step < 0.6:
                continue
            for i in range(pieces):
                a, b = s0 + i * step, s0 + (i + 1) * step
                out = side.lots_m + (0.45 if kind == 'hedge' else 0.12)
                length, back = self._chord(side, a, b, out)
                if kind == 'hedge':
                    thing = plants.hedge(rng, self._crowns[0], length, height)
                else:
                    thing = furniture.fence(rng, kind, length, color)
                self._put(thing, (a + b) / 2, side.u(out + back))

    def _plot(
        self, side: Side, s0: float, s1: float, out0: float, out1: float, surface: str
    ) -> None:
        u0, u1 = sorted((side.u(out0), side.u(out1)))
        self.layout.plots.append(Plot(s0, s1, u0, u1, surface))

    def _tree(self, low: float, high: float) -> Thing:
        return plants.tree(self._rng, self._crown(), self._rng.uniform(low, high))

    def _free(self, side: Side, s: float, room: float) -> bool:
        taken = self._taken[side.out]
        if any(a - room < s < b + room for a, b in taken):
            return False
        taken.append((s - room, s + room))
        return True

    def _along_kerb(self, side: Side) -> None:
        """Lamps, signs, trees and bollards between kerb and pavement."""
        rng = self._rng
        out = KERB_M + (0.5 * side.verge_m if side.verge_m else 0.3)
        away = 0.0 if side.out < 0 else math.pi  # signs face their own lane
        for crossing in self.layout.crossings:
            at = crossing + side.out * 3.2
            if self._free(side, at, 0.5):
                lights = rng.random() < 0.5
                thing = furniture.traffic_light(rng) if lights else furniture.sign(rng)
                self._put(thing, at, side.u(out), away)
            self._taken[side.out].append((crossing - 3, crossing + 3))
        chances = (
            (26.0, 34.0, 1.0, 'lamp'), (14.0, 34.0, 0.9, 'sign'),
            (7.0, 13.0, self._style.tree_share, 'tree'), (5.0, 9.0, 0.25, 'bollard'),
        )  # fmt: skip
        for low, high, chance, kind in chances:
            s = self._path.s_min + rng.uniform(0, high)
            while s < self._path.s_max:
                if rng.random() < chance and self._free(side, s, 1.0):
                    if kind == 'lamp':
                        turn = -side.out * math.pi / 2
                        self._put(furniture.lamp(rng, self._lamp_color), s, side.u(out), turn)
                    elif kind == 'sign':
                        self._put(furniture.sign(rng), s, side.u(out), away)
                    elif kind == 'tree' and (side.verge_m or side.pavement_m > 2.2):
                        self._put(self._tree(5.5, 10), s, side.u(out + 0.25))
                    elif kind == 'bollard':
                        self._put(furniture.bollard(self._lamp_color), s, side.u(KERB_M + 0.25))
                s += rng.uniform(low, high)

    def _parked(self, side: Side) -> None:
        if not side.parking_m:
            return
        rng, s = self._rng, self._path.s_min
        blocked = [(c - 8, c + 8) for c in self.layout.crossings]
        blocked += [(a - 5, b + 5) for out, a, b in self.layout.side_streets if out == side.out]
        while s < self._path.s_max:
            if rng.random() < 0.55 and not any(a < s < b for a, b in blocked):
                turn = (0.0 if side.out < 0 else math.pi) + rng.normal(0, 0.02)
                thing = self._cars[int(rng.integers(len(self._cars)))]
                self._put(thing, s, side.u(-1.05 + rng.normal(0, 0.05)), turn)
            s += rng.uniform(5.9, 7.5)

    def _woods(self) -> None:
        color = tuple(0.8 * np.array(self._style.grass))
        texture = plants.belt_texture(self._rng, color)
        for out in (1, -1):
            s = self._path.s_min
            while s < self._path.s_max + 30:
                self._put(plants.belt(texture, 46.0, self._rng.uniform(9, 13)), s, out * 38.0)
                s += 24.0
        end = plants.belt(texture, 90.0, 12.0)
        self._put(end, self._path.s_max + 10, 0.0, math.pi / 2)
