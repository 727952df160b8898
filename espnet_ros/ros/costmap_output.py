"""The cost maps that go out: the newest one at a rate, or what the user wants of stale ones."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.grid import GridSpec
from espnet_ros.core.layers import LETHAL, UNKNOWN
from espnet_ros.core.mapper import CostMap, Mapper
from espnet_ros.core.rate_limit import RateLimit
from espnet_ros.ros.costmap_monitor import CostmapMonitor
from espnet_ros.ros.grids import GridPublishers
from espnet_ros.ros.poses import Poses

# Logged no oftener than this: a camera slower than grid.stale_after is stale between any two of
# its images.
_LOG_PERIOD_S = 5.0
# What every cell says when cost maps are stale; with the other policies the cells speak.
FILL = {'lethal': LETHAL, 'unknown': UNKNOWN}


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
        self._lock = threading.Lock()
        self.start(CostmapMonitor())

    def start(self, monitor: CostmapMonitor) -> None:
        """Begin anew: nothing has been published.

        :param monitor: counts what is.
        """
        self._monitor = monitor
        self._limit = RateLimit()
        self._waiting: tuple[CostMap, Any] | None = None
        self._put_s = 0.0
        self._stale: tuple[str, GridSpec] | None = None
        self._told_policy = ''
        self._told_s = -math.inf
        self._has_published = False

    def stop(self, why: str) -> None:
        """Leave maps behind that say that they are stale, if there are any."""
        if self._has_published:
            self.publish_stale(why, wanted=True)

    def destroy(self) -> None:
        """Destroy the publishers."""
        self._grids.destroy()

    @property
    def is_stale(self) -> bool:
        """Tell whether what went out last was stale."""
        return self._stale is not None

    def put(self, cost_map: CostMap, stamp: Any) -> None:
        """Leave the newest map for `publish_newest`.

        :param stamp: of the image it is made from.
        """
        with self._lock:
            self._waiting = cost_map, stamp
            self._put_s = time.monotonic()

    def publish_newest(self) -> None:
        """Publish the map that waits, if there is one and the rate allows."""
        with self._lock:
            self._publish_waiting()

    def publish_left(self) -> None:
        """Publish the map that waits, if no newer one has taken its place for a period.

        Sooner, it would be an old map that takes the next one's turn.
        """
        with self._lock:
            if time.monotonic() - self._put_s >= 1.0 / self._config().grid.publish_rate:
                self._publish_waiting()

    def publish_stale(self, why: str, wanted: bool = False) -> None:
        """Publish what `grid.on_stale` says, where that is news; nothing if no place is known.

        :param wanted: somebody asked for it, so it is no error.
        """
        policy = self._config().grid.on_stale
        pose = self._poses.latest()
        if pose is None and not self._has_published:
            return  # There is no place yet where a map could be.
        with self._lock:
            if pose is not None:
                self._mapper.recentre(pose)
            cost_map = self._mapper.render(FILL.get(policy))
            news = self._stale is None or self._stale[0] != policy
            if self._told_policy != policy:
                self._log_stale(policy, why, wanted)
            moved = self._stale is not None and self._stale[1] != cost_map.spec
            self._stale = policy, cost_map.spec
            if policy == 'decay' or (policy != 'hold' and (news or moved)):
                self._send(cost_map, self._node.get_clock().now().to_msg())

    def _publish_waiting(self) -> None:
        rate = self._config().grid.publish_rate
        if self._waiting is None or not self._limit.allows(time.monotonic(), rate):
            return
        if self._stale is not None:
            self._stale = None
            if self._told_policy:
                self._told_policy = ''
                self._node.get_logger().info('cost maps are fresh again')
        cost_map, stamp = self._waiting
        self._waiting = None
        self._send(cost_map, stamp)

    def _log_stale(self, policy: str, why: str, wanted: bool) -> None:
        logger = self._node.get_logger()
        if wanted:
            logger.info(f'cost maps end as stale ({policy}): {why}')
        elif not self._monitor.updates:
            # Cameras may take their time to start.
            logger.warning(f'cost maps wait for the first image ({policy} until then): {why}')
        elif time.monotonic() - self._told_s >= _LOG_PERIOD_S:
            self._told_s = time.monotonic()
            logger.error(f'cost maps are stale ({policy}): {why}')
        else:
            return
        self._told_policy = policy

    def _send(self, cost_map: CostMap, stamp: Any) -> None:
        start = time.perf_counter()
        self._grids.publish(cost_map, stamp)
        self._has_published = True
        self._monitor.publish((time.perf_counter() - start) * 1e3)
