"""Limits events to a rate, and comes as near to that rate as the incoming events allow."""

from __future__ import annotations

import math

# In periods: with this tolerance, a camera's images that come a little early keep the rate.
_EARLY = 0.2


class RateLimit:
    """Slots one period apart, each of which lets one event through.

    A slot stays valid for a period, so that of 15 images a second, 10 pass a limit of 10, not
    7.5.
    """

    def __init__(self) -> None:
        self._slot_s = -math.inf
        self._passed_s = -math.inf
        self._now_s = -math.inf

    def allows(self, now_s: float, rate_hz: float) -> bool:
        """Return whether there is a slot now; if so, it is used up.

        :param now_s: seconds of any clock; if it stands still or goes back, slots start anew.
        :param rate_hz: more than 0; a new rate counts from the last event that passed.
        """
        if now_s <= self._now_s:
            self._slot_s = -math.inf
        self._now_s = now_s
        period_s = 1.0 / rate_hz
        # The next slot of this rate is at most this far after the last event that passed.
        self._slot_s = min(self._slot_s, self._passed_s + (1.0 + _EARLY) * period_s)
        if now_s < self._slot_s - _EARLY * period_s:
            return False
        kept = now_s - self._slot_s < period_s
        self._slot_s = (self._slot_s if kept else now_s) + period_s
        self._passed_s = now_s
        return True
