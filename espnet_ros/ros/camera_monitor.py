"""Counters of what happens to the images of one camera."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from espnet_ros.core.errors import ImageError, describe
from espnet_ros.core.statistics import RollingRate, StageTimes

STAGES = ('decode', 'resize', 'infer', 'post', 'publish', 'latency')


class CameraMonitor:
    """Counts what happens to the images of one camera."""

    def __init__(self) -> None:
        self.received = 0
        self.processed = 0
        self.dropped = 0
        self.above_rate = 0
        self.paused = 0
        self.failed = 0
        self.rejected: Counter[str] = Counter()
        self.stages = StageTimes(STAGES)
        self.last_error = ''
        # The last error, until an image succeeds again.
        self.error = ''
        self.camera_info_problem = ''
        self.camera_info_missing = ''
        self._rate = RollingRate()
        self._start_s = time.monotonic()
        self._last_image_s: float | None = None
        self._reported = (0, 0)

    def receive(self) -> None:
        """Count an image that came in."""
        self.received += 1
        self._last_image_s = time.monotonic()

    def process(self, stage_ms: Mapping[str, float]) -> None:
        """Count an image whose mask went out."""
        self.processed += 1
        self.error = ''
        self._rate.add(time.monotonic())
        self.stages.add(stage_ms)

    def reject(self, error: ImageError) -> None:
        """Count an image that can't be used."""
        self.rejected[error.reason] += 1
        self.error = self.last_error = str(error)

    def fail(self, error: Exception) -> None:
        """Count an image that was lost to a fault of the node or the backend."""
        self.failed += 1
        self.error = self.last_error = describe(error)

    @property
    def rate_hz(self) -> float:
        """Return the masks a second."""
        return self._rate.rate_hz(time.monotonic())

    @property
    def silent_s(self) -> float:
        """Return the seconds since the last image, or since the monitor's start."""
        return time.monotonic() - (self._last_image_s or self._start_s)

    def news(self) -> tuple[int, int]:
        """Return how many images were rejected and lost since the last call."""
        now = (self.rejected.total(), self.failed)
        before, self._reported = self._reported, now
        return now[0] - before[0], now[1] - before[1]

    def values(self) -> dict[str, Any]:
        """Return the counters and times under the names they are published."""
        return {
            'received': self.received,
            'processed': self.processed,
            'dropped': self.dropped,
            'above_rate': self.above_rate,
            'paused': self.paused,
            'failed': self.failed,
            'rejected': self.rejected.total(),
            **{f'rejected_{reason}': n for reason, n in sorted(self.rejected.items())},
            'rate_hz': f'{self.rate_hz:.2f}',
            **self.stages.values(),
            'seconds_since_image': '' if self._last_image_s is None else f'{self.silent_s:.2f}',
            'last_error': self.last_error,
        }
