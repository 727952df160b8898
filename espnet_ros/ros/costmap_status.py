"""The status of the cost maps on /diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.mapper import Mapper
from espnet_ros.core.names import about
from espnet_ros.ros.clouds import CloudOutputs
from espnet_ros.ros.costmap_monitor import CostmapMonitor
from espnet_ros.ros.costmap_output import Cause, CostmapOutput
from espnet_ros.ros.costmap_watch import CostmapWatch
from espnet_ros.ros.poses import Poses


class CostmapStatus:
    """Reports the state of the cost maps, from all parts that make them.

    :param config: returns the current config.
    :param frame: of the grids.
    """

    def __init__(
        self,
        config: Callable[[], NodeConfig],
        frame: str,
        mapper: Mapper,
        output: CostmapOutput,
        watch: CostmapWatch,
        poses: Poses,
        clouds: Iterable[CloudOutputs],
    ) -> None:
        self._config, self._frame = config, frame
        self._mapper, self._output, self._watch = mapper, output, watch
        self._poses, self._clouds = poses, tuple(clouds)

    def status(self, state: str, monitor: CostmapMonitor) -> tuple[bytes, str, dict[str, Any]]:
        """Return level, message and values for diagnostics.

        :param state: lifecycle state of the node.
        :param monitor: counters of the present activation.
        """
        age_s = self._watch.age_s
        values = {
            'state': state, 'pose_source': self._poses.name, 'frame': self._frame,
            'age_s': f'{age_s:.2f}', 'stale': str(self._output.is_stale).lower(),
            'on_stale': self._config().grid.on_stale, **monitor.values(),
        }  # fmt: skip
        for name, figures in self._mapper.figures().items():
            prefix = f'{name}_' if name else ''
            values.update({prefix + key: value for key, value in figures.items()})
        level, message = self._judge(state, age_s, monitor)
        return level, message, values

    def _judge(self, state: str, age_s: float, monitor: CostmapMonitor) -> tuple[bytes, str]:
        news, still = monitor.news(), self._watch.clock_problem()
        if state != 'active':
            return DiagnosticStatus.OK, state
        if age_s > self._config().grid.stale_after:
            return self._judge_stale(age_s, monitor)
        problems = [clouds.problem() for clouds in self._clouds] + [still, news]
        problems += [about(name, problem) for name, problem in self._mapper.problems().items()]
        problems.append(self._poses.problem())
        # Without duplicates: cameras may share a problem, and a missing pose is also in the news.
        problem = '; '.join(dict.fromkeys(filter(None, problems)))
        if problem:
            return DiagnosticStatus.WARN, problem
        return DiagnosticStatus.OK, f'cost maps at {monitor.rate_hz:.1f} Hz'

    def _judge_stale(self, age_s: float, monitor: CostmapMonitor) -> tuple[bytes, str]:
        why, cause = self._watch.why()
        # A problem of the source of poses says more than that a pose is late.
        parts = dict.fromkeys(filter(None, (why, self._poses.problem())))
        lost = f'no fresh mask for {age_s:.1f} s: {"; ".join(parts)}'
        if not monitor.updates:
            return DiagnosticStatus.WARN, f'no cost map yet, {lost}'
        level = DiagnosticStatus.WARN if cause == Cause.PAUSED else DiagnosticStatus.ERROR
        return level, f'stale ({self._config().grid.on_stale}), {lost}'
