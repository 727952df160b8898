"""Percentiles, and thread-safe rolling percentiles and rates of a running pipeline."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np


def rounded(value: float | None, digits: int) -> float | None:
    """Return a figure rounded for a report, None if there is none or it is not a number."""
    return None if value is None or math.isnan(value) else round(value, digits)


def percentiles(
    values: Sequence[float], points: Sequence[int] = (50, 95, 99)
) -> dict[str, float | None]:
    """Return percentiles as ``p50`` and so on, linear between values, rounded to 1/1000.

    :param points: 0..100; 50 is the median.
    :returns: None for each if there are no values.
    """
    found = _percentiles(values, points)
    return {f'p{p}': rounded(value, 3) for p, value in zip(points, found, strict=True)}


class RollingPercentiles:
    """Percentiles over the latest values.

    :param capacity: how many values are remembered.
    """

    def __init__(self, capacity: int = 256) -> None:
        self._values: deque[float] = deque(maxlen=capacity)
        self._lock = threading.Lock()

    def add(self, value: float) -> None:
        """Remember a value, forgetting the oldest one when full."""
        with self._lock:
            self._values.append(value)

    def percentiles(self, points: Sequence[int]) -> list[float | None]:
        """Return percentiles, linear between values; each is None before the first value.

        :param points: 0..100; 50 is the median.
        """
        with self._lock:
            values = list(self._values)
        return _percentiles(values, points)


class RollingRate:
    """Events a second over the latest seconds.

    :param horizon_s: seconds after which an event is forgotten, so that the rate of a stream
        that stopped falls to zero.
    """

    def __init__(self, horizon_s: float = 5.0) -> None:
        self._horizon_s = horizon_s
        self._times_s: deque[float] = deque(maxlen=1024)
        self._lock = threading.Lock()

    def add(self, now_s: float) -> None:
        """Count one event at a time, in seconds of a monotonic clock."""
        with self._lock:
            self._times_s.append(now_s)

    def rate_hz(self, now_s: float) -> float:
        """Return the mean rate between the first and last event within the horizon."""
        with self._lock:
            while self._times_s and now_s - self._times_s[0] > self._horizon_s:
                self._times_s.popleft()
            if len(self._times_s) < 2:
                return 0.0
            span_s = self._times_s[-1] - self._times_s[0]
            return (len(self._times_s) - 1) / span_s if span_s > 0 else 0.0


class StageTimes:
    """Rolling percentiles by stage.

    :param stages: the names, in the order they are reported.
    """

    def __init__(self, stages: tuple[str, ...]) -> None:
        self._stages = {stage: RollingPercentiles() for stage in stages}

    def add(self, stage_ms: Mapping[str, float]) -> None:
        """Add one image's times in milliseconds.

        :raises KeyError: if a stage was not named at construction.
        """
        for stage, value in stage_ms.items():
            self._stages[stage].add(value)

    def values(self) -> dict[str, str]:
        """Return median and 95th percentile of each stage for diagnostics.

        :return: milliseconds as text by names like ``infer_p95_ms``, '' without values.
        """
        points = (50, 95)
        return {
            f'{stage}_p{point}_ms': '' if ms is None else f'{ms:.2f}'
            for stage, times in self._stages.items()
            for point, ms in zip(points, times.percentiles(points), strict=True)
        }


def _percentiles(values: Sequence[float], points: Sequence[int]) -> list[float | None]:
    return np.percentile(values, points).tolist() if len(values) else [None] * len(points)
