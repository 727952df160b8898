"""The cost maps that go out: the newest one at a rate, or what the user wants of stale ones."""

from __future__ import annotations

import enum
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.grid import GridSpec
from espnet_ros.core.layers import LETHAL, UNKNOWN
from espnet_ros.core.mapper import GridSnapshot, Mapper
from espnet_ros.core.rate_limit import RateLimit
from espnet_ros.ros.costmap_monitor import CostmapMonitor
from espnet_ros.ros.grids import GridPublishers
from espnet_ros.ros.log import QUIET_S
from espnet_ros.ros.poses import Poses

# What every cell says when cost maps are stale; with the other policies the cells speak.
FILL = {'lethal': LETHAL, 'unknown': UNKNOWN}


class Cause(enum.Enum):
    """Why cost maps are stale; it decides how loudly that is told."""

    LOST = 'a camera, the backend or the pose'
    PAUSED = 'somebody wants no images to be taken for now'
    ENDED = 'the node is to stop'


class CostmapOutput:
    """Publishes what the mapper makes; may be used from several threads.

    :param node: whose private topics the grids are.
    :param config: called for the current config.
    :param mapper: asked for stale maps.
    :param poses: where a stale map is to be.
    """

    def __init__(
        self, node: Node, config: Callable[[], NodeConfig], mapper: Mapper, poses: Poses
    ) -> None:
        self._node, self._config = node, config
        self._mapper, self._poses = mapper, poses
        names = tuple(layer.name for layer in mapper.layers.layers)
        self._grids = GridPublishers(node, names, config().grid.frame)
        self._rate_hz = config().grid.publish_rate
        self._lock = threading.Lock()
        # What is out there outlasts a deactivation, as it is latched: whether there is anything,
        # and the fill and its place if it is one.
        self._has_published = False
        self._filled: tuple[int, GridSpec] | None = None
        self.start(CostmapMonitor())

    def start(self, monitor: CostmapMonitor) -> None:
        """Begin anew but for what is out there: no map waits, and nothing has been told.

        :param monitor: counts what is.
        """
        self._monitor = monitor
        self._limit = RateLimit()
        self._sent_s = self._turn_s = -math.inf
        self._waiting: tuple[GridSnapshot, Any] | None = None
        self._put_s = 0.0
        # The policy while it applies.
        self._stale = ''
        self._told: tuple[str, Cause] | None = None
        self._told_s = -math.inf

    def stop(self, why: str) -> None:
        """Leave maps behind that say that they are stale, if there are any."""
        if self._has_published:
            self.publish_stale(why, Cause.ENDED)

    def destroy(self) -> None:
        """Destroy the publishers."""
        self._grids.destroy()

    @property
    def period_s(self) -> float:
        """Return the seconds from one map to the next, at least."""
        return 1.0 / self._rate_hz

    @property
    def is_stale(self) -> bool:
        """Tell whether `publish_stale` was called and no fresh map has gone out since."""
        return bool(self._stale)

    def put(self, cost_map: GridSnapshot, stamp: Any) -> None:
        """Leave the newest map for `publish_newest`.

        :param stamp: of the image it is made from.
        """
        with self._lock:
            self._waiting = cost_map, stamp
            self._put_s = time.monotonic()

    def publish_newest(self, is_fresh: bool = True) -> None:
        """Publish the map that waits, if there is one and the rate allows.

        :param is_fresh: whether all cameras feed it; one of several may be stale.
        """
        with self._lock:
            self._publish_waiting(is_fresh)

    def publish_left(self) -> None:
        """Publish the map that waits, if no newer one has taken its place for a period."""
        with self._lock:
            self._publish_left(is_fresh=True)

    def publish_stale(self, why: str, cause: Cause = Cause.LOST) -> None:
        """Publish what `grid.on_stale` says; nothing if no place is known.

        :param why: a sentence for the log.
        """
        policy = self._config().grid.on_stale
        pose = self._poses.latest()
        if pose is None and not self._has_published:
            return  # There is no place yet where a map could be.
        with self._lock:
            if pose is not None:
                self._mapper.recentre(pose)
            self._stale = policy
            if policy in FILL:
                self._publish_fill(FILL[policy], cause == Cause.ENDED)
            elif policy == 'hold':
                self._publish_left(is_fresh=False)
            elif cause == Cause.ENDED:
                self._send_now(self._mapper.render())
            elif self._has_turn():
                self._waiting = None  # What is known now is newer.
                self._send(self._mapper.render(), self._now())
            # Last, as what stops a robot is to wait for nothing.
            if self._told != (policy, cause):
                self._log_stale(policy, why, cause)

    def publish_cleared(self) -> None:
        """Forget the map that waits, and replace what is out there by what the mapper knows now.

        A fill stays: it does not say what is known, but that nobody looks.
        """
        with self._lock:
            self._waiting = None
            if self._has_published and self._filled is None:
                self._send_now(self._mapper.render())

    def _publish_fill(self, fill: int, ends: bool) -> None:
        cost_map = self._mapper.render(fill)
        filled = fill, cost_map.spec
        if self._filled == filled:
            return
        moved = self._filled is not None and self._filled[0] == fill
        if ends or not moved:
            # What stops a robot waits for no turn.
            self._send_now(cost_map)
        elif self._has_turn():
            self._send(cost_map, self._now())
        else:
            return
        self._filled = filled

    def _publish_left(self, is_fresh: bool) -> None:
        # Sooner, it would be an old map that takes the next one's turn.
        if time.monotonic() - self._put_s >= self.period_s:
            self._publish_waiting(is_fresh)

    def _publish_waiting(self, is_fresh: bool) -> None:
        if self._waiting is None or not self._has_turn():
            return
        cost_map, stamp = self._waiting
        self._waiting = None
        self._send(cost_map, stamp)
        if is_fresh:
            self._end_stale()

    def _end_stale(self) -> None:
        self._stale = ''
        if self._told is not None:
            self._told = None
            self._node.get_logger().info('cost maps are fresh again')

    def _log_stale(self, policy: str, why: str, cause: Cause) -> None:
        logger = self._node.get_logger()
        if cause == Cause.ENDED:
            logger.info(f'cost maps end as stale ({policy}): {why}')
        elif not self._monitor.updates:
            # Cameras may take their time to start.
            logger.warning(f'cost maps wait for the first image ({policy} until then): {why}')
        elif time.monotonic() - self._told_s < QUIET_S:
            # A camera slower than grid.stale_after is stale between any two of its images.
            return
        else:
            self._told_s = time.monotonic()
            text = f'cost maps are stale ({policy}): {why}'
            # rclpy refuses two severities from one call.
            if cause == Cause.PAUSED:
                logger.warning(text)
            else:
                logger.error(text)
        self._told = policy, cause

    def _has_turn(self) -> bool:
        """Tell whether the rate allows a map now, whose turn is used up then."""
        now_s = time.monotonic()
        return now_s >= self._turn_s and self._limit.allows(now_s, self._rate_hz)

    def _send_now(self, cost_map: GridSnapshot) -> None:
        """Send a map out of turn; it uses up the next turn, so that the rate is kept."""
        if not self._has_turn():
            self._turn_s = self._sent_s + 2.0 * self.period_s
        self._send(cost_map, self._now())

    def _now(self) -> Any:
        return self._node.get_clock().now().to_msg()

    def _send(self, cost_map: GridSnapshot, stamp: Any) -> None:
        start = time.perf_counter()
        self._grids.publish(cost_map, stamp)
        self._has_published, self._filled = True, None
        self._sent_s = time.monotonic()
        self._monitor.publish((time.perf_counter() - start) * 1e3)
