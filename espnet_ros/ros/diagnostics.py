"""What the node says about itself on /diagnostics, one status a camera."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ImageError, describe
from espnet_ros.core.statistics import RollingRate, StageTimes

OTHER_TRANSPORT = 'set input.transport to match'
# What large images need is in the hands of who sends them.
_LARGE_IMAGES = (
    'start the camera driver with the Fast DDS profile config/fastdds_large_images.xml, or large '
    'images get lost'
)
STAGES = ('decode', 'resize', 'infer', 'post', 'publish', 'latency')


class CameraMonitor:
    """Counts what happens to the images of one camera."""

    def __init__(self) -> None:
        self.received = 0
        self.processed = 0
        self.dropped = 0
        self.paused = 0
        self.failed = 0
        self.rejected: Counter[str] = Counter()
        self.stages = StageTimes(STAGES)
        self.last_error = ''
        # The same until an image is good again.
        self.error = ''
        self.camera_info_problem = ''
        self.camera_info_missing = ''
        self._rate = RollingRate()
        self._start_s = time.monotonic()
        self._last_image_s: float | None = None
        self._reported = (0, 0)

    def receive(self) -> None:
        """Count an image that came in."""
        self.received += 1
        self._last_image_s = time.monotonic()

    def process(self, stage_ms: Mapping[str, float]) -> None:
        """Count an image whose mask went out."""
        self.processed += 1
        self.error = ''
        self._rate.add(time.monotonic())
        self.stages.add(stage_ms)

    def reject(self, error: ImageError) -> None:
        """Count an image that can't be used."""
        self.rejected[error.reason] += 1
        self.error = self.last_error = str(error)

    def fail(self, error: Exception) -> None:
        """Count an image that was lost to a fault of ours or of the backend."""
        self.failed += 1
        self.error = self.last_error = describe(error)

    @property
    def rate_hz(self) -> float:
        """Return the masks a second."""
        return self._rate.rate_hz(time.monotonic())

    @property
    def silent_s(self) -> float:
        """Return the seconds since the last image, or since the monitor's start."""
        return time.monotonic() - (self._last_image_s or self._start_s)

    def news(self) -> tuple[int, int]:
        """Return how many images were rejected and lost since the last call."""
        now = (self.rejected.total(), self.failed)
        before, self._reported = self._reported, now
        return now[0] - before[0], now[1] - before[1]

    def values(self) -> dict[str, Any]:
        """Return the counters and times under the names they are published."""
        return {
            'received': self.received,
            'processed': self.processed,
            'dropped': self.dropped,
            'paused': self.paused,
            'failed': self.failed,
            'rejected': self.rejected.total(),
            **{f'rejected_{reason}': n for reason, n in sorted(self.rejected.items())},
            'rate_hz': f'{self.rate_hz:.2f}',
            **self.stages.values(),
            'seconds_since_image': '' if self._last_image_s is None else f'{self.silent_s:.2f}',
            'last_error': self.last_error,
        }


def judge(
    state: str, config: NodeConfig, monitor: CameraMonitor, why_silent: Callable[[], str],
    progress: str = '',
) -> tuple[bytes, str]:
    """Return level and message of a camera.

    :param state: lifecycle state of the node.
    :param why_silent: called for the reason when no images come.
    :param progress: what images wait for, if it takes long.
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
    # Masks need no calibration; the status of the cost maps warns where they miss it.
    return DiagnosticStatus.OK, '; '.join(filter(None, (rate, monitor.camera_info_missing)))


def why_silent(
    node: Node, topic: str, type_name: str, reliable: bool, came: bool,
    other_type: str = OTHER_TRANSPORT,
) -> str:  # fmt: skip
    """Return the likeliest reason why no image arrives on a topic.

    :param topic: fully qualified.
    :param type_name: what the node subscribes to, e.g. ``sensor_msgs/msg/Image``.
    :param reliable: whether it asks for reliable delivery.
    :param came: whether an image ever did.
    :param other_type: what to do where somebody publishes another type.
    """
    publishers = node.get_publishers_info_by_topic(topic)
    if not publishers:
        return f'nobody publishes {topic}; remap it or start the camera'
    types = {p.topic_type for p in publishers}
    if type_name not in types:
        return (
            f'{topic} has type {", ".join(sorted(types))}, not {type_name}; {other_type}'
        )
    best_effort = ReliabilityPolicy.BEST_EFFORT
    if reliable and all(p.qos_profile.reliability == best_effort for p in publishers):
        return f'the publisher of {topic} is best effort; set input.reliability to best_effort'
    if came:
        return (
            f'images of {topic} came before: the camera has paused, is slow or has stopped; '
            f'{_LARGE_IMAGES}'
        )
    return f'{topic} has a publisher, but its images do not arrive; {_LARGE_IMAGES}'


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
