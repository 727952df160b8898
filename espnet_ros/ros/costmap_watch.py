"""Whether masks of all cameras come into the grid, and why they do not."""

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

# It is to be looked so often while a camera may become stale, and no seldomer than this, so that
# another grid.stale_after is soon heeded.
_LOOKS_WHILE_FRESH = 2
_LONGEST_S = 1.0


class CostmapWatch:
    """Knows how old the newest mask of each camera is; may be used from several threads.

    :param node: whose clock masks age by.
    :param config: called for the current config.
    :param silence: called for the reason why a camera's images do not come or fail, '' if they do
        not.
    """

    def __init__(
        self, node: Node, config: Callable[[], NodeConfig], silence: Callable[[str], str]
    ) -> None:
        self._config, self._silence = config, silence
        self._cameras = config().camera_names
        self._clock = AgeClock(node)
        self.start()

    def start(self) -> None:
        """Begin anew: every camera has from now on to bring a mask."""
        self._ticked_s = self._clock.now_s()
        self._paused_s = -math.inf
        self._freshness = Freshness(self._cameras, self._ticked_s)

    @property
    def period_s(self) -> float:
        """Return how often somebody is to look, at least."""
        return min(self._config().grid.stale_after / _LOOKS_WHILE_FRESH, _LONGEST_S)

    @property
    def age_s(self) -> float:
        """Return for how long the camera that is silent the longest has been so, seconds."""
        return self._freshness.oldest(self._clock.now_s())[0]

    @property
    def is_stale(self) -> bool:
        """Tell whether that is too long."""
        return self.age_s > self._config().grid.stale_after

    @property
    def now_s(self) -> float:
        """Return the seconds that masks age by; with simulated time they may begin anew."""
        return self._clock.now_s()

    def passed_s(self) -> float:
        """Return the seconds since the last call."""
        before_s, self._ticked_s = self._ticked_s, self._clock.now_s()
        begins = before_s < 0.0 <= self._ticked_s
        return 0.0 if begins else max(0.0, self._ticked_s - before_s)

    def check(self, camera: str, stamp_s: float) -> None:
        """Refuse an image that is no newer than the last one.

        :raises ImageError: if it is not; a driver that hangs may repeat its last image for ever.
        """
        if not self._freshness.advances(camera, stamp_s):
            raise ImageError(
                'stamp',
                f'the stamp {stamp_s:.3f} s of the image is not after that of the last one in '
                'the cost maps: the driver repeats or reorders images',
            )

    def mark(self, camera: str, stamp_s: float) -> None:
        """Note that a mask has come into the grid."""
        self._freshness.mark(camera, self._clock.now_s(), stamp_s)

    def skip(self, camera: str, reason: str) -> bool:
        """Note why one has not; return whether that is news until somebody is told."""
        return self._freshness.skip(camera, reason)

    def tell(self, camera: str, reason: str) -> None:
        """Note that somebody has been told why."""
        self._freshness.tell(camera, reason)

    def why(self) -> tuple[str, Cause]:
        """Return why nothing comes from the camera that is silent the longest."""
        now_s = self._clock.now_s()
        if not self._config().enabled:
            self._paused_s = now_s
        # After a pause, the first masks take their time.
        if abs(now_s - self._paused_s) <= self._config().grid.stale_after:
            return 'paused by ~/enable', Cause.PAUSED
        _, camera, reason = self._freshness.oldest(now_s)
        # Where no image comes any more, what was wrong with the last one is no reason.
        why = self._silence(camera) or reason or 'images come, but no mask has been made of one'
        return about(camera, why), Cause.LOST

    def clock_problem(self) -> str:
        """Return why nothing ages, '' if it does."""
        return self._clock.problem()
