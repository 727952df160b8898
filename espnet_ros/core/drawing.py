"""The parts of pictures for people: paper, text, swatches and resized images."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
# Blue, green, red.
Color = tuple[int, int, int]

PAPER: Color = (250, 250, 250)
INK: Color = (48, 44, 40)
# Pixels: the height of a line of text, the free margin at the sides, and the square before a name.
LINE, MARGIN, _SWATCH = 28, 16, 16
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SCALE = 0.55


def paper(height: int, width: int, color: Color = PAPER) -> Image:
    """Return an empty picture, uint8 (height, width, 3) BGR."""
    return np.full((height, width, 3), color, np.uint8)


def write(
    canvas: Image, text: str, x: int, y: int, scale: float = _SCALE, color: Color = INK
) -> None:
    """Write a text whose baseline begins at a pixel.

    :param canvas: uint8 (H, W, 3) BGR; it may be a part of a picture.
    """
    # putText can't draw into a view whose rows are not contiguous in every OpenCV.
    part = np.ascontiguousarray(canvas)
    cv2.putText(part, text, (x, y), _FONT, scale, color, 1, cv2.LINE_AA)
    if part is not canvas:
        canvas[:] = part


def text_width(text: str, scale: float = _SCALE) -> int:
    """Return how wide a text is, in pixels."""
    return int(cv2.getTextSize(text, _FONT, scale, 1)[0][0])


def write_in_line(
    canvas: Image, text: str, x: int, top: int = 0, scale: float = _SCALE
) -> None:
    """Write a text into a line that is `LINE` pixels high and begins at row `top`."""
    write(canvas, text, x, top + LINE - 9, scale)


def text_line(text: str, width: int, margin: int = MARGIN) -> Image:
    """Return a line with a text, shrunk if it would not fit, uint8 (LINE, width, 3) BGR.

    :param margin: left free at both sides.
    """
    canvas = paper(LINE, width)
    scale = min(_SCALE, _SCALE * (width - 2 * margin) / max(text_width(text), 1))
    write_in_line(canvas, text, margin, scale=scale)
    return canvas


def swatches(
    entries: Sequence[tuple[str, Color]], width: int, end: int, edged: bool = False
) -> Image:
    """Draw a square of each colour before its name, in as many lines as the width needs.

    :param entries: names and colours.
    :param width: of the result in pixels.
    :param end: no entry goes beyond this column unless it is the first of its line.
    :param edged: whether the squares have an edge, for colours like the paper's.
    :returns: uint8 (H, width, 3) BGR.
    """
    places, x, line = [], MARGIN, 0
    for text, color in entries:
        needed = _SWATCH + 6 + text_width(text) + 18
        if x + needed > end and x > MARGIN:
            x, line = MARGIN, line + 1
        places.append((text, color, x, line))
        x += needed
    canvas = paper(LINE * (line + 1), width)
    for text, color, x, line in places:
        top = line * LINE + (LINE - _SWATCH) // 2
        corners = (x, top), (x + _SWATCH - 1, top + _SWATCH - 1)
        cv2.rectangle(canvas, *corners, color, cv2.FILLED)
        if edged:
            cv2.rectangle(canvas, *corners, INK, 1)
        write_in_line(canvas, text, x + _SWATCH + 6, line * LINE)
    return canvas


def resized(image: Image, size_wh: tuple[int, int]) -> Image:
    """Return an image at another size, averaged if it shrinks; itself if it has that size.

    :param image: uint8 (H, W, 3) BGR.
    """
    height, width = image.shape[:2]
    if (width, height) == size_wh:
        return image
    how = cv2.INTER_AREA if width > size_wh[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size_wh, interpolation=how), np.uint8)


def of_width(image: Image, width: int) -> Image:
    """Return an image resized to a width in proportion, uint8 (H, width, 3) BGR.

    An image more than twice as high as wide is limited in height and centred on blank paper.
    """
    high, wide = image.shape[:2]
    scale = min(width / wide, 2 * width / high)
    picture = resized(image, (max(1, round(wide * scale)), max(1, round(high * scale))))
    if picture.shape[1] == width:
        return picture
    canvas = paper(picture.shape[0], width)
    left = (width - picture.shape[1]) // 2
    canvas[:, left : left + picture.shape[1]] = picture
    return canvas
