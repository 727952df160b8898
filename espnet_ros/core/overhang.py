"""Things that stand on less than they cover: a bicycle on two tyres, a person on two feet.

In a picture such a thing has two kinds of lower edges. Where it stands, the edge is on the
ground, but inside of the thing's outline. Between and beside, the edge floats, and the plane puts
it too far away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from espnet_ros.core.ground_tables import Fan

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# How high frames, pedals and lifted feet float, and how far beside what they belong to, in
# overhangs.
_FLOAT_M = 0.5
_BESIDE = 3.0


class Overhang:
    """How far classes reach beyond the points they stand on.

    :param reach_m: by class id, (256,) metres; 0 leaves a class alone.
    """

    def __init__(self, reach_m: Floats) -> None:
        self._reach_m = reach_m

    def standing(
        self, ray: Indices, place: Indices, class_ids: npt.NDArray[np.uint8], fan: Fan
    ) -> Indices:
        """Return which contacts are not the floating edges of a thing that stands nearer.

        :param ray: of the fan, (N,). :param place: on the ray, (N,). :param class_ids: (N,).
        """
        floating = np.zeros(len(ray), bool)
        for class_id in np.flatnonzero(self._reach_m):
            mine = np.flatnonzero(class_ids == class_id)
            reach, ranges = self._reach_m[class_id], fan.ranges_m[place[mine]]
            across = fan.directions[ray[mine]]
            sine = across[:, :1] * across[None, :, 1] - across[:, 1:] * across[None, :, 0]
            beside = np.abs(sine) * ranges < _BESIDE * reach
            # Seen over the nearer one's place, the edge would be this high.
            height = fan.height_m * (1.0 - ranges / ranges[:, None])
            nearer = ranges < ranges[:, None] - 0.5 * reach
            floating[mine] = (beside & nearer & (height < _FLOAT_M)).any(axis=1)
        return np.flatnonzero(~floating)

    def spread(
        self, points: Floats, class_ids: npt.NDArray[np.uint8], resolution_m: float
    ) -> tuple[Floats, Indices]:
        """Return points and those in a disc about each, and which one each belongs to.

        :param points: (N, 2) metres. :param class_ids: (N,).
        :param resolution_m: of the cells that are to be hit.
        """
        reach_m = self._reach_m[class_ids]
        wide = np.flatnonzero(reach_m > 0)
        own = np.arange(len(points))
        if not wide.size:
            return points, own
        steps = np.arange(0.0, float(reach_m.max()) + 1e-9, 0.7 * resolution_m)
        line = np.concatenate([-steps[:0:-1], steps])
        disc = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        source, offset = np.nonzero(np.hypot(*disc.T) <= reach_m[wide, None])
        source = wide[source]
        return np.concatenate([points, points[source] + disc[offset]]), np.append(own, source)
