"""What the node publishes for each image of a camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from espnet_ros.core.color_image import ColorImage, UInt8Array
from espnet_ros.core.config import OverlayConfig
from espnet_ros.core.labels import Labels
from espnet_ros.core.pipeline import Segmentation
from espnet_ros.core.visualize import colorize, overlay
from espnet_ros.ros.camera_info import scale_camera_info
from espnet_ros.ros.conversions import array_to_image, array_to_jpeg
from espnet_ros.ros.publishers import create_publisher
from espnet_ros.ros.qos import output_profile


class CameraOutputs:
    """The publishers of one camera.

    :param node: the node whose private topics they are.
    :param camera: prefix of the topics, empty for none.
    :param labels: classes of the masks.
    :param overlay_config: called for the current look of the colour outputs.
    """

    def __init__(
        self,
        node: Node,
        camera: str,
        labels: Labels,
        overlay_config: Callable[[], OverlayConfig],
    ) -> None:
        self._node = node
        self._labels = labels
        self._overlay_config = overlay_config
        prefix = f'~/{camera}/' if camera else '~/'

        def publisher(kind: type, name: str) -> Publisher[Any]:
            return create_publisher(node, kind, prefix + name, output_profile())

        self._mask = publisher(Image, 'mask')
        self._confidence = publisher(Image, 'confidence')
        self._camera_info = publisher(CameraInfo, 'camera_info')
        self._color_mask = publisher(Image, 'color_mask')
        self._color_mask_jpeg = publisher(CompressedImage, 'color_mask/compressed')
        self._overlay = publisher(Image, 'overlay')
        self._overlay_jpeg = publisher(CompressedImage, 'overlay/compressed')

    def publish_mask(self, header: Header, mask: UInt8Array) -> None:
        """Publish a mask under the header of its image."""
        self._mask.publish(array_to_image(mask, header, 'mono8'))

    def publish_confidence(self, header: Header, segmentation: Segmentation) -> None:
        """Publish the confidence, if somebody subscribes to it."""
        if self._confidence.get_subscription_count():
            self._confidence.publish(array_to_image(segmentation.confidence, header, 'mono8'))

    def publish_camera_info(
        self,
        header: Header,
        image_wh: tuple[int, int],
        mask: UInt8Array,
        camera_info: CameraInfo,
    ) -> None:
        """Publish the calibration scaled to the mask.

        :param image_wh: size of the image in pixels.
        :raises CameraInfoError: if the calibration can't be used for this image.
        """
        mask_wh = (mask.shape[1], mask.shape[0])
        scaled = scale_camera_info(camera_info, header, image_wh, mask_wh)
        self._camera_info.publish(scaled)

    def publish_colors(self, header: Header, image: ColorImage, mask: UInt8Array) -> None:
        """Draw and publish those colour outputs that somebody subscribes to."""
        quality = self._overlay_config().jpeg_quality
        for draw, raw, jpeg in (
            (self._draw_color_mask, self._color_mask, self._color_mask_jpeg),
            (self._draw_overlay, self._overlay, self._overlay_jpeg),
        ):
            wanted = [p for p in (raw, jpeg) if p.get_subscription_count()]
            if not wanted:
                continue
            drawing = draw(image, mask)
            if raw in wanted:
                raw.publish(array_to_image(drawing, header, 'bgr8'))
            if jpeg in wanted:
                jpeg.publish(array_to_jpeg(drawing, header, quality))

    def _draw_color_mask(self, _: ColorImage, mask: UInt8Array) -> UInt8Array:
        return colorize(mask, self._labels)

    def _draw_overlay(self, image: ColorImage, mask: UInt8Array) -> UInt8Array:
        below = image.resized((mask.shape[1], mask.shape[0]))
        return overlay(below, mask, self._labels, self._overlay_config().opacity)

    def destroy(self) -> None:
        """Destroy the publishers."""
        for publisher in (
            self._mask,
            self._confidence,
            self._camera_info,
            self._color_mask,
            self._color_mask_jpeg,
            self._overlay,
            self._overlay_jpeg,
        ):
            self._node.destroy_publisher(publisher)
