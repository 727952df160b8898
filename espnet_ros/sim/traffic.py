"""Who moves on the street; their places depend on the seed and the time alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from espnet_ros.sim.cars import car
from espnet_ros.sim.path import Path
from espnet_ros.sim.people import GAIT_PHASES, cyclist, pedestrian
from espnet_ros.sim.style import KERB_M, Style
from espnet_ros.sim.things import Placed, Thing

_T = TypeVar('_T')


@dataclass(frozen=True, eq=False)
class Mover:
    """Somebody who goes along the street at a constant speed.

    :param phases: what to draw, one for each phase of the gait.
    :param s0: where at time 0, metres. :param speed: m/s along s, its sign the direction.
    :param u: lateral place, metres. :param stride_m: distance covered in one round of phases.
    :param span: the stretch (from, to) of s that is travelled over and over, metres.
    """

    phases: tuple[Thing, ...]
    s0: float
    speed: float
    u: float
    stride_m: float
    span: tuple[float, float]

    def at(self, path: Path, time: float) -> Placed:
        """Return it at a time in seconds."""
        way = self.speed * time
        low, high = self.span
        s = low + (self.s0 + way - low) % (high - low)
        sway = 0.06 * math.sin(0.5 * time + self.s0) if len(self.phases) > 1 else 0.0
        x, y, heading = path.pose(s, self.u + sway)
        phase = int(abs(way) / self.stride_m * len(self.phases)) % len(self.phases)
        return Placed(self.phases[phase], x, y, heading + (math.pi if self.speed < 0 else 0.0))


@dataclass(frozen=True, eq=False)
class Crosser:
    """Somebody who waits at a crossing and walks over before the robot comes.

    :param phases: what to draw, one for each phase of the gait.
    :param s: where along the street, metres.
    :param u_from: lateral place of the start, metres. :param u_to: of the end, metres.
    :param start: when the first step is made, seconds.
    """

    phases: tuple[Thing, ...]
    s: float
    u_from: float
    u_to: float
    start: float

    def at(self, path: Path, time: float) -> Placed:
        """Return it at a time in seconds."""
        way = min(max((time - self.start) * 1.35, 0.0), abs(self.u_to - self.u_from))
        going = 0.0 < way < abs(self.u_to - self.u_from)
        sign = math.copysign(1.0, self.u_to - self.u_from)
        x, y, heading = path.pose(self.s, self.u_from + sign * way)
        phase = int(way / 1.3 * GAIT_PHASES) % GAIT_PHASES if going else 0
        return Placed(self.phases[phase], x, y, heading + sign * math.pi / 2)


def make_traffic(
    rng: np.random.Generator, path: Path, style: Style, crossings: list[float], speed: float
) -> list[Mover | Crosser]:
    """Return everybody on the move.

    :param speed: m/s of the robot, so that nobody is run over on an ordinary drive.
    """
    span = (path.s_min, path.s_max)
    movers: list[Mover | Crosser] = []
    cars, walkers = [car(rng) for _ in range(8)], [pedestrian(rng) for _ in range(14)]

    def add(phases: list[Thing], pace: float, u: float, s: float, stride: float) -> None:
        movers.append(Mover(tuple(phases), s, pace, u, stride, span))

    s = rng.uniform(15, 50)
    while s < path.s_max:
        add([_one(rng, cars)], -8.0, style.lane_m + rng.normal(0, 0.1), s, 1.0)
        s += rng.uniform(18, 70)
    if rng.random() < 0.6:
        add([_one(rng, cars)], speed, rng.normal(0, 0.1), rng.uniform(13, 30), 1.0)
    for _ in range(int(rng.integers(3, 7))):
        edge = style.sides[1].u(-style.sides[1].parking_m - 0.45)
        add(cyclist(rng), speed * rng.uniform(0.75, 1.1), max(edge, -1.35),
            rng.uniform(8, path.length_m), 4.5)  # fmt: skip
    if rng.random() < 0.6:  # one that stays in view
        add(cyclist(rng), speed * rng.uniform(0.98, 1.02), -1.25, rng.uniform(7, 15), 4.5)
    for _ in range(int(rng.integers(2, 5))):
        edge = style.sides[0].u(-style.sides[0].parking_m - 0.35)
        add(cyclist(rng), -rng.uniform(3.5, 5.5), edge, rng.uniform(20, path.s_max), 4.5)
    for side in style.sides:
        s = path.s_min
        while s < path.s_max:
            low, high = side.lots_m - side.pavement_m + 0.9, side.lots_m - 0.35
            u = side.u(rng.uniform(min(low, high - 0.1), high))
            pace = float(rng.choice([-1.0, 1.0])) * rng.uniform(0.9, 1.6)
            people = int(rng.choice([1, 1, 2]))
            for i in range(people):
                add(_one(rng, walkers), pace, u - side.out * 0.55 * i * (low + 0.6 < high),
                    s + 0.9 * i * (low + 0.6 >= high), 1.35)  # fmt: skip
            s += rng.uniform(5, 24)
    return movers + _crossers(rng, style, crossings, speed, walkers)


def _one(rng: np.random.Generator, many: Sequence[_T]) -> _T:
    return many[int(rng.integers(len(many)))]


def _crossers(
    rng: np.random.Generator, style: Style, crossings: list[float], speed: float,
    walkers: list[list[Thing]],
) -> list[Mover | Crosser]:  # fmt: skip
    people: list[Mover | Crosser] = []
    left, right = (side.u(KERB_M + 0.4) for side in style.sides)
    for s in crossings:
        for _ in range(int(rng.integers(0, 3))):
            a, b = (left, right) if rng.random() < 0.5 else (right, left)
            over = abs(a - b) / 1.35
            start = s / speed - over - 12.0 / speed - rng.uniform(0, 3)
            people.append(
                Crosser(tuple(_one(rng, walkers)), s + rng.uniform(-1.4, 1.4), a, b, start)
            )
    return people
