"""What one street is like: its cross-section, its colours and its weather, all by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from espnet_ros.sim.canvas import Light
from espnet_ros.sim.textures import Color

KERB_M = 0.16


@dataclass(frozen=True)
class Side:
    """One side of the road; `out` is +1 on the left, -1 on the right.

    Outwards from the middle come the parking strip, the kerb, grass, pavement and the lots.

    :param kerb_u: where the carriageway ends, metres to the left of the path.
    """

    out: int
    kerb_u: float
    parking_m: float
    verge_m: float
    pavement_m: float

    def u(self, outwards: float) -> float:
        """Return the u of a point this far beyond the carriageway's edge, both metres."""
        return self.kerb_u + self.out * outwards

    @property
    def lots_m(self) -> float:
        """Return where the pavement ends, metres beyond the carriageway's edge."""
        return KERB_M + self.verge_m + self.pavement_m


@dataclass(frozen=True)
class Style:
    """All that is the same along one street; colours are BGR, 0 to 255.

    :param lane_m: width of a lane.
    :param sides: left and right.
    :param slab_m: length of a paving slab.
    :param worn: how worn the paint on the road is, 0 to 1.
    :param light: of sun and sky.
    :param sunny: things cast shadows.
    :param zenith: colour of the sky above.
    :param horizon: colour of the sky at the horizon, and of haze.
    :param clouds: how many a sunny sky has, 0 to 1.
    :param haze_m: distance at which 1/e of a thing's colour is left.
    :param gains: factors of the camera for blue, green and red.
    :param gamma: exponent of its tone curve.
    :param tree_share: share of the places for trees that have one, 0 to 1.
    :param shop_share: share of the terraced houses that have a shop, 0 to 1.
    :param storeys: of a house, give or take one.
    :param built: the higher, the more lots are houses rather than parks and side streets, 0 to 1.
    """

    lane_m: float
    sides: tuple[Side, Side]
    asphalt: Color
    paving: Color
    slab_m: float
    grass: Color
    centre_line: bool
    edge_lines: bool
    worn: float
    light: Light
    sunny: bool
    zenith: Color
    horizon: Color
    clouds: float
    haze_m: float
    gains: Color
    gamma: float
    tree_share: float
    shop_share: float
    storeys: int
    built: float


def make_style(rng: np.random.Generator) -> Style:
    """Return a street's style."""
    lane = rng.uniform(2.8, 3.7)
    sides = []
    for out in (1, -1):
        parking = 2.1 if rng.random() < 0.6 else 0.0
        edge = 1.5 * lane if out > 0 else 0.5 * lane
        verge = rng.uniform(0.8, 2.2) if rng.random() < 0.45 else 0.0
        sides.append(Side(out, out * (edge + parking), parking, verge, rng.uniform(1.6, 3.6)))
    gray, warm = rng.uniform(72, 128), rng.uniform(-6, 6)
    paving = rng.uniform(115, 185) * np.array([1, 1, 1]) * (
        (1, 1, 1) if rng.random() < 0.6 else rng.uniform((0.7, 0.85, 1), (0.95, 0.98, 1.1))
    )
    green = rng.uniform(80, 128)
    sunny = bool(rng.random() < 0.62)
    return Style(
        lane_m=lane,
        sides=(sides[0], sides[1]),
        asphalt=(gray - warm, gray, gray + warm),
        paving=tuple(paving),
        slab_m=float(rng.choice([0.4, 0.8, 1.6])),
        grass=(rng.uniform(30, 55), green, rng.uniform(0.6, 0.95) * green),
        centre_line=bool(rng.random() < 0.75),
        edge_lines=bool(rng.random() < 0.35),
        worn=rng.uniform(0.0, 0.6),
        light=_light(rng, sunny),
        sunny=sunny,
        zenith=(rng.uniform(170, 225), rng.uniform(120, 160), rng.uniform(70, 110))
        if sunny
        else tuple(rng.uniform(150, 215) * np.array([1.04, 1.0, 0.97])),
        horizon=tuple(rng.uniform(205, 245) * np.array([1.0, 0.985, 0.96])),
        clouds=rng.uniform(0.0, 1.0),
        haze_m=rng.uniform(180, 500) if rng.random() < 0.8 else rng.uniform(80, 160),
        gains=tuple(rng.uniform(0.85, 1.15) * rng.uniform(0.95, 1.05, 3)),
        gamma=rng.uniform(0.75, 1.12),
        tree_share=rng.uniform(0.25, 0.9),
        shop_share=rng.uniform(0.0, 0.6),
        storeys=int(rng.integers(2, 5)),
        built=rng.uniform(0.45, 0.95),
    )


def _light(rng: np.random.Generator, sunny: bool) -> Light:
    azimuth, height = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(22, 65))
    sun = np.array([
        math.cos(azimuth) * math.cos(height), math.sin(azimuth) * math.cos(height),
        math.sin(height),
    ])  # fmt: skip
    if sunny:
        return Light(sun, rng.uniform(0.45, 0.62), rng.uniform(0.5, 0.72))
    return Light(sun, rng.uniform(0.82, 0.95), rng.uniform(0.05, 0.16))
