"""Things that touch less ground than they cover: a bicycle on two tyres, a person on two feet.

In a picture such a thing has two kinds of lower edges. Where it stands, the edge is on the
ground, but inside of the thing's outline. Between and beside these places, the edge floats above
the ground, and its projection onto the ground plane is too far away.
"""

from __future__ import annotations

import math

import numpy as np

from espnet_ros.core.arrays import Bools, Floats, Indices, UInt8Array
from espnet_ros.core.ground_tables import Fan

# How high frames, pedals and lifted feet float, and how far beside the contact they belong to, in
# overhangs.
_FLOAT_M = 0.5
_BESIDE = 3.0


class Overhang:
    """How far classes reach beyond the points they stand on.

    :param reach_m: by class id, (256,) metres; 0 leaves a class unchanged.
    """

    def __init__(self, reach_m: Floats) -> None:
        self._reach_m = reach_m

    def standing(
        self, ray: Indices, place: Indices, class_ids: UInt8Array, fan: Fan
    ) -> Indices:
        """Return the contacts that are not floating edges of a thing that stands nearer.

        :param ray: of the fan, (N,). :param place: on the ray, (N,). :param class_ids: (N,).
        """
        floating = np.zeros(len(ray), bool)
        for class_id in np.flatnonzero(self._reach_m):
            mine = np.flatnonzero(class_ids == class_id)
            if mine.size < 2:  # nothing to float beside; most classes are not in view
                continue
            x, y = fan.directions[ray[mine]].T
            floating[mine] = _floating(
                np.arctan2(y, x), fan.ranges_m[place[mine]], self._reach_m[class_id], fan.height_m
            )
        return np.flatnonzero(~floating)

    def reach_m(self, class_ids: UInt8Array) -> Floats:
        """Return how far classes reach beyond the points they stand on, (N,) metres."""
        return self._reach_m[class_ids]


def _floating(
    angles: Floats, ranges_m: Floats, reach_m: float, height_m: float
) -> Bools:
    """Return which contacts of one class float beside a nearer contact that holds them.

    A noisy mask has tens of thousands of contacts, too many to compare each with each. But they
    are on few rays and at few ranges, so we count for all places of that lattice at once how many
    contacts hold each place.

    :param angles: of their rays, (N,) rad. :param ranges_m: (N,).
    """
    angles, row = np.unique(angles, return_inverse=True)
    places_m, place = np.unique(ranges_m, return_inverse=True)
    # A contact holds a range of rays: +1 at the first ray, -1 after the last.
    holding = np.zeros((len(angles) + 1, len(places_m) + 1), np.int32)
    # A thing is beside a ray if it is this near to it: at most a quarter turn away.
    wide = np.arcsin(np.minimum(1.0, _BESIDE * reach_m / ranges_m))
    for turn in (-2 * math.pi, 0.0, 2 * math.pi):
        middle = angles[row] + turn
        np.add.at(holding, (np.searchsorted(angles, middle - wide, 'right'), place + 1), 1)
        np.add.at(holding, (np.searchsorted(angles, middle + wide, 'left'), place + 1), -1)
    np.cumsum(holding, axis=0, out=holding)
    np.cumsum(holding, axis=1, out=holding)
    # If the holding place were nearer than this, the edge would be higher than things float.
    lowest_m = ranges_m * (1.0 - _FLOAT_M / height_m)
    first = np.searchsorted(places_m, lowest_m, 'right')
    last = np.searchsorted(places_m, ranges_m - 0.5 * reach_m, 'left')
    return holding[row, last] > holding[row, np.minimum(first, last)]
