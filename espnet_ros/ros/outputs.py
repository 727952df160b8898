"""What the node publishes for each image of a camera."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.color_image import ColorImage
from espnet_ros.core.config import OverlayConfig
from espnet_ros.core.labels import Labels
from espnet_ros.core.pipeline import Segmentation
from espnet_ros.core.visualize import colorize, overlay
from espnet_ros.ros.camera_info import scale_camera_info
from espnet_ros.ros.conversions import array_to_image, array_to_jpeg
from espnet_ros.ros.publishers import create_output


class CameraOutputs:
    """The publishers of one camera.

    :param node: the node whose private topics they are.
    :param camera: prefix of the topics, empty for none.
    :param labels: classes of the masks.
    :param overlay_config: returns the current settings of the colour outputs.
    """

    def __init__(
        self,
        node: Node,
        camera: str,
        labels: Labels,
        overlay_config: Callable[[], OverlayConfig],
    ) -> None:
        self._labels = labels
        self._overlay_config = overlay_config
        with ExitStack() as made:
            create = partial(create_output, made, node, camera=camera)
            self._mask = create('mask')
            self._confidence = create('confidence')
            self._camera_info = create('camera_info')
            self._color_mask = create('color_mask')
            self._color_mask_jpeg = create('color_mask/compressed')
            self._overlay = create('overlay')
            self._overlay_jpeg = create('overlay/compressed')
            self._made = made.pop_all()

    def publish_mask(self, header: Header, mask: UInt8Array) -> None:
        """Publish a mask.

        :param header: of its image.
        :param mask: class ids, uint8 (H, W), UNLABELED (255) for none.
        """
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
        :param mask: uint8 (H, W).
        :raises CameraInfoError: if the calibration can't be used for this image.
        """
        mask_wh = (mask.shape[1], mask.shape[0])
        scaled = scale_camera_info(camera_info, header, image_wh, mask_wh)
        self._camera_info.publish(scaled)

    def publish_colors(self, header: Header, image: ColorImage, mask: UInt8Array) -> None:
        """Draw and publish those colour outputs that somebody subscribes to.

        :param header: of the image.
        :param image: of any size; it is resized to that of the mask.
        :param mask: class ids, uint8 (H, W), UNLABELED (255) for none.
        """
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
        self._made.close()
