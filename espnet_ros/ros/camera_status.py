"""The status of one camera on /diagnostics."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus

from espnet_ros.core.config import NodeConfig
from espnet_ros.ros.camera_monitor import CameraMonitor


def judge(
    state: str, config: NodeConfig, monitor: CameraMonitor, why_silent: Callable[[], str],
    progress: str = '',
) -> tuple[bytes, str]:
    """Return level and message of a camera.

    :param state: lifecycle state of the node.
    :param why_silent: returns the reason why no images come.
    :param progress: what images are waiting for, if that takes long.
    """
    rejected, failed = monitor.news()
    if failed:
        return DiagnosticStatus.ERROR, f'{failed} images lost: {monitor.last_error}'
    if state != 'active':
        return DiagnosticStatus.OK, state
    if monitor.silent_s > config.diagnostics.stale_after:
        return DiagnosticStatus.WARN, f'no image for {monitor.silent_s:.1f} s: {why_silent()}'
    if progress:
        return DiagnosticStatus.WARN, progress
    if rejected:
        return DiagnosticStatus.WARN, f'{rejected} images rejected: {monitor.last_error}'
    if not config.enabled:
        return DiagnosticStatus.OK, 'disabled'
    if monitor.error:
        return DiagnosticStatus.WARN, f'no good image since: {monitor.error}'
    if monitor.camera_info_problem:
        return DiagnosticStatus.WARN, monitor.camera_info_problem
    rate = f'segmenting at {monitor.rate_hz:.1f} Hz'
    # Masks need no calibration; if the cost maps lack one, their status warns.
    return DiagnosticStatus.OK, '; '.join(filter(None, (rate, monitor.camera_info_missing)))
