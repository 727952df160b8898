"""What the node says about its costmaps on /diagnostics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from espnet_ros.core.errors import CameraInfoError, ImageError, PoseError, describe
from espnet_ros.core.statistics import RollingRate, StageTimes

# `update` is project and render: from the mask to the arrays of all layers.
STAGES = ('pose', 'project', 'render', 'update', 'publish')
# How a mask that is left out is counted, if its error has no `Rejection`.
FAILURES: dict[type[Exception], str] = {
    PoseError: 'pose', CameraInfoError: 'camera_info', Exception: 'failed',
}  # fmt: skip


class CostmapMonitor:
    """Counts what happens to the masks that should go into the grid."""

    def __init__(self) -> None:
        self.updates = 0
        self.published = 0
        self.above_rate = 0
        self.dropped = 0
        self.cleared = 0
        self.skipped: Counter[str] = Counter()
        self.stages = StageTimes(STAGES)
        self.last_error = ''
        self._rate = RollingRate()
        self._lost = ''
        self._reported = (0, 0)
        self._breaks = 0

    def update(self, stage_ms: Mapping[str, float]) -> None:
        """Count a mask that went into the grid."""
        self.updates += 1
        self.stages.add(stage_ms)

    def publish(self, milliseconds: float) -> None:
        """Count a set of grids that was published."""
        self.published += 1
        self._rate.add(time.monotonic())
        self.stages.add({'publish': milliseconds})

    def skip(self, error: Exception) -> None:
        """Count a mask that could not be used."""
        self.skipped[_key(error)] += 1
        self.last_error = describe(error)

    def clear(self, why: str = '') -> None:
        """Count that the grid was cleared.

        :param why: the reason, if nobody asked for it.
        """
        self.cleared += 1
        if why:
            self._breaks += 1
            self._lost = why

    def news(self) -> str:
        """Return what has gone wrong since the last call, '' if nothing has."""
        now = self.skipped.total(), self._breaks
        before, self._reported = self._reported, now
        skipped, breaks = now[0] - before[0], now[1] - before[1]
        news = []
        if breaks:
            news.append(f'costmaps cleared {_times(breaks)}: {self._lost}')
        if skipped:
            news.append(f'masks left out: {skipped} ({self.last_error})')
        return '; '.join(news)

    @property
    def rate_hz(self) -> float:
        """Return the costmaps a second."""
        return self._rate.rate_hz(time.monotonic())

    def values(self) -> dict[str, Any]:
        """Return counters and times under the names they are published."""
        return {
            'updates': self.updates,
            'published': self.published,
            'above_rate': self.above_rate,
            'dropped': self.dropped,
            'cleared': self.cleared,
            'skipped': self.skipped.total(),
            **{f'skipped_{reason}': n for reason, n in sorted(self.skipped.items())},
            'rate_hz': f'{self.rate_hz:.2f}',
            **self.stages.values(),
            'last_error': self.last_error,
        }


def _times(count: int) -> str:
    return 'once' if count == 1 else f'{count} times'


def _key(error: Exception) -> str:
    if isinstance(error, ImageError):
        return error.reason
    return next(key for kind, key in FAILURES.items() if isinstance(error, kind))
