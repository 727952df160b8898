"""What a user may ask of a source of images, with defaults; it imports no library."""

from __future__ import annotations

from dataclasses import dataclass

STREET_SIZE_WH = (480, 360)
DEFAULT_FRAMES = 100


@dataclass(frozen=True)
class Request:
    """What the user asked of a source; None stands for the source's own choice.

    :param frames: at most this many images; None for `DEFAULT_FRAMES`.
    :param rate_hz: images a second.
    :param size_wh: of the images; None for `STREET_SIZE_WH` of the street.
    :param seed: which street is built.
    :param true_masks: publish the true classes in place of pictures: (id, id, id) a pixel.
    """

    frames: int | None = None
    rate_hz: float = 10.0
    size_wh: tuple[int, int] | None = None
    seed: int = 0
    true_masks: bool = False
