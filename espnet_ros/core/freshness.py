"""Whether every camera still feeds the grid."""

from __future__ import annotations

import threading
from collections.abc import Sequence


class Freshness:
    """The age of the newest mask of each camera; may be used from several threads.

    :param cameras: their names.
    :param now_s: when it starts to count, seconds of any steady clock.
    """

    def __init__(self, cameras: Sequence[str], now_s: float) -> None:
        self._since_s = dict.fromkeys(cameras, now_s)
        self._reasons = dict.fromkeys(cameras, '')
        self._lock = threading.Lock()

    def mark(self, camera: str, now_s: float) -> None:
        """Note that a mask of this camera has come into the grid."""
        with self._lock:
            self._since_s[camera] = now_s
            self._reasons[camera] = ''

    def skip(self, camera: str, reason: str) -> bool:
        """Note why one has not; return whether that is news."""
        with self._lock:
            news = self._reasons[camera] != reason
            self._reasons[camera] = reason
            return news

    def oldest(self, now_s: float) -> tuple[float, str, str]:
        """Return the age of the camera that is silent the longest, its name, and why if known."""
        with self._lock:
            # A simulation that started again makes times of the future.
            self._since_s = {name: min(since, now_s) for name, since in self._since_s.items()}
            name = min(self._since_s, key=self._since_s.__getitem__)
            return now_s - self._since_s[name], name, self._reasons[name]
