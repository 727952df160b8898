"""The two steps from a message to what is published; a bad image does not stop the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from espnet_ros.core.color_image import ColorImage
from espnet_ros.core.errors import ImageError, describe
from espnet_ros.core.pipeline import Segmentation
from espnet_ros.ros.camera import Camera, Decoded, Segmented
from espnet_ros.ros.log import Quiet, details

T = TypeVar('T')
Answer = tuple[Camera, Decoded, Segmentation]


class Segmenting:
    """Decodes and segments images of several cameras together, and publishes the results.

    :param infer: segments images together, as `Segmenter.segment_together`.
    :param deliver: takes the name of a camera and what the grid needs of its image.
    :param logger: of the node.
    """

    def __init__(
        self,
        infer: Callable[[list[ColorImage]], Sequence[Segmentation]],
        deliver: Callable[[str, Segmented], None],
        logger: Any,
    ) -> None:
        self._infer, self._deliver, self._logger = infer, deliver, logger
        self._quiet = Quiet()

    def segment(self, taken: list[tuple[Camera, Any]]) -> list[Answer]:
        """Return the masks of the messages of some cameras, without those that failed."""
        decoded = [(c, self._guard([c], partial(c.decode, message))) for c, message in taken]
        usable = [(camera, image) for camera, image in decoded if image is not None]
        if not usable:
            return []
        images = [decoded.image for _, decoded in usable]
        cameras = [camera for camera, _ in usable]
        masks = self._guard(cameras, partial(self._infer, images))
        if masks is None:
            return []
        return [(*pair, mask) for pair, mask in zip(usable, masks, strict=True)]

    def publish(self, answers: list[Answer]) -> None:
        """Publish masks and all that is made from them, and deliver them."""
        for camera, decoded, segmentation in answers:
            segmented = self._guard([camera], partial(camera.publish, decoded, segmentation))
            if segmented is not None:
                self._deliver(camera.name, segmented)

    def _guard(self, cameras: Sequence[Camera], step: Callable[[], T]) -> T | None:
        """Return the result of a step for images of some cameras, or log why there is none."""
        try:
            return step()
        except ImageError as error:
            for camera in cameras:
                camera.monitor.reject(error)
            if text := self._complaint(cameras, 'rejected', error):
                # Not in one call with the error below: rclpy takes one severity from each.
                self._logger.warning(text)
        except Exception as error:
            # Whatever a backend raises for one image, the next image gets its chance.
            for camera in cameras:
                camera.monitor.fail(error)
            if text := self._complaint(cameras, 'lost', error):
                self._logger.error(text)
        return None

    def _complaint(self, cameras: Sequence[Camera], what: str, error: Exception) -> str:
        """Return the line to log for those cameras whose complaint is due, '' for none."""
        why = describe(error)
        names = [camera.name for camera in cameras if self._quiet.is_due(why, what, camera.name)]
        # The only camera may have no name.
        named = f' of {", ".join(names)}' if any(names) else ''
        return f'image{named} {what}: {why}{details(error)}' if names else ''
