"""No more often than a rate, and as near to it as what comes allows."""

from __future__ import annotations

import math

# What comes in steps of a camera's period, and a little late or early, keeps the rate so.
_EARLY = 0.2


class RateLimit:
    """Slots one period apart, of which each lets one thing through.

    A slot is still good up to a period later, so that of 15 images a second 10 pass a limit of
    10, not 7.5.
    """

    def __init__(self) -> None:
        self._slot_s = -math.inf
        self._passed_s = -math.inf
        self._now_s = -math.inf

    def allows(self, now_s: float, rate_hz: float) -> bool:
        """Tell whether there is a slot now, which is used up then.

        :param now_s: seconds of any clock; where it stands still or goes back, slots are counted
            anew.
        :param rate_hz: more than 0; another one than before counts from what passed last.
        """
        if now_s <= self._now_s:
            self._slot_s = -math.inf
        self._now_s = now_s
        period_s = 1.0 / rate_hz
        # That far ahead of what passed are the slots of this rate, at most.
        self._slot_s = min(self._slot_s, self._passed_s + (1.0 + _EARLY) * period_s)
        if now_s < self._slot_s - _EARLY * period_s:
            return False
        kept = now_s - self._slot_s < period_s
        self._slot_s = (self._slot_s if kept else now_s) + period_s
        self._passed_s = now_s
        return True
