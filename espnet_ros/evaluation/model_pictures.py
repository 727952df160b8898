"""Pictures of where a model is wrong: its confusions, and the images it does worst on."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.labels import Labels
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.core.visualize import classes_in, colorize, legend

Array = npt.NDArray[np.uint8]

_PAPER, _INK, _PALE = (250, 250, 250), (48, 44, 40), (150, 146, 142)
_DARKEST = np.array([122, 66, 20])
_FONT, _SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.5
_CELL, _MARGIN, _LINE, _PANEL = 46, 16, 26, 400


def confusion_picture(matrix: ConfusionMatrix, names: Sequence[str], title: str) -> Array:
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
    side = 2 * _MARGIN + max(_width(text) for text in [*columns, 'truth / mask'])
    top = side + _LINE
    width = max(side + _CELL * len(columns) + _MARGIN, _width(title) + 2 * _MARGIN)
    canvas = _paper(top + _CELL * len(names) + _MARGIN, width)
    _write(canvas, title, _MARGIN, _MARGIN + 4)
    _write(canvas, 'truth / mask', _MARGIN, top - 10, _PALE)
    _column_names(canvas[_LINE:top, side:], columns)
    for row, name in enumerate(names):
        y = top + row * _CELL
        _write(canvas, name, side - _MARGIN // 2 - _width(name), y + _CELL // 2 + 5)
        for column in range(len(columns)):
            x = side + column * _CELL
            _cell(canvas[y : y + _CELL, x : x + _CELL], share[row, column], counts[row].any())
    return canvas


def worst_picture(
    rows: Sequence[tuple[str, Array, Array, Array]], labels: Labels, title: str
) -> Array:
    """Draw image, truth and mask of each row under its caption.

    :param rows: caption, image uint8 (H, W, 3) BGR, truth and mask uint8 (H, W) class_id.
    :param labels: classes of truth and mask.
    :returns: uint8 BGR.
    """
    width = 3 * _PANEL + 4 * _MARGIN
    parts = [_line(title, width)]
    for caption, image, truth, mask in rows:
        parts.append(_line(f'{caption}   (image, truth, mask)', width))
        panels = [_fit(image), _fit(colorize(truth, labels)), _fit(colorize(mask, labels))]
        strip = _paper(panels[0].shape[0], width)
        for index, panel in enumerate(panels):
            x = _MARGIN + index * (_PANEL + _MARGIN)
            strip[:, x : x + _PANEL] = panel
        parts.append(strip)
    masks = [mask for row in rows for mask in row[2:]]
    parts += [_paper(_MARGIN // 2, width), legend(labels, classes_in(masks, labels), width)]
    return np.concatenate(parts)


def _column_names(canvas: Array, names: Sequence[str]) -> None:
    """Write the names upwards, each over its column."""
    lying = _paper(canvas.shape[1], canvas.shape[0])
    for index, name in enumerate(names):
        _write(lying, name, 8, index * _CELL + _CELL // 2 + 5)
    canvas[:] = cv2.rotate(lying, cv2.ROTATE_90_COUNTERCLOCKWISE)[:, : canvas.shape[1]]


def _cell(canvas: Array, share: float, seen: bool) -> None:
    shade = 255 + share * (_DARKEST - 255)
    canvas[1:, 1:] = shade.astype(np.uint8) if seen else _PAPER
    percent = 100 * share
    # Under half a per cent the shade says it all.
    text = f'{percent:.0f}' if percent >= 0.5 else ''
    color = (255, 255, 255) if share > 0.5 else _INK
    _write(canvas, text, (_CELL - _width(text)) // 2, _CELL // 2 + 5, color)


def _fit(picture: Array) -> Array:
    height = max(1, round(picture.shape[0] * _PANEL / picture.shape[1]))
    how = cv2.INTER_AREA if picture.shape[1] > _PANEL else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (_PANEL, height), interpolation=how), np.uint8)


def _line(text: str, width: int) -> Array:
    canvas = _paper(_LINE, width)
    _write(canvas, text, _MARGIN, _LINE - 8)
    return canvas


def _write(
    canvas: Array, text: str, x: int, y: int, color: tuple[int, int, int] = _INK
) -> None:
    # putText can't draw into a view whose rows are not contiguous in every OpenCV.
    part = np.ascontiguousarray(canvas)
    cv2.putText(part, text, (x, y), _FONT, _SCALE, color, 1, cv2.LINE_AA)
    canvas[:] = part


def _width(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, _SCALE, 1)[0][0])


def _paper(height: int, width: int) -> Array:
    return np.full((height, width, 3), _PAPER, np.uint8)
