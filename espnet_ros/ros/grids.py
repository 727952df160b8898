"""Costmaps as OccupancyGrid messages that pass Nav2's validation."""

from __future__ import annotations

import contextlib
import time
from array import array
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Point, Pose, Quaternion
from nav_msgs.msg import MapMetaData, OccupancyGrid
from rclpy.duration import Duration
from rclpy.node import Node
from std_msgs.msg import Header

from espnet_ros.core.grid import GridSpec
from espnet_ros.core.mapper import GridSnapshot
from espnet_ros.core.topics import LAYER_GRID
from espnet_ros.ros.publishers import create_output

# The last costmaps tell the robot to stop. They are lost if their publisher is destroyed at once:
# on a busy machine, one time in nine. A subscriber that hangs must not keep the node.
_FAREWELL_S = 0.5


class GridPublishers:
    """Publishers of ``~/costmap`` and ``~/layers/<layer>``, latched.

    :param node: whose private topics they are.
    :param layers: names of the layers.
    :param frame: of the grids.
    """

    def __init__(self, node: Node, layers: tuple[str, ...], frame: str) -> None:
        self._frame = frame
        with ExitStack() as made:
            self._combined = create_output(made, node, 'costmap')
            self._layers = {
                name: create_output(made, node, LAYER_GRID, layer=name) for name in layers
            }
            self._made = made.pop_all()

    def publish(self, cost_map: GridSnapshot, stamp: Any) -> None:
        """Publish all grids.

        :param stamp: builtin_interfaces Time of their content.
        """
        header = Header(stamp=stamp, frame_id=self._frame)
        occupancy = cost_map.occupancy
        self._combined.publish(to_message(cost_map.spec, occupancy.combined, header))
        for name, data in occupancy.layers.items():
            self._layers[name].publish(to_message(cost_map.spec, data, header))

    def destroy(self) -> None:
        """Destroy the publishers, once what they sent has arrived or `_FAREWELL_S` have passed."""
        deadline_s = time.monotonic() + _FAREWELL_S
        for publisher in (self._combined, *self._layers.values()):
            left_s = max(0.0, deadline_s - time.monotonic())
            # Not every middleware can tell what has arrived.
            with contextlib.suppress(RuntimeError):
                publisher.wait_for_all_acked(Duration(seconds=left_s))
        self._made.close()


def to_message(spec: GridSpec, data: npt.NDArray[np.int8], header: Header) -> OccupancyGrid:
    """Return a grid message.

    :param data: int8 (rows, columns), -1, 0..98 or 100.
    """
    x, y = spec.origin_m
    cols, rows = spec.size_cells
    # A default quaternion is all zero, which Nav2 refuses.
    origin = Pose(position=Point(x=float(x), y=float(y)), orientation=Quaternion(w=1.0))
    cells = array('b')
    cells.frombytes(data.tobytes())
    info = MapMetaData(
        map_load_time=header.stamp, resolution=float(spec.resolution_m), width=int(cols),
        height=int(rows), origin=origin,
    )  # fmt: skip
    return OccupancyGrid(header=header, info=info, data=cells)
