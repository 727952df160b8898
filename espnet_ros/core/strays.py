"""Removes strays: contacts that only rounding makes, behind the upright edges of things.

A ray on the ground and everything above it are one line in the image, so a ray that just misses a
thing runs along its upright edge, within half a pixel. Its places are read alternately from pixels
of the thing and from pixels beside it. The first pixel of the thing looks like a contact: anywhere
in the area that the thing hides, metres too far.

Such a contact is alone: the ray on one side meets the thing itself, nearer, and still shows it at
the contact; the ray on the other side goes past. If something really stands there, one of the two
rays meets it at about the same range, or it is seen over something nearer: beside a pole behind a
low wall, or on a lawn, other rays meet wall or lawn first, too, but show ground or lawn there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from espnet_ros.core.arrays import Floats, Indices, UInt8Array

# "About the same range", unless a pixel or a wall along the line of sight spans more.
_AS_FAR_M = 0.25
# How much farther the next ray meets a wall depends on how near the wall's line passes the
# camera's foot: if it is nearer than this, the far part of the wall is taken for strays.
_PAST_WALL_M = 0.3


@dataclass(frozen=True, eq=False)
class StrayFilter:
    """Finds stray contacts on the rays of a fan.

    :param beside: intp (2, A), for each ray those a pixel or more to either side, -1 for none.
    :param as_far: intp (R,), for each place how many places count as about the same range.
    """

    beside: Indices
    as_far: Indices

    def without_strays(self, met: Indices, kinds: UInt8Array) -> Indices:
        """Return the contacts that are not strays.

        :param met: ray * R + place of each contact, (N,), ascending.
        :param kinds: the kind seen at each place, (rays * R,): a thing is of one kind all over.
        """
        places = len(self.as_far)
        ray, place = np.divmod(met, places)
        low = np.maximum(place - self.as_far[place], 0)
        high = np.minimum(place + self.as_far[place], places - 1)
        is_behind, is_held = np.zeros((2, len(met)), bool)
        for side in self.beside:
            # A missing ray, -1, lies before the first place of all, where there are no contacts.
            first = side[ray] * places
            start = np.searchsorted(met, first + low)
            is_nearer = start > np.searchsorted(met, first)
            is_behind |= is_nearer & (kinds[np.maximum(first + place, 0)] == kinds[met])
            is_held |= np.searchsorted(met, first + high, 'right') > start
        return met[is_held | ~is_behind]


def stray_filter(
    rays: Indices, count: int, ranges_m: Floats, height_m: float, focal_px: float
) -> StrayFilter:
    """Return the filter of a fan.

    :param rays: which of the `count` rays all around the fan has, (A,).
    :param ranges_m: of its places, (R,), evenly spaced.
    :param height_m: of the camera above the foot.
    :param focal_px: of the camera.
    """
    # If rays are closer than pixels, several of them run along one edge.
    apart = math.ceil(count / (2 * math.pi * focal_px))
    at = np.full(count, -1, np.intp)
    at[rays] = np.arange(len(rays))
    beside = at[np.stack([rays - apart, rays + apart]) % count]
    step_m = ranges_m[1] - ranges_m[0] if len(ranges_m) > 1 else 1.0
    pixel_m = (ranges_m**2 + height_m**2) / (height_m * focal_px)
    wall_m = ranges_m**2 * (2 * math.pi * apart / count) / _PAST_WALL_M
    as_far_m = np.maximum(_AS_FAR_M, np.maximum(pixel_m, wall_m))
    return StrayFilter(beside, np.ceil(as_far_m / step_m).astype(np.intp))
