"""Whether every camera still feeds the grid."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from espnet_ros.core.time_rules import RESTART_S

# No simulation is so fast that its clock advances this far between two calls.
_JUMP_S = 60.0


class Freshness:
    """The age of the newest mask of each camera; it may be used from several threads.

    :param cameras: their names.
    :param now_s: when counting starts, seconds of any clock; below 0 if simulated time has not
        begun yet.
    """

    def __init__(self, cameras: Sequence[str], now_s: float) -> None:
        self._now_s = now_s
        self._since_s = dict.fromkeys(cameras, now_s)
        self._stamps_s: dict[str, float] = {}
        self._reasons = dict.fromkeys(cameras, '')
        self._lock = threading.Lock()

    def advances(self, camera: str, stamp_s: float) -> bool:
        """Return whether an image is newer than the last one marked, so that it may be marked.

        :param stamp_s: seconds; 0 means "not set" and is accepted.
        """
        with self._lock:
            newest_s = self._stamps_s.get(camera)
            if newest_s is None or stamp_s == 0.0:
                return True
            # If time went back, as in a recording that restarts, the camera must not stay blocked.
            return stamp_s > newest_s or stamp_s < newest_s - RESTART_S

    def mark(self, camera: str, now_s: float, stamp_s: float) -> None:
        """Note that a mask of this camera went into the grid.

        :param stamp_s: of its image, seconds.
        """
        with self._lock:
            self._follow(now_s)
            self._since_s[camera] = now_s
            self._stamps_s[camera] = stamp_s
            self._reasons[camera] = ''

    def skip(self, camera: str, reason: str) -> None:
        """Note why a mask did not."""
        with self._lock:
            self._reasons[camera] = reason

    def oldest(self, now_s: float) -> tuple[float, str, str]:
        """Return the age of the camera that has been silent longest, its name, and why if known.

        :param now_s: seconds of the same clock as at the start.
        :returns: the age is in seconds; the reason is '' if unknown.
        """
        with self._lock:
            self._follow(now_s)
            name = min(self._since_s, key=self._since_s.__getitem__)
            return now_s - self._since_s[name], name, self._reasons[name]

    def has_fed(self, camera: str) -> bool:
        """Return whether a mask of this camera has ever gone into the grid."""
        with self._lock:
            return camera in self._stamps_s

    def _follow(self, now_s: float) -> None:
        """Restart the ages if the clock jumped without time passing."""
        begins = self._now_s < 0.0 <= now_s
        jumps = not self._stamps_s and now_s - self._now_s > _JUMP_S
        # If a simulation restarts, the ages go on, or one that restarts again and again would
        # never find a camera silent.
        back_s = min(0.0, now_s - self._now_s)
        self._now_s = now_s
        self._since_s = {
            name: now_s if begins or jumps else since + back_s
            for name, since in self._since_s.items()
        }
