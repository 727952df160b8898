"""What the node puts on /diagnostics: a status for each camera and one for the costmaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.names import COSTMAP_STATUS
from espnet_ros.ros.camera import Camera
from espnet_ros.ros.camera_monitor import CameraMonitor
from espnet_ros.ros.costmap import CostmapFeed


def active_statuses(
    node: str, facts: Mapping[str, Any], config: NodeConfig, cameras: Sequence[Camera],
    costmap: CostmapFeed | None, progress: str,
) -> list[DiagnosticStatus]:
    """Return the statuses of a node that is configured.

    :param node: its fully qualified name.
    :param facts: the lifecycle state and what is known of the model.
    :param progress: how far the build of another engine is, if images wait for one.
    """
    statuses = []
    for camera in cameras:
        monitor = camera.monitor
        level, message = judge_camera(
            facts['state'], config, monitor, camera.why_silent, progress
        )
        name = f'{node}: {camera.name or "image"}'
        statuses.append(make_status(name, level, message, {**facts, **monitor.values()}))
    if costmap is not None:
        name = f'{node}: {COSTMAP_STATUS}'
        statuses.append(make_status(name, *costmap.status(facts['state'])))
    return statuses


def idle_statuses(
    node: str, facts: Mapping[str, Any], cameras: Sequence[str], error: str, progress: str
) -> list[DiagnosticStatus]:
    """Return the statuses of a node that is not configured, with the keys of one that is.

    :param cameras: their names.
    :param error: why the last attempt failed, if it did.
    :param progress: how far the present one is, if it takes long.
    """
    level = DiagnosticStatus.ERROR if error else DiagnosticStatus.OK
    message = f'not configured: {error}' if error else progress or str(facts['state'])
    values = {**facts, **CameraMonitor().values(), 'last_error': error}
    return [make_status(f'{node}: {name}', level, message, values) for name in cameras]


def judge_camera(
    state: str, config: NodeConfig, monitor: CameraMonitor, why_silent: Callable[[], str],
    progress: str,
) -> tuple[bytes, str]:
    """Return level and message of a camera.

    :param state: lifecycle state of the node.
    :param why_silent: returns the reason why no images come.
    :param progress: what images are waiting for, if that takes long.
    """
    rejected, failed = monitor.news()
    if failed:
        return DiagnosticStatus.ERROR, f'images lost: {failed} ({monitor.last_error})'
    if state != 'active':
        return DiagnosticStatus.OK, state
    if monitor.silent_s > config.diagnostics.stale_after:
        return DiagnosticStatus.WARN, f'no image for {monitor.silent_s:.1f} s: {why_silent()}'
    if progress:
        return DiagnosticStatus.WARN, progress
    if rejected:
        return DiagnosticStatus.WARN, f'images rejected: {rejected} ({monitor.last_error})'
    if not config.enabled:
        return DiagnosticStatus.OK, 'disabled'
    if monitor.error:
        return DiagnosticStatus.WARN, f'no good image since: {monitor.error}'
    if monitor.camera_info_problem:
        return DiagnosticStatus.WARN, monitor.camera_info_problem
    rate = f'segmenting at {monitor.rate_hz:.1f} Hz'
    # Masks need no calibration; if the costmaps lack one, their status warns.
    return DiagnosticStatus.OK, '; '.join(filter(None, (rate, monitor.camera_info_missing)))


def make_status(
    name: str, level: bytes, message: str, values: Mapping[str, Any]
) -> DiagnosticStatus:
    """Return a status message; all values are published as text."""
    return DiagnosticStatus(
        level=level,
        name=name,
        message=message,
        hardware_id=str(values.get('device', '')),
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
