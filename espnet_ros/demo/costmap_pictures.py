"""The demo's pictures of costmaps: a sheet and a video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.labels import Labels
from espnet_ros.core.layers import LayerSpec
from espnet_ros.core.visualize import classes_in, colorize, legend, overlay
from espnet_ros.demo.map_view import MapView, cost_legend
from espnet_ros.demo.pictures import Answer
from espnet_ros.evaluation.costmap_scores import Costmap
from espnet_ros.evaluation.truth import Truth

Image = npt.NDArray[np.uint8]

_HEIGHT = 480
_MARGIN, _GAP, _LINE, _SWATCH = 16, 12, 28, 16
_PAPER, _INK = 250, (48, 44, 40)
_HEADINGS = (
    'camera', 'mask', 'costmap, up is ahead; blue: robot and its view',
    'ground truth; pale: not shown by this image',
)  # fmt: skip


def costmap_sheet(
    answers: Sequence[Answer],
    costmaps: Mapping[int, Costmap],
    indices: Sequence[int],
    truth: Truth,
    layers: Sequence[LayerSpec],
    labels: Labels,
    title: str,
) -> Image:
    """Draw a row (camera, mask, costmap, ground truth) for each of some images, uint8 BGR.

    :param answers: all images of the drive.
    :param costmaps: by index of their image.
    :param indices: of the images to draw, each of them with mask and costmap.
    """
    view = MapView(truth, _HEIGHT, layers, labels)
    masks, rows = [], []
    for index in indices:
        picture, mask = answers[index].image, answers[index].mask
        assert mask is not None
        masks.append(mask)
        panels = [_fit(picture), _fit(colorize(mask, labels)), view.draw(costmaps[index], index)]
        panels.append(view.draw_truth(costmaps[index], index))
        rows += [_beside(panels), _paper(_GAP, 1)]
    width = max(row.shape[1] for row in rows)
    starts = np.cumsum([0, *(p.shape[1] + _GAP for p in panels[:-1])])
    headings = _paper(_LINE, width)
    for text, x in zip(_HEADINGS, starts, strict=True):
        _write(headings, text, int(x))
    classes = legend(labels, classes_in(masks, labels), width)
    parts = [_text_line(title, width), headings, *rows, classes, _costs(layers, width)]
    return _stack(parts, width)


def costmap_pictures(
    answers: Sequence[Answer],
    costmaps: Mapping[int, Costmap],
    truth: Truth,
    layers: Sequence[LayerSpec],
    labels: Labels,
    caption: str,
    progress: Callable[[Iterable[Answer], int], Iterable[Answer]],
) -> Iterator[Image]:
    """Draw for each image its overlay beside the newest costmap of then, uint8 BGR.

    :param progress: wraps the answers and their number, e.g. in a progress bar.
    """
    view = MapView(truth, _HEIGHT, layers, labels)
    costmap = None
    for index, answer in enumerate(progress(answers, len(answers))):
        costmap = costmaps.get(index, costmap)
        picture = answer.image
        if answer.mask is not None:
            picture = overlay(picture, answer.mask, labels)
        row = _beside([_fit(picture), view.draw(costmap, index)])
        width = row.shape[1]
        parts = [row, _text_line(f'{caption}   {truth.stamp_s(index):.1f} s', width)]
        parts.append(_costs(layers, width))
        canvas = _stack(parts, width)
        # 4:2:0 video needs even sides.
        yield canvas[: canvas.shape[0] // 2 * 2, : canvas.shape[1] // 2 * 2]


def _costs(layers: Sequence[LayerSpec], width: int) -> Image:
    """Draw the legend of the costs, in as many lines as the width needs."""
    # As far in as the legend of the classes.
    places, x, line = [], _MARGIN, 0
    for text, color in cost_legend(layers):
        needed = _SWATCH + 6 + _text_width(text) + 18
        if x > _MARGIN and x + needed > width:
            x, line = _MARGIN, line + 1
        places.append((text, color, x, line))
        x += needed
    canvas = _paper(_LINE * (line + 1), width)
    for text, color, x, line in places:
        top = line * _LINE + (_LINE - _SWATCH) // 2
        corner = (x + _SWATCH - 1, top + _SWATCH - 1)
        cv2.rectangle(canvas, (x, top), corner, color, cv2.FILLED)
        cv2.rectangle(canvas, (x, top), corner, _INK, 1)
        _write(canvas, text, x + _SWATCH + 6, line * _LINE)
    return canvas


def _fit(picture: Image) -> Image:
    """Resize to the height of the rows."""
    height, width = picture.shape[:2]
    size = (max(1, round(width * _HEIGHT / height)), _HEIGHT)
    how = cv2.INTER_AREA if height > _HEIGHT else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)


def _beside(panels: Sequence[Image]) -> Image:
    parts = [p for panel in panels for p in (panel, _paper(panel.shape[0], _GAP))]
    return np.concatenate(parts[:-1], axis=1)


def _stack(parts: Sequence[Image], width: int) -> Image:
    """Put rows of at most a width under each other, with a margin around."""
    height = sum(part.shape[0] for part in parts)
    canvas = _paper(height + 2 * _MARGIN, width + 2 * _MARGIN)
    top = _MARGIN
    for part in parts:
        rows, cols = part.shape[:2]
        canvas[top : top + rows, _MARGIN : _MARGIN + cols] = part
        top += rows
    return canvas


def _text_line(text: str, width: int) -> Image:
    canvas = _paper(_LINE, width)
    _write(canvas, text, 0, scale=min(1.0, width / max(_text_width(text), 1)))
    return canvas


def _write(canvas: Image, text: str, x: int, top: int = 0, scale: float = 1.0) -> None:
    place = (x, top + _LINE - 9)
    cv2.putText(canvas, text, place, *_font(scale), _INK, 1, cv2.LINE_AA)


def _text_width(text: str) -> int:
    return int(cv2.getTextSize(text, *_font(1.0), 1)[0][0])


def _font(scale: float) -> tuple[int, float]:
    return cv2.FONT_HERSHEY_SIMPLEX, 0.55 * scale


def _paper(height: int, width: int) -> Image:
    return np.full((height, width, 3), _PAPER, np.uint8)
