"""Publishes costmaps: the newest one at a limited rate, or what `grid.on_stale` asks for."""

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
from espnet_ros.ros.log import Quiet
from espnet_ros.ros.poses import Poses

# What every cell of a stale costmap says; the other policies keep what each cell says.
FILL = {'lethal': LETHAL, 'unknown': UNKNOWN}


class Cause(enum.Enum):
    """Why costmaps are stale; it decides the severity of the log line."""

    LOST = 'a camera, the backend or the pose'
    PAUSED = 'somebody paused the node'
    ENDED = 'the node stops'


class CostmapOutput:
    """Publishes what the mapper makes; may be used from several threads.

    :param node: publishes the grids on its private topics.
    :param config: returns the current config.
    :param mapper: renders the stale maps.
    :param poses: say where a stale map belongs.
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
        # Published maps are latched, so these two outlast a deactivation: whether there is a map,
        # and its fill and place if it is a filled one.
        self._has_published = False
        self._filled: tuple[int, GridSpec] | None = None
        self.start(CostmapMonitor())

    def start(self, monitor: CostmapMonitor) -> None:
        """Start over, but keep what was published: no map waits, and nothing has been logged.

        :param monitor: counts what is published.
        """
        self._monitor = monitor
        self._limit = RateLimit()
        self._sent_s = self._turn_s = -math.inf
        self._waiting: tuple[GridSnapshot, Any] | None = None
        self._put_s = 0.0
        # The policy while it applies, else ''.
        self._stale = ''
        self._told: tuple[str, Cause] | None = None
        self._quiet = Quiet()

    def stop(self, why: str) -> None:
        """Publish last maps that say that they are stale, if any map was ever published."""
        if self._has_published:
            self.publish_stale(why, Cause.ENDED)

    def destroy(self) -> None:
        """Destroy the publishers."""
        self._grids.destroy()

    @property
    def period_s(self) -> float:
        """Return the least seconds from one map to the next."""
        return 1.0 / self._rate_hz

    @property
    def is_stale(self) -> bool:
        """Tell whether `publish_stale` was called and no fresh map was published since."""
        return bool(self._stale)

    def put(self, cost_map: GridSnapshot, stamp: Any) -> None:
        """Keep the newest map for `publish_newest`.

        :param stamp: of the image it is made from.
        """
        with self._lock:
            self._waiting = cost_map, stamp
            self._put_s = time.monotonic()

    def publish_newest(self, is_fresh: bool = True) -> None:
        """Publish the map that waits, if there is one and the rate allows it.

        :param is_fresh: whether all cameras feed it; if not, one of several is stale.
        """
        with self._lock:
            self._publish_waiting(is_fresh)

    def publish_left(self) -> None:
        """Publish the map that waits, if no newer one has replaced it for a period."""
        with self._lock:
            self._publish_left(is_fresh=True)

    def publish_stale(self, why: str, cause: Cause = Cause.LOST) -> None:
        """Publish what `grid.on_stale` says; nothing while no place for it is known.

        :param why: a sentence for the log.
        """
        policy = self._config().grid.on_stale
        pose = self._poses.latest()
        if pose is None and not self._has_published:
            return  # No place for a map is known yet.
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
                self._waiting = None  # The mapper knows more by now.
                self._send(self._mapper.render(), self._now())
            # Last, because what stops a robot must not wait.
            if self._told != (policy, cause):
                self._log_stale(policy, why, cause)

    def publish_cleared(self) -> None:
        """Drop the map that waits, and replace the published one by what the mapper knows now.

        A fill stays: it does not say what is known, but that no camera looks.
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
            # What stops a robot does not wait for its turn.
            self._send_now(cost_map)
        elif self._has_turn():
            self._send(cost_map, self._now())
        else:
            return
        self._filled = filled

    def _publish_left(self, is_fresh: bool) -> None:
        # Any sooner, an old map would take the turn of the next one.
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
            self._node.get_logger().info('costmaps are fresh again')

    def _log_stale(self, policy: str, why: str, cause: Cause) -> None:
        logger = self._node.get_logger()
        if cause == Cause.ENDED:
            logger.info(f'costmaps stopped, left stale ({policy}): {why}')
        elif not self._monitor.updates:
            # Cameras may need time to start.
            logger.warning(f'costmaps wait for the first image ({policy} until then): {why}')
        elif not self._quiet.is_due(why, policy, cause):
            # With a camera slower than grid.stale_after, they are stale between any two images.
            return
        else:
            text = f'costmaps are stale ({policy}): {why}'
            # rclpy refuses two severities from one line of code.
            if cause == Cause.PAUSED:
                logger.warning(text)
            else:
                logger.error(text)
        self._told = policy, cause

    def _has_turn(self) -> bool:
        """Tell whether the rate allows a map now; if so, this uses up its turn."""
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
