"""One camera of the node: its subscriptions, its outputs and its counters."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.color_image import ColorImage
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import CameraInfoError
from espnet_ros.core.labels import Labels
from espnet_ros.core.names import about
from espnet_ros.core.pipeline import Segmentation
from espnet_ros.core.rate_limit import RateLimit
from espnet_ros.core.topics import of_camera
from espnet_ros.ros.camera_info import stereo_problem
from espnet_ros.ros.camera_monitor import CameraMonitor
from espnet_ros.ros.conversions import read_compressed, read_image
from espnet_ros.ros.depth import DepthQueue
from espnet_ros.ros.outputs import CameraOutputs
from espnet_ros.ros.qos import input_profile
from espnet_ros.ros.silence import OTHER_TRANSPORT, why_silent
from espnet_ros.ros.stamps import nanoseconds

# transport -> (message type, suffix of the topic, decoder)
_TRANSPORTS: dict[str, tuple[Any, str, Callable[[Any], ColorImage]]] = {
    'raw': (Image, '', read_image),
    'compressed': (CompressedImage, '/compressed', read_compressed),
}


@dataclass(frozen=True, eq=False)
class Segmented:
    """A mask on its way to the grid.

    :param header: of its image.
    :param image_wh: size of the image, pixels.
    :param camera_info: the latest calibration, None if none came.
    :param camera_info_topic: where the calibration should come from.
    """

    header: Header
    image_wh: tuple[int, int]
    segmentation: Segmentation
    camera_info: CameraInfo | None
    camera_info_topic: str


@dataclass(frozen=True, eq=False)
class Decoded:
    """An image that can be segmented.

    :param header: of its message.
    :param image: its pixels.
    :param decode_ms: milliseconds from the message to the pixels.
    """

    header: Header
    image: ColorImage
    decode_ms: float


class Camera:
    """One camera.

    :param node: the node that owns the topics.
    :param name: prefix of its topics, empty for none.
    :param labels: classes of the masks.
    :param config: returns the current config of the node.
    """

    def __init__(
        self, node: Node, name: str, labels: Labels, config: Callable[[], NodeConfig]
    ) -> None:
        self.name = name
        self.monitor = CameraMonitor()
        self._node = node
        self._config = config
        self._input = config().input
        self._upside_down = config().is_upside_down(name)
        self._type, suffix, self._decode = _TRANSPORTS[self._input.transport]
        names = [of_camera(name, n) for n in (f'image{suffix}', 'camera_info', 'depth/image')]
        self._image_name, self._info_name, self._depth_name = names
        # What they are in the namespace and after remapping, for messages.
        self._image_topic, self._info_topic, self._depth_topic = map(
            node.resolve_topic_name, names
        )
        self._outputs = CameraOutputs(node, name, labels, lambda: config().overlay)
        with_depth = config().projection.source == 'depth'
        self.depth = DepthQueue(self._why_no_depth) if with_depth else None
        self._subscriptions: list[Any] = []
        self._camera_info: CameraInfo | None = None

    def subscribe(self, deliver: Callable[[Camera, Any], bool]) -> None:
        """Subscribe to the inputs.

        :param deliver: takes the camera and an image; returns whether it replaced a waiting one.
        """
        self.monitor = CameraMonitor()
        limit = RateLimit()

        def on_image(message: Any) -> None:
            self.monitor.receive()
            config = self._config()
            if not config.enabled:
                self.monitor.paused += 1
            # By the time of arrival, because the limit is there to spare the processor.
            elif not limit.allows(time.monotonic(), config.images_hz):
                self.monitor.above_rate += 1
            elif deliver(self, message):
                self.monitor.dropped += 1

        def on_camera_info(message: CameraInfo) -> None:
            if self._camera_info is None and self._input.rectified:
                self._warn(stereo_problem(message))
            self._camera_info = message

        create = self._node.create_subscription
        images = input_profile(self._input.reliability)
        infos = input_profile('best_effort')
        # One by one, so that those already made can be destroyed if another one fails.
        made = self._subscriptions
        made.append(create(self._type, self._image_name, on_image, images))
        made.append(create(CameraInfo, self._info_name, on_camera_info, infos))
        if self.depth is not None:
            made.append(create(Image, self._depth_name, self.depth.put, images))

    @property
    def image_subscription(self) -> Any:
        """Return the subscription to the images, None while there is none."""
        return self._subscriptions[0] if self._subscriptions else None

    def unsubscribe(self) -> None:
        """Unsubscribe, and forget what has come."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        if self.depth is not None:
            self.depth.clear()
        self._camera_info = None

    def decode(self, message: Any) -> Decoded:
        """Return the pixels of a message.

        :raises ImageError: if the image can't be used.
        """
        start = time.perf_counter()
        image = self._decode(message)
        if self._upside_down:
            image = dataclasses.replace(image, upside_down=True)
        return Decoded(message.header, image, (time.perf_counter() - start) * 1e3)

    def publish(self, decoded: Decoded, segmentation: Segmentation) -> Segmented:
        """Publish the results of one image, the mask first; return what the grid needs."""
        start = time.perf_counter()
        header, image = decoded.header, decoded.image
        self._outputs.publish_mask(header, segmentation.mask)
        stage_ms = {
            'decode': decoded.decode_ms,
            **segmentation.stage_ms,
            'publish': (time.perf_counter() - start) * 1e3,
            **self._latency_ms(header),
        }
        self._outputs.publish_confidence(header, segmentation)
        info = self._camera_info
        self._publish_camera_info(header, image, segmentation.mask, info)
        self._outputs.publish_colors(header, image, segmentation.mask)
        self.monitor.process(stage_ms)
        return Segmented(header, image.size_wh, segmentation, info, self._info_topic)

    def why_silent(self) -> str:
        """Return the likeliest reason why no image arrives."""
        came = self.monitor.received > 0
        return self._why_silent(self._image_topic, self._type, came, OTHER_TRANSPORT)

    def destroy(self) -> None:
        """Destroy what the constructor made."""
        self._outputs.destroy()

    def _why_no_depth(self) -> str:
        raw = 'remap it to a depth image that is not compressed'
        return self._why_silent(self._depth_topic, Image, False, raw)

    def _why_silent(self, topic: str, kind: Any, came: bool, other_type: str) -> str:
        """Return why nothing arrives on one of the subscriptions to images."""
        if not self._subscriptions:
            return 'not subscribed'
        type_name = f'sensor_msgs/msg/{kind.__name__}'
        reliable = self._input.reliability == 'reliable'
        return why_silent(self._node, topic, type_name, reliable, came, other_type)

    def _warn(self, problem: str) -> None:
        if problem:
            self._node.get_logger().warning(about(self.name, problem))

    def _latency_ms(self, header: Header) -> dict[str, float]:
        stamp_ns = nanoseconds(header.stamp)
        now_ns = self._node.get_clock().now().nanoseconds
        # Zero is "not set" for a stamp and "no /clock yet" for simulated time.
        return {'latency': (now_ns - stamp_ns) / 1e6} if stamp_ns and now_ns else {}

    def _publish_camera_info(
        self, header: Header, image: ColorImage, mask: UInt8Array, info: CameraInfo | None
    ) -> None:
        problem, missing = '', ''
        if info is None:
            missing = f'no camera_info on {self._info_topic}: masks go out without one'
        else:
            try:
                self._outputs.publish_camera_info(header, image.size_wh, mask, info)
            except CameraInfoError as error:
                problem = str(error)
        self.monitor.camera_info_problem, self.monitor.camera_info_missing = problem, missing
