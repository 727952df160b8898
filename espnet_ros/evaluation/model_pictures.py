"""Pictures of where a model is wrong: its confusions, and the images it does worst on."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from espnet_ros.core.drawing import (
    INK,
    MARGIN,
    PAPER,
    Color,
    Image,
    of_width,
    paper,
    text_width,
    write,
)
from espnet_ros.core.labels import Labels
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.core.visualize import classes_in, colorize, legend

_PALE = (150, 146, 142)
_DARKEST = np.array([122, 66, 20])
_SCALE = 0.5
_CELL, _LINE, _PANEL = 46, 26, 400


def confusion_picture(matrix: ConfusionMatrix, names: Sequence[str], title: str) -> Image:
    """Draw for each true class (a row) what it was taken for (the columns), in per cent.

    :param names: of the classes.
    :returns: uint8 BGR.
    """
    counts = matrix.counts[: matrix.classes]
    columns = [*names]
    if counts[:, matrix.classes].any():
        columns.append('no label')
    counts = counts[:, : len(columns)]
    share = counts / np.maximum(matrix.counts[: matrix.classes].sum(1, keepdims=True), 1)
    side = 2 * MARGIN + max(_width(text) for text in [*columns, 'truth / mask'])
    top = side + _LINE
    width = max(side + _CELL * len(columns) + MARGIN, _width(title) + 2 * MARGIN)
    canvas = paper(top + _CELL * len(names) + MARGIN, width)
    _write(canvas, title, MARGIN, MARGIN + 4)
    _write(canvas, 'truth / mask', MARGIN, top - 10, _PALE)
    _column_names(canvas[_LINE:top, side:], columns)
    for row, name in enumerate(names):
        y = top + row * _CELL
        _write(canvas, name, side - MARGIN // 2 - _width(name), y + _CELL // 2 + 5)
        for column in range(len(columns)):
            x = side + column * _CELL
            _cell(canvas[y : y + _CELL, x : x + _CELL], share[row, column], counts[row].any())
    return canvas


def worst_picture(
    rows: Sequence[tuple[str, Image, Image, Image]], labels: Labels, title: str
) -> Image:
    """Draw image, truth and mask of each row under its caption.

    :param rows: caption, image uint8 (H, W, 3) BGR, truth and mask uint8 (H, W) class_id.
    :param labels: classes of truth and mask.
    :returns: uint8 BGR.
    """
    width = 3 * _PANEL + 4 * MARGIN
    parts = [_line(title, width)]
    for caption, image, truth, mask in rows:
        parts.append(_line(f'{caption}   (image, truth, mask)', width))
        pictures = (image, colorize(truth, labels), colorize(mask, labels))
        panels = [of_width(p, _PANEL) for p in pictures]
        strip = paper(panels[0].shape[0], width)
        for index, panel in enumerate(panels):
            x = MARGIN + index * (_PANEL + MARGIN)
            strip[:, x : x + _PANEL] = panel
        parts.append(strip)
    masks = [mask for row in rows for mask in row[2:]]
    parts += [paper(MARGIN // 2, width), legend(labels, classes_in(masks, labels), width)]
    return np.concatenate(parts)


def _column_names(canvas: Image, names: Sequence[str]) -> None:
    """Write the names upwards, each over its column."""
    lying = paper(canvas.shape[1], canvas.shape[0])
    for index, name in enumerate(names):
        _write(lying, name, 8, index * _CELL + _CELL // 2 + 5)
    canvas[:] = cv2.rotate(lying, cv2.ROTATE_90_COUNTERCLOCKWISE)[:, : canvas.shape[1]]


def _cell(canvas: Image, share: float, seen: bool) -> None:
    shade = 255 + share * (_DARKEST - 255)
    canvas[1:, 1:] = shade.astype(np.uint8) if seen else PAPER
    percent = 100 * share
    # Below half a per cent the shade is enough.
    text = f'{percent:.0f}' if percent >= 0.5 else ''
    color = (255, 255, 255) if share > 0.5 else INK
    _write(canvas, text, (_CELL - _width(text)) // 2, _CELL // 2 + 5, color)


def _line(text: str, width: int) -> Image:
    canvas = paper(_LINE, width)
    _write(canvas, text, MARGIN, _LINE - 8)
    return canvas


def _write(canvas: Image, text: str, x: int, y: int, color: Color = INK) -> None:
    write(canvas, text, x, y, _SCALE, color)


def _width(text: str) -> int:
    return text_width(text, _SCALE)
