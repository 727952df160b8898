"""The status of the costmaps on /diagnostics."""

from __future__ import annotations

from collections.abc import Iterable

from diagnostic_msgs.msg import DiagnosticStatus

from espnet_ros.core.config import NodeConfig
from espnet_ros.ros.costmap_monitor import CostmapMonitor
from espnet_ros.ros.costmap_output import Cause
from espnet_ros.ros.costmap_watch import CostmapWatch
from espnet_ros.ros.poses import Poses


def judge_costmap(
    state: str,
    config: NodeConfig,
    monitor: CostmapMonitor,
    watch: CostmapWatch,
    poses: Poses,
    problems: Iterable[str],
) -> tuple[bytes, str]:
    """Return level and message of the costmaps.

    :param state: lifecycle state of the node.
    :param problems: of all parts but the poses; '' is none.
    """
    if state != 'active':
        return DiagnosticStatus.OK, state
    age_s = watch.age_s
    if age_s <= config.grid.stale_after:
        # Cameras may share a problem, and a missing pose may be among the problems already.
        problem = _joined(*problems, poses.problem())
        if problem:
            return DiagnosticStatus.WARN, problem
        return DiagnosticStatus.OK, f'costmaps at {monitor.rate_hz:.1f} Hz'
    why, cause = watch.why()
    # A problem of the source of poses says more than that a pose is late.
    lost = f'no fresh mask for {age_s:.1f} s: {_joined(why, poses.problem())}'
    if not monitor.updates:
        return DiagnosticStatus.WARN, f'no costmap yet, {lost}'
    level = DiagnosticStatus.WARN if cause == Cause.PAUSED else DiagnosticStatus.ERROR
    return level, f'stale ({config.grid.on_stale}), {lost}'


def _joined(*problems: str) -> str:
    """Return the problems that there are, each once."""
    return '; '.join(dict.fromkeys(filter(None, problems)))
