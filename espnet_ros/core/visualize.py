"""Draws masks for people: class colours, overlays, legends, contact sheets, video pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from espnet_ros.core.config import OverlayConfig
from espnet_ros.core.drawing import (
    LINE,
    MARGIN,
    Image,
    of_width,
    paper,
    swatches,
    text_line,
    write_in_line,
)
from espnet_ros.core.errors import ImageError, ParameterError
from espnet_ros.core.labels import Labels

# Of the contact sheet, in pixels.
_GAP, _PANEL_WIDTH = 10, 480


def colorize(mask: Image, labels: Labels) -> Image:
    """Paint each class in its colour; UNLABELED and ids without a class are black.

    :param mask: uint8 (H, W) class_id.
    :returns: uint8 (H, W, 3) BGR.
    """
    # cv2.LUT needs as many channels in as out; that detour is still 5x faster than indexing.
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
    entries = [(labels[i].name, labels[i].color_rgb[::-1]) for i in class_ids]
    return swatches(entries, width, width - MARGIN)


def contact_sheet(
    images: Sequence[Image], masks: Sequence[Image], labels: Labels, title: str
) -> Image:
    """Draw one row (image, mask, overlay) for each image, with a title and a legend.

    :param images: uint8 (H, W, 3) BGR each, all of one size.
    :param masks: uint8 (H, W) class_id each.
    :returns: uint8 BGR.
    """
    width = 3 * _PANEL_WIDTH + 2 * _GAP + 2 * MARGIN
    rows = [paper(MARGIN, width), text_line(title, width), _headings(width)]
    for image, mask in zip(images, masks, strict=True):
        panels = (image, colorize(mask, labels), overlay(image, mask, labels))
        rows += [_row([of_width(p, _PANEL_WIDTH) for p in panels], width), paper(_GAP, width)]
    rows += [legend(labels, classes_in(masks, labels), width), paper(MARGIN, width)]
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
    :param mask: uint8 (H, W) class_id, or None for an image without a mask.
    :param class_ids: for the legend; the same for a whole video, so that nothing jumps.
    :returns: uint8 BGR with even sides, as 4:2:0 video needs.
    """
    right = image if mask is None else overlay(image, mask, labels)
    # Small images are enlarged to keep the text in proportion, large ones limited to 1080p.
    panel_width = min(max(image.shape[1], 640), 960) // 2 * 2
    panels = np.concatenate([of_width(image, panel_width), of_width(right, panel_width)], axis=1)
    width = panels.shape[1]
    rows = [panels, paper(6, width), text_line(caption, width)]
    rows += [legend(labels, class_ids, width), paper(6, width)]
    canvas = np.concatenate(rows)
    return canvas if canvas.shape[0] % 2 == 0 else np.concatenate([canvas, paper(1, width)])


def _row(panels: Sequence[Image], width: int) -> Image:
    canvas = paper(panels[0].shape[0], width)
    x = MARGIN
    for panel in panels:
        canvas[:, x : x + panel.shape[1]] = panel
        x += panel.shape[1] + _GAP
    return canvas


def _headings(width: int) -> Image:
    canvas = paper(LINE, width)
    for index, text in enumerate(('image', 'mask', 'overlay')):
        write_in_line(canvas, text, MARGIN + index * (_PANEL_WIDTH + _GAP))
    return canvas


def _size(array: Image) -> str:
    return f'{array.shape[1]}x{array.shape[0]}'
