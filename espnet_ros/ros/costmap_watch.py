"""Whether masks of all cameras go into the grid, and if not, why."""

from __future__ import annotations

import math
from collections.abc import Callable

from rclpy.node import Node

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ImageError
from espnet_ros.core.freshness import Freshness
from espnet_ros.core.names import about
from espnet_ros.ros.clocks import AgeClock
from espnet_ros.ros.costmap_output import Cause

# The number of checks within grid.stale_after, and the longest time between two checks, so that a
# new value of grid.stale_after soon takes effect.
_LOOKS_WHILE_FRESH = 2
_LONGEST_S = 1.0


class CostmapWatch:
    """Knows how old the newest mask of each camera is; may be used from several threads.

    Its `clock` gives the time by which masks age; simulated time may start over. Its `freshness`
    is replaced at each start.

    :param node: whose time it is.
    :param config: returns the current config.
    :param silence: takes a camera; returns why its images do not come or fail, '' if they come
        and succeed.
    """

    def __init__(
        self, node: Node, config: Callable[[], NodeConfig], silence: Callable[[str], str]
    ) -> None:
        self._config, self._silence = config, silence
        self._cameras = config().camera_names
        self.clock = AgeClock(node)
        self.start()

    def start(self) -> None:
        """Start over: from now on, every camera has to bring masks."""
        self._ticked_s = self.clock.now_s()
        self._paused_s = -math.inf
        self.freshness = Freshness(self._cameras, self._ticked_s)

    @property
    def period_s(self) -> float:
        """Return the longest time between two checks, seconds."""
        return min(self._config().grid.stale_after / _LOOKS_WHILE_FRESH, _LONGEST_S)

    @property
    def age_s(self) -> float:
        """Return how long the longest silence of a camera has lasted, seconds."""
        return self.freshness.oldest(self.clock.now_s())[0]

    @property
    def is_stale(self) -> bool:
        """Tell whether `age_s` is above `grid.stale_after`."""
        return self.age_s > self._config().grid.stale_after

    def passed_s(self) -> float:
        """Return the seconds since the last call."""
        before_s, self._ticked_s = self._ticked_s, self.clock.now_s()
        begins = before_s < 0.0 <= self._ticked_s
        return 0.0 if begins else max(0.0, self._ticked_s - before_s)

    def check(self, camera: str, stamp_s: float) -> None:
        """Refuse an image that is no newer than the last one.

        :raises ImageError: if it is no newer; a hung driver may repeat its last image for ever.
        """
        if not self.freshness.advances(camera, stamp_s):
            raise ImageError(
                'stamp',
                f'the stamp {stamp_s:.3f} s of the image is not after that of the last one in '
                'the costmaps: the driver repeats or reorders images',
            )

    def mark(self, camera: str, stamp_s: float) -> None:
        """Note that a mask has gone into the grid."""
        self.freshness.mark(camera, self.clock.now_s(), stamp_s)

    def why(self) -> tuple[str, Cause]:
        """Return why the camera that has been silent the longest brings no masks."""
        now_s = self.clock.now_s()
        if not self._config().enabled:
            self._paused_s = now_s
        # After a pause, the first masks need time to arrive.
        if abs(now_s - self._paused_s) <= self._config().grid.stale_after:
            return 'paused by ~/enable', Cause.PAUSED
        _, camera, reason = self.freshness.oldest(now_s)
        # If images have stopped, what was wrong with the last one is not the reason.
        why = self._silence(camera) or reason or self._slow(camera)
        return about(camera, why), Cause.LOST

    def _slow(self, camera: str) -> str:
        if not self.freshness.has_fed(camera):
            return 'images come, but no masks are made from them'
        return (
            'images come, but masks more than grid.stale_after '
            f'({self._config().grid.stale_after:g} s) apart: a backend that is slow or hangs, a '
            'slow camera, or input.max_rate, which counts real seconds'
        )
