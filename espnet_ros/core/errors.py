"""The errors this package raises: each message says what was expected, what came, what to do."""

from __future__ import annotations

from typing import Literal, get_args

# Why an image is refused. Diagnostics count by reason (docs/diagnostics.md): as rejected_... for
# what a camera sends, and as skipped_... for what is kept out of the costmaps.
Rejection = Literal[
    'encoding',  # not that of a colour image, or unknown
    'size',  # no pixels, or not the size of what belongs to it
    'step',  # too few bytes per row
    'data',  # too few bytes
    'decode',  # a compressed image, or an encoding for cv_bridge, that can't be decoded
    'array',  # not uint8 (H, W, 3)
    'mask',  # not uint8 (H, W)
    'confidence',  # not of its mask's shape and type
    'depth',  # missing, or not registered to the colour image
    'view',  # shows neither ground nor anything upright
    'stamp',  # not later than that of the last image
]
REJECTIONS: tuple[Rejection, ...] = get_args(Rejection)


class EspnetRosError(Exception):
    """Base of all errors that the user can fix; they are printed without a traceback."""


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
    """A pose that is missing or can't be used, so that the place of a look is unknown.

    From tf or odometry it came too late or not at all, is for the wrong frames, or its stamp or
    the image's is missing or from another clock. Or it is not a rigid motion, or the base is
    tipped over. Or the camera there is not above the ground, or sees none of it.
    """


class AbandonedError(EspnetRosError):
    """Something that was waited for is no longer wanted."""


class ParameterError(EspnetRosError):
    """A parameter or argument with an unknown name, a wrong type or a value out of bounds."""


class BundleError(EspnetRosError):
    """A model folder that is missing, incomplete, changed or not of the kind asked for."""


class MovedError(BundleError):
    """Content of a replaced model folder that is now in another place, named in the message."""


class CheckpointError(EspnetRosError):
    """A checkpoint whose tensors are not those of the architecture."""


class DatasetError(EspnetRosError):
    """A dataset or image source that is empty, incomplete or inconsistent."""


class BackendError(EspnetRosError):
    """Inference that can't start or failed."""


class BackendUnavailableError(BackendError):
    """A backend whose library, device or precision this machine does not have."""


class DeviceError(BackendError):
    """A device that ran out of memory or is gone, although another device may still work."""


def describe(error: Exception) -> str:
    """Return an error as a sentence, which one of ours already is."""
    expected = isinstance(error, EspnetRosError)
    return str(error) if expected else f'{type(error).__name__}: {error}'
