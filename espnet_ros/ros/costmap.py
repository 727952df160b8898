"""The node's costmaps: puts masks into one grid and watches that it stays fresh."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rclpy.node import Node
from std_srvs.srv import Trigger

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import AbandonedError, describe
from espnet_ros.core.labels import Labels
from espnet_ros.core.mapper import Look, Mapper
from espnet_ros.core.mask_rate import MaskRate
from espnet_ros.core.names import about
from espnet_ros.ros.camera import Segmented
from espnet_ros.ros.clocks import steady_timer
from espnet_ros.ros.clouds import CloudOutputs
from espnet_ros.ros.costmap_monitor import CostmapMonitor
from espnet_ros.ros.costmap_output import FILL, CostmapOutput
from espnet_ros.ros.costmap_status import judge_costmap
from espnet_ros.ros.costmap_watch import CostmapWatch
from espnet_ros.ros.depth import DepthQueue
from espnet_ros.ros.log import Quiet, details
from espnet_ros.ros.looks import make_look
from espnet_ros.ros.poses import Poses
from espnet_ros.ros.stamps import seconds
from espnet_ros.ros.worker import Worker


class CostmapFeed:
    """Takes masks of all cameras in its own thread, so that the mask topics never wait for poses.

    :param node: publishes the grids on its private topics.
    :param config: returns the current config.
    :param labels: of the model.
    :param poses: source of the poses of cameras and robot; destroyed together with this.
    :param depths: depth images by camera, empty if none are used.
    :param silence: takes a camera; returns why its images do not come or fail, '' if they come
        and succeed.
    :raises EspnetRosError: if the config makes no costmaps.
    """

    def __init__(
        self,
        node: Node,
        config: Callable[[], NodeConfig],
        labels: Labels,
        poses: Poses,
        depths: dict[str, DepthQueue],
        silence: Callable[[str], str],
    ) -> None:
        self._node, self._config = node, config
        self._poses, self._depths = poses, depths
        # Parameters that are not live keep the values that the rest was made with.
        self._made_with = config()
        self._cameras = self._made_with.camera_names
        self._mapper = Mapper(self._made_with, labels)
        self._clouds: dict[str, CloudOutputs] = {}
        self._monitor, self._quiet = CostmapMonitor(), Quiet()
        self._watch = CostmapWatch(node, config, silence)
        with ExitStack() as made:
            self._create_outputs(made)
            self._made = made.pop_all()
        self._rates: dict[str, MaskRate] = {}
        self._worker: Worker | None = None
        self._timer: Any = None
        # Held from a look to its map, so that no map from before ~/clear_costmap is published
        # after it, and no stale map after the fresh one that ends the staleness.
        self._adding = threading.Lock()

    def activate(self) -> None:
        """Start taking masks and watching."""
        self._monitor, self._quiet = CostmapMonitor(), Quiet()
        self._allow_waiting(True)
        self._output.start(self._monitor)
        self._watch.start()
        self._rates = {camera: MaskRate() for camera in self._cameras}
        self._worker = Worker(self._cameras, self._add_all)
        self._timer = steady_timer(self._node, self._tick_s(), self._tick)

    def deactivate(self) -> None:
        """Stop both, and publish last costmaps that say so."""
        if self._worker is None:
            return
        # What the worker waits for comes from the executor, which runs in this thread.
        self._allow_waiting(False)
        self._worker.stop()
        self._worker = None
        self._node.destroy_timer(self._timer)
        self._output.stop('the node is not active')
        self._mapper.clear()

    def destroy(self) -> None:
        """Destroy what the constructor made."""
        self._poses.destroy()
        self._made.close()

    def put(self, camera: str, segmented: Segmented) -> None:
        """Hand over a mask for the grid; the newest of each camera counts, at a limited rate."""
        # Another thread may deactivate meanwhile; a stopped worker drops what it gets.
        worker = self._worker
        if worker is None:
            return
        now_s = self._watch.clock.now_s()
        # A camera may leave its stamps empty.
        stamp_s = seconds(segmented.header.stamp) or time.monotonic()
        if not self._rates[camera].allows(stamp_s, now_s, self._config().grid.masks_hz):
            self._monitor.above_rate += 1
        elif worker.put(camera, segmented):
            self._monitor.dropped += 1

    def status(self, state: str) -> tuple[bytes, str, dict[str, Any]]:
        """Return level, message and values for diagnostics.

        :param state: lifecycle state of the node.
        """
        config, monitor, watch = self._config(), self._monitor, self._watch
        problems = [clouds.problem() for clouds in self._clouds.values()]
        problems += [watch.clock.problem(), monitor.news()]
        problems += [about(*problem) for problem in self._mapper.problems().items()]
        level, message = judge_costmap(state, config, monitor, watch, self._poses, problems)
        values = {
            'state': state, 'pose_source': self._poses.name, 'frame': self._made_with.grid.frame,
            'age_s': f'{watch.age_s:.2f}', 'stale': str(self._output.is_stale).lower(),
            'on_stale': config.grid.on_stale, **monitor.values(),
        }  # fmt: skip
        for camera, figures in self._mapper.figures().items():
            prefix = f'{camera}_' if camera else ''
            values.update({prefix + key: value for key, value in figures.items()})
        return level, message, values

    def _create_outputs(self, made: ExitStack) -> None:
        node, mapper = self._node, self._mapper
        self._output = CostmapOutput(node, self._config, mapper, self._poses)
        made.callback(self._output.destroy)
        names = tuple(layer.name for layer in mapper.layers.layers)
        for camera, maker in mapper.cloud_makers.items():
            clouds = self._clouds[camera] = CloudOutputs(node, camera, names, maker)
            made.callback(clouds.destroy)
        service = node.create_service(Trigger, '~/clear_costmap', self._on_clear)
        made.callback(lambda: node.destroy_service(service))

    def _add_all(self, taken: list[tuple[str, Segmented]]) -> None:
        for camera, segmented in taken:
            self._add(camera, segmented)

    def _add(self, camera: str, segmented: Segmented) -> None:
        try:
            look = self._take(camera, segmented)
        except AbandonedError:
            return
        except Exception as error:
            self._skip(camera, error)
            return
        try:
            self._clouds[camera].publish(segmented.header, look)
        except Exception as error:
            # The mask is in the costmaps nevertheless.
            if self._quiet.is_due(describe(error), 'clouds', camera):
                self._warn(f'clouds of {camera} not sent' if camera else 'clouds not sent', error)

    def _take(self, camera: str, segmented: Segmented) -> Look:
        stamp_s = seconds(segmented.header.stamp)
        self._watch.check(camera, stamp_s)
        start = time.perf_counter()
        # Before the lock is taken, as this may wait for the executor.
        now_s = self._node.get_clock().now().nanoseconds * 1e-9
        look = make_look(camera, segmented, self._poses, self._depths, self._made_with, now_s)
        posed = time.perf_counter()
        with self._adding:
            notice, stage_ms = self._map(look, segmented.header.stamp)
            self._watch.mark(camera, stamp_s)
        # From now on, a mask that is left out is news again.
        self._quiet.is_news('', 'left out', camera)
        self._monitor.update({'pose': (posed - start) * 1e3, **stage_ms})
        is_stale = self._watch.is_stale
        if not (is_stale and self._config().grid.on_stale in FILL):
            self._output.publish_newest(not is_stale)
        if notice:
            self._monitor.clear(notice)
            if self._quiet.is_due(notice, 'cleared'):
                self._node.get_logger().warning(f'costmaps cleared: {notice}')
        return look

    def _map(self, look: Look, stamp: Any) -> tuple[str, dict[str, float]]:
        """Add a look to the grid and hand over the resulting map.

        :returns: why the grid was cleared, '' if it was not, and milliseconds by stage.
        """
        start = time.perf_counter()
        notice = self._mapper.add(look)
        projected = time.perf_counter()
        self._output.put(self._mapper.render(), stamp)
        rendered = time.perf_counter()
        return notice, {
            'project': (projected - start) * 1e3,
            'render': (rendered - projected) * 1e3,
            'update': (rendered - start) * 1e3,
        }

    def _allow_waiting(self, allowed: bool) -> None:
        self._poses.allow_waiting(allowed)
        for depth in self._depths.values():
            depth.allow_waiting(allowed)

    def _skip(self, camera: str, error: Exception) -> None:
        self._monitor.skip(error)
        reason = describe(error)
        self._watch.freshness.skip(camera, reason)
        if self._quiet.is_news(reason, 'left out', camera):
            what = f'mask of {camera}' if camera else 'mask'
            self._warn(f'{what} left out of the costmaps', error)

    def _warn(self, what: str, error: Exception) -> None:
        self._node.get_logger().warning(f'{what}: {describe(error)}{details(error)}')

    def _tick_s(self) -> float:
        return min(self._output.period_s, self._watch.period_s)

    def _tick(self) -> None:
        self._keep_pace()
        passed_s = self._watch.passed_s()
        if not self._watch.is_stale:
            self._output.publish_left()
            return
        why, cause = self._watch.why()
        with self._adding:
            # After a mask that came in meanwhile, no stale map may follow.
            if not self._watch.is_stale:
                return
            # Decay depends on the time that passed, not on the number of ticks.
            if self._config().grid.on_stale == 'decay':
                self._mapper.elapse(passed_s)
            self._output.publish_stale(why, cause)

    def _keep_pace(self) -> None:
        """Let the timer follow `grid.stale_after`, which is live."""
        period_ns = int(self._tick_s() * 1e9)
        if self._timer.timer_period_ns != period_ns:
            self._timer.timer_period_ns = period_ns
            self._timer.reset()

    def _on_clear(self, _: Trigger.Request, response: Trigger.Response) -> Any:
        with self._adding:
            self._mapper.clear()
            self._output.publish_cleared()
        self._monitor.clear()
        response.success = True
        response.message = 'cleared; the grid starts over with the next mask'
        return response
