"""``~/nav/*`` and ``~/points/*``: one look as point clouds, made only while subscribed."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from espnet_ros.core.clouds import CloudMaker, Clouds
from espnet_ros.core.mapper import Look
from espnet_ros.core.topics import CLEAR_CLOUD, LAYER_CLOUD
from espnet_ros.ros.conversions import array_to_image, to_bytes
from espnet_ros.ros.label_gate import LabelGate
from espnet_ros.ros.publishers import create_output

_FIELDS = [
    PointField(name=name, offset=4 * place, datatype=PointField.FLOAT32, count=1)
    for place, name in enumerate('xyz')
]


class CloudOutputs:
    """The clouds of one camera.

    :param node: the node whose private topics they are.
    :param camera: prefix of the topics, empty for none.
    :param layers: names of the layers.
    :param maker: of this camera.
    """

    def __init__(
        self, node: Node, camera: str, layers: tuple[str, ...], maker: CloudMaker
    ) -> None:
        self._node, self._maker = node, maker
        with ExitStack() as made:
            create = partial(create_output, made, node, camera=camera)
            self._mask = create('nav/mask')
            self._confidence = create('nav/confidence')
            self._points = create('nav/points')
            self._layers = {name: create(LAYER_CLOUD, layer=name) for name in layers}
            self._clear = create(CLEAR_CLOUD)
            self._gate = LabelGate(node, self._mask, self._confidence, self._points)
            self._made = made.pop_all()
        self._told = ''

    def publish(self, header: Header, look: Look) -> None:
        """Publish what somebody subscribes to.

        :param header: of the image; its frame is the camera's optical one.
        :raises EspnetRosError: as `CloudMaker.read` does.
        """
        aligned = (self._mask, self._confidence, self._points)
        # Warn before publishing: what is published may crash its subscriber.
        self._tell_problem()
        wanted = [p for p in self._publishers() if p.get_subscription_count()]
        if not wanted:
            return
        clouds = self._maker.read(
            look.mask, look.confidence, look.model, look.T_base_camera, look.depth_m
        )
        if any(publisher in wanted for publisher in aligned):
            self._publish_aligned(header, clouds)
        for name, publisher in self._layers.items():
            if publisher in wanted:
                publisher.publish(to_cloud(clouds.of_layer(name)[None], header))
        if self._clear in wanted:
            self._clear.publish(to_cloud(clouds.clear()[None], header))

    def problem(self) -> str:
        """Return what threatens the present subscribers of ``~/nav``, '' for nothing."""
        return self._gate.problem()

    def destroy(self) -> None:
        """Destroy the publishers."""
        self._made.close()

    def _publish_aligned(self, header: Header, clouds: Clouds) -> None:
        nav = clouds.aligned()
        self._mask.publish(array_to_image(nav.mask, header, 'mono8'))
        self._confidence.publish(array_to_image(nav.confidence, header, 'mono8'))
        if self._gate.is_open():
            self._points.publish(to_cloud(nav.points, header))

    def _tell_problem(self) -> None:
        problem, before = self.problem(), self._told
        self._told = problem
        if problem and not before:
            self._node.get_logger().error(problem)

    def _publishers(self) -> list[Publisher[Any]]:
        return [self._mask, self._confidence, self._points, *self._layers.values(), self._clear]


def to_cloud(points: npt.NDArray[np.float32], header: Header) -> PointCloud2:
    """Return a cloud of float32 x, y, z.

    :param points: float32 (H, W, 3) metres in the header's frame; one row is not organised.
    """
    height, width = points.shape[:2]
    return PointCloud2(
        header=header, height=height, width=width, fields=_FIELDS, point_step=12,
        row_step=12 * width, is_bigendian=False, data=to_bytes(points),
        is_dense=bool(np.isfinite(points).all()),
    )  # fmt: skip
