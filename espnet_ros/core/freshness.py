"""Whether every camera still feeds the grid."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from espnet_ros.core.time_rules import RESTART_S

# No simulation is so fast that its clock gets so far from one question to the next.
_JUMP_S = 60.0


class Freshness:
    """The age of the newest mask of each camera; may be used from several threads.

    :param cameras: their names.
    :param now_s: when it starts to count, seconds of any clock; below 0 where simulated time has
        not begun yet.
    """

    def __init__(self, cameras: Sequence[str], now_s: float) -> None:
        self._now_s = now_s
        self._since_s = dict.fromkeys(cameras, now_s)
        self._stamps_s: dict[str, float] = {}
        self._reasons = dict.fromkeys(cameras, '')
        # Those that somebody has been told.
        self._told = dict.fromkeys(cameras, '')
        self._lock = threading.Lock()

    def advances(self, camera: str, stamp_s: float) -> bool:
        """Tell whether an image is newer than the last one marked, so that it may be marked.

        :param stamp_s: seconds; 0 is "not set", of which nothing can be told.
        """
        with self._lock:
            newest_s = self._stamps_s.get(camera)
            if newest_s is None or stamp_s == 0.0:
                return True
            # Time that went back, as of a recording that starts again, must not lock it for ever.
            return stamp_s > newest_s or stamp_s < newest_s - RESTART_S

    def mark(self, camera: str, now_s: float, stamp_s: float) -> None:
        """Note that a mask of this camera has come into the grid.

        :param stamp_s: of its image, seconds.
        """
        with self._lock:
            self._follow(now_s)
            self._since_s[camera] = now_s
            self._stamps_s[camera] = stamp_s
            self._reasons[camera] = self._told[camera] = ''

    def skip(self, camera: str, reason: str) -> bool:
        """Note why one has not; return whether that is news until somebody is told."""
        with self._lock:
            self._reasons[camera] = reason
            return self._told[camera] != reason

    def tell(self, camera: str, reason: str) -> None:
        """Note that somebody has been told why."""
        with self._lock:
            self._told[camera] = reason

    def oldest(self, now_s: float) -> tuple[float, str, str]:
        """Return the age of the camera that is silent the longest, its name, and why if known.

        :param now_s: seconds of the clock of the start.
        :returns: age in seconds; the reason is '' where none is known.
        """
        with self._lock:
            self._follow(now_s)
            name = min(self._since_s, key=self._since_s.__getitem__)
            return now_s - self._since_s[name], name, self._reasons[name]

    def _follow(self, now_s: float) -> None:
        """Count anew where the clock has made a step in which no time has passed."""
        begins = self._now_s < 0.0 <= now_s
        jumps = not self._stamps_s and now_s - self._now_s > _JUMP_S
        self._now_s = now_s
        if begins or jumps:
            self._since_s = dict.fromkeys(self._since_s, now_s)
        # A simulation that started again makes times of the future.
        self._since_s = {name: min(since, now_s) for name, since in self._since_s.items()}
