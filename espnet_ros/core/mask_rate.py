"""How many masks of a camera come into the grid: by their stamps, and by the clock of ages."""

from __future__ import annotations

import math

from espnet_ros.core.rate_limit import RateLimit

# Periods. What comes late now and then is not to come more often for it, and two masks in what
# stays fresh leave twice a period.
_LONGEST_WAIT = 1.5


class MaskRate:
    """Lets masks through at a rate of their stamps, and never leaves the grid without one.

    By stamps, so that a recording played faster fills the grid as densely. But one that is played
    slowly without /clock ages in real seconds: what is a period by its stamps may be longer than
    a mask stays fresh.
    """

    def __init__(self) -> None:
        self._limit = RateLimit()
        self._passed_s = -math.inf

    def allows(self, stamp_s: float, now_s: float, rate_hz: float) -> bool:
        """Tell whether a mask may come into the grid, which counts as come then.

        :param stamp_s: of its image.
        :param now_s: of the clock that masks age by; where it goes back, stamps alone count.
        :param rate_hz: more than 0.
        """
        if not self._limit.allows(stamp_s, rate_hz):
            if now_s - self._passed_s < _LONGEST_WAIT / rate_hz:
                return False
            # It takes the turn of the next one.
            self._limit = RateLimit()
            self._limit.allows(stamp_s, rate_hz)
        self._passed_s = now_s
        return True
