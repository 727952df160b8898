"""Limits how many masks of a camera go into the grid, by their stamps and by the grid's clock."""

from __future__ import annotations

import math

from espnet_ros.core.rate_limit import RateLimit

# In periods: above 1, so that masks that are late now and then do not pass more often, and below
# 2, because a mask stays fresh for at least two periods.
_LONGEST_WAIT = 1.5


class MaskRate:
    """Lets masks through at a rate of their stamps, but never lets the grid become stale.

    The rate goes by stamps, so that a recording played faster fills the grid just as densely. But
    the grid ages in real seconds if a recording is played slowly without /clock: a period of its
    stamps may then take longer than a mask stays fresh.
    """

    def __init__(self) -> None:
        self._limit = RateLimit()
        self._passed_s = -math.inf

    def allows(self, stamp_s: float, now_s: float, rate_hz: float) -> bool:
        """Return whether a mask may go into the grid; if so, it counts as used.

        :param stamp_s: of its image.
        :param now_s: of the clock by which masks age; if it goes back, only stamps count.
        :param rate_hz: more than 0.
        """
        if not self._limit.allows(stamp_s, rate_hz):
            if now_s - self._passed_s < _LONGEST_WAIT / rate_hz:
                return False
            # This mask uses the slot of the next one.
            self._limit = RateLimit()
            self._limit.allows(stamp_s, rate_hz)
        self._passed_s = now_s
        return True
