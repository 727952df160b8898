"""The errors this package raises: each message says what was expected, what came, what to do."""

from __future__ import annotations

from typing import Literal, get_args

# What an image is refused for. Diagnostics count by it (docs/diagnostics.md), as rejected_...
# what a camera sends and as skipped_... what is kept out of the cost maps.
Rejection = Literal[
    'encoding',  # not of a colour image, or not known
    'size',  # no pixel, or not what something else has
    'step',  # too few bytes a row
    'data',  # too few bytes
    'decode',  # a compressed image, or an encoding of cv_bridge, that can't be unpacked
    'array',  # not uint8 (H, W, 3)
    'mask',  # not uint8 (H, W)
    'confidence',  # not like its mask
    'depth',  # none, or not registered to the colour image
    'view',  # shows neither ground nor anything upright
    'stamp',  # not after that of the last image
]
REJECTIONS: tuple[Rejection, ...] = get_args(Rejection)


class EspnetRosError(Exception):
    """Base of all errors that are the caller's to mend, printed without a traceback."""


class ImageError(EspnetRosError):
    """An image (message or array) that can't be used.

    :param reason: one of `REJECTIONS`, under which diagnostics count it, e.g. ``encoding``.
    """

    def __init__(self, reason: Rejection, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class CameraInfoError(EspnetRosError):
    """A camera calibration that can't be used for the image it came with."""


class PoseError(EspnetRosError):
    """A pose that is missing or can't be used, so that nobody knows where a look belongs.

    By tf or odometry it came too late or not at all, is of other frames than asked for, or its
    stamp or that of the image is missing or of another clock; it is no rigid motion, or of a base
    that is tipped over; or the camera is not above the ground from there, or sees none of it.
    """


class AbandonedError(EspnetRosError):
    """What was waited for and is not wanted any more."""


class ParameterError(EspnetRosError):
    """A parameter or argument with an unknown name, a wrong type or a value out of bounds."""


class BundleError(EspnetRosError):
    """A model folder that is missing, incomplete, changed or of another make than asked for."""


class MovedError(BundleError):
    """Something in a replaced model folder that lies elsewhere now, which the message names."""


class CheckpointError(EspnetRosError):
    """A checkpoint whose tensors are not those of the architecture."""


class DatasetError(EspnetRosError):
    """A dataset or image source that is empty, incomplete or inconsistent."""


class BackendError(EspnetRosError):
    """Inference that can't start or failed."""


class BackendUnavailableError(BackendError):
    """A backend whose library, device or precision this machine does not have."""


class DeviceError(BackendError):
    """A device that ran out of memory or is gone, while another one may still work."""


def describe(error: Exception) -> str:
    """Return an error in a sentence; one of ours is a sentence already."""
    expected = isinstance(error, EspnetRosError)
    return str(error) if expected else f'{type(error).__name__}: {error}'
