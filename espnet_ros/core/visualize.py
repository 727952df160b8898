"""Draw masks for people: class colours, overlays, a legend, a contact sheet, a video picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.config import OverlayConfig
from espnet_ros.core.errors import ImageError, ParameterError
from espnet_ros.core.labels import Labels

Image = npt.NDArray[np.uint8]

_PAPER = (250, 250, 250)
_INK = (48, 44, 40)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.55
_LINE = 28
_MARGIN = 16
_GAP = 10
_SWATCH = 16


def colorize(mask: Image, labels: Labels) -> Image:
    """Paint each class in its colour; UNLABELED and ids without a class are black.

    :param mask: uint8 (H, W) class_id.
    :returns: uint8 (H, W, 3) BGR.
    """
    # cv2.LUT wants as many channels in as out; that detour is still 5x faster than indexing.
    gray = cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.LUT(gray, labels.palette_bgr.reshape(1, 256, 3)), np.uint8)


def overlay(
    image: Image, mask: Image, labels: Labels, opacity: float = OverlayConfig.opacity
) -> Image:
    """Blend the class colours over the image; UNLABELED pixels keep the image.

    :param image: uint8 (H, W, 3) BGR.
    :param mask: uint8 (H, W) class_id.
    :param opacity: of the colours, 0 (image only) to 1 (colours only).
    :returns: uint8 (H, W, 3) BGR.
    :raises ImageError: if image and mask differ in size.
    :raises ParameterError: if the opacity is out of bounds.
    """
    if image.shape[:2] != mask.shape:
        raise ImageError(
            'size',
            f'expected a mask of the image size {_size(image)}, got {_size(mask)}: resize one',
        )
    if not 0.0 <= opacity <= 1.0:
        raise ParameterError(f'overlay opacity: expected 0 to 1, got {opacity}')
    blended = cv2.addWeighted(image, 1.0 - opacity, colorize(mask, labels), opacity, 0.0)
    bare = (mask >= len(labels)).astype(np.uint8)
    return np.asarray(cv2.copyTo(image, bare, blended), np.uint8)


def classes_in(masks: Iterable[Image], labels: Labels) -> list[int]:
    """Return the ids of the classes that occur, most frequent first.

    :param masks: uint8 (H, W) class_id each.
    """
    counts = np.zeros(256, np.int64)
    for mask in masks:
        counts += np.bincount(mask.ravel(), minlength=256)
    order = np.argsort(-counts[: len(labels)], kind='stable')
    return [int(i) for i in order if counts[i]]


def legend(labels: Labels, class_ids: Sequence[int], width: int) -> Image:
    """Draw a swatch and the name of each class, in as many lines as the width needs.

    :param class_ids: in drawing order.
    :param width: of the result in pixels.
    :returns: uint8 (H, width, 3) BGR.
    """
    places, x, line = [], _MARGIN, 0
    for class_id in class_ids:
        needed = _SWATCH + 6 + _text_width(labels[class_id].name) + 18
        if x + needed > width - _MARGIN and x > _MARGIN:
            x, line = _MARGIN, line + 1
        places.append((class_id, x, line))
        x += needed
    canvas = _paper(_LINE * (line + 1), width)
    for class_id, x, line in places:
        top = line * _LINE + (_LINE - _SWATCH) // 2
        color = [int(v) for v in labels.palette_bgr[class_id]]
        cv2.rectangle(canvas, (x, top), (x + _SWATCH - 1, top + _SWATCH - 1), color, cv2.FILLED)
        _write(canvas, labels[class_id].name, x + _SWATCH + 6, line * _LINE)
    return canvas


def contact_sheet(
    images: Sequence[Image],
    masks: Sequence[Image],
    labels: Labels,
    title: str,
    panel_width: int = 480,
) -> Image:
    """Draw one row (image, mask, overlay) for each image, with a title and a legend.

    :param images: uint8 (H, W, 3) BGR each, all of one size.
    :param masks: uint8 (H, W) class_id each.
    :returns: uint8 BGR.
    """
    width = 3 * panel_width + 2 * _GAP + 2 * _MARGIN
    rows = [_paper(_MARGIN, width), _text_line(title, width), _headings(panel_width, width)]
    for image, mask in zip(images, masks, strict=True):
        panels = (image, colorize(mask, labels), overlay(image, mask, labels))
        rows += [_row([_fit(p, panel_width) for p in panels], width), _paper(_GAP, width)]
    rows += [legend(labels, classes_in(masks, labels), width), _paper(_MARGIN, width)]
    return np.concatenate(rows)


def video_picture(
    image: Image,
    mask: Image | None,
    labels: Labels,
    class_ids: Sequence[int],
    caption: str,
) -> Image:
    """Draw image and overlay side by side over a caption and a legend.

    :param image: uint8 (H, W, 3) BGR.
    :param mask: uint8 (H, W) class_id, or None for an image without an answer.
    :param class_ids: of the legend: the same for a whole video, so that nothing jumps.
    :returns: uint8 BGR with even sides, as 4:2:0 video needs.
    """
    right = image if mask is None else overlay(image, mask, labels)
    # Small images are enlarged so that the text stays in proportion, large ones kept to 1080p.
    panel_width = min(max(image.shape[1], 640), 960) // 2 * 2
    panels = np.concatenate([_fit(image, panel_width), _fit(right, panel_width)], axis=1)
    width = panels.shape[1]
    rows = [panels, _paper(6, width), _text_line(caption, width)]
    rows += [legend(labels, class_ids, width), _paper(6, width)]
    canvas = np.concatenate(rows)
    return canvas if canvas.shape[0] % 2 == 0 else np.concatenate([canvas, _paper(1, width)])


def _fit(image: Image, width: int) -> Image:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    if image.shape[1] == width and image.shape[0] == height:
        return image
    how = cv2.INTER_AREA if image.shape[1] > width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)


def _row(panels: Sequence[Image], width: int) -> Image:
    canvas = _paper(panels[0].shape[0], width)
    x = _MARGIN
    for panel in panels:
        canvas[:, x : x + panel.shape[1]] = panel
        x += panel.shape[1] + _GAP
    return canvas


def _headings(panel_width: int, width: int) -> Image:
    canvas = _paper(_LINE, width)
    for index, text in enumerate(('image', 'mask', 'overlay')):
        _write(canvas, text, _MARGIN + index * (panel_width + _GAP), 0)
    return canvas


def _text_line(text: str, width: int) -> Image:
    canvas = _paper(_LINE, width)
    scale = min(_FONT_SCALE, _FONT_SCALE * (width - 2 * _MARGIN) / max(_text_width(text), 1))
    _write(canvas, text, _MARGIN, 0, scale)
    return canvas


def _write(canvas: Image, text: str, x: int, top: int, scale: float = _FONT_SCALE) -> None:
    cv2.putText(canvas, text, (x, top + _LINE - 9), _FONT, scale, _INK, 1, cv2.LINE_AA)


def _text_width(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)[0][0])


def _paper(height: int, width: int) -> Image:
    return np.full((height, width, 3), _PAPER, np.uint8)


def _size(array: Image) -> str:
    return f'{array.shape[1]}x{array.shape[0]}'
