"""What the demo's consumer does with occupancy grids: check them as Nav2 does, keep them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from nav_msgs.msg import OccupancyGrid

from espnet_ros.ros.demo_pipe import emit
from espnet_ros.ros.qos import latched_profile
from espnet_ros.ros.stamps import SECOND_NS, nanoseconds

# nav2_ros_common/validate_messages.hpp
_MIN_RESOLUTION_M = 1e-6
_MAX_SIDE = 32767
_NORM_TOLERANCE = 1e-2


class GridInputs:
    """Subscriptions to occupancy grids, as Nav2's StaticLayer has them.

    It says ``grid`` for each one kept and ``invalid_grid`` for each that Nav2 would refuse or
    misread.

    :param topics: below the node's name.
    :param frame: that the grids must be in.
    :param file: unbuffered; takes the cells of one grid after another.
    """

    def __init__(
        self, node: Any, prefix: str, topics: tuple[str, ...], frame: str, file: BinaryIO
    ) -> None:
        self._frame = frame
        self._file = file
        self._offset = 0
        for topic in topics:
            node.create_subscription(
                OccupancyGrid, f'{prefix}/{topic}', self._listener(topic), latched_profile()
            )

    def _listener(self, topic: str) -> Any:
        return lambda message: self._on_grid(topic, message)

    def _on_grid(self, topic: str, message: Any) -> None:
        received = time.time_ns()
        problems = list(grid_problems(message, self._frame))
        if problems:
            emit('invalid_grid', topic=topic, text='; '.join(problems))
            return
        self._file.write(message.data)
        origin, stamp = message.info.origin.position, message.header.stamp
        emit(
            'grid',
            topic=topic,
            frame=message.header.frame_id,
            stamp=nanoseconds(stamp),
            received=received,
            offset=self._offset,
            size_cells=[message.info.width, message.info.height],
            resolution=message.info.resolution,
            origin=[origin.x, origin.y],
        )
        self._offset += len(message.data)


def grid_problems(message: Any, frame: str) -> Iterator[str]:
    """Yield what Nav2 would refuse or misread in an OccupancyGrid, one sentence each.

    :param frame: that it must be in: StaticLayer transforms a grid of another frame by the latest
        pose, not by that of its stamp.
    """
    info = message.info
    if message.header.frame_id != frame:
        yield f'the frame must be {frame!r}, got {message.header.frame_id!r}'
    if message.header.stamp.nanosec >= SECOND_NS:
        yield f'the stamp has {message.header.stamp.nanosec} ns, a second or more'
    if not _MIN_RESOLUTION_M < info.resolution < math.inf:
        yield f'the resolution must be above {_MIN_RESOLUTION_M} m, got {info.resolution}'
    if not (1 <= info.width <= _MAX_SIDE and 1 <= info.height <= _MAX_SIDE):
        yield f'sides must be 1..{_MAX_SIDE} cells, got {info.width}x{info.height}'
    place, turn = info.origin.position, info.origin.orientation
    if not all(map(math.isfinite, (place.x, place.y, place.z))):
        yield f'the origin must be finite, got {place.x}, {place.y}, {place.z}'
    q = (turn.x, turn.y, turn.z, turn.w)
    if not abs(math.hypot(*q) - 1.0) <= _NORM_TOLERANCE:
        yield f'the orientation must be a quaternion of norm 1, got {q}'
    elif max(map(abs, q[:3])) > _NORM_TOLERANCE:
        yield f'the grid must be aligned with its frame, as Nav2 reads no orientation, got {q}'
    if len(message.data) != info.width * info.height:
        yield f'{info.width}x{info.height} cells need one value each, got {len(message.data)}'
    cells = np.frombuffer(message.data, np.int8)
    odd = np.unique(cells[(cells < -1) | (cells == 99) | (cells > 100)])
    if odd.size:
        yield f'cells must be -1, 0..98 or 100, got {odd.tolist()}'
