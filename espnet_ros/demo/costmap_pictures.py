"""The demo's pictures of costmaps: a sheet and a video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from espnet_ros.core.drawing import (
    LINE,
    MARGIN,
    Image,
    paper,
    resized,
    swatches,
    text_line,
    write_in_line,
)
from espnet_ros.core.labels import Labels
from espnet_ros.core.layers import LayerSpec
from espnet_ros.core.visualize import classes_in, colorize, legend, overlay
from espnet_ros.demo.map_view import MapView, cost_legend
from espnet_ros.demo.pictures import Answer
from espnet_ros.evaluation.costmap_scores import CostmapCells
from espnet_ros.evaluation.truth import Truth

_HEIGHT = 480
_GAP = 12
_HEADINGS = (
    'camera', 'mask', 'costmap, up is ahead; blue: robot and its view',
    'ground truth; pale: not shown by this image',
)  # fmt: skip


def costmap_sheet(
    answers: Sequence[Answer],
    costmaps: Mapping[int, CostmapCells],
    indices: Sequence[int],
    truth: Truth,
    layers: Sequence[LayerSpec],
    labels: Labels,
    title: str,
) -> Image:
    """Draw a row (camera, mask, costmap, ground truth) for each of some images, uint8 BGR.

    :param answers: all images of the drive.
    :param costmaps: by index of their image.
    :param indices: of the images to draw, at least one, each of them with mask and costmap.
    """
    view = MapView(truth, _HEIGHT, layers, labels)
    masks, rows = [], []
    for index in indices:
        picture, mask = answers[index].image, answers[index].mask
        assert mask is not None
        masks.append(mask)
        panels = [_fit(picture), _fit(colorize(mask, labels)), view.draw(costmaps[index], index)]
        panels.append(view.draw_truth(costmaps[index], index))
        rows += [_beside(panels), paper(_GAP, 1)]
    width = max(row.shape[1] for row in rows)
    starts = np.cumsum([0, *(p.shape[1] + _GAP for p in panels[:-1])])
    headings = paper(LINE, width)
    for text, x in zip(_HEADINGS, starts, strict=True):
        write_in_line(headings, text, int(x))
    classes = legend(labels, classes_in(masks, labels), width)
    parts = [text_line(title, width, 0), headings, *rows, classes, _costs(layers, width)]
    return _stack(parts, width)


def costmap_pictures(
    answers: Sequence[Answer],
    costmaps: Mapping[int, CostmapCells],
    truth: Truth,
    layers: Sequence[LayerSpec],
    labels: Labels,
    caption: str,
    progress: Callable[[Iterable[Answer], int], Iterable[Answer]],
) -> Iterator[Image]:
    """Draw for each image its overlay beside the newest costmap at that time, uint8 BGR.

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
        parts = [row, text_line(f'{caption}   {truth.stamp_s(index):.1f} s', width, 0)]
        parts.append(_costs(layers, width))
        canvas = _stack(parts, width)
        # 4:2:0 video needs even sides.
        yield canvas[: canvas.shape[0] // 2 * 2, : canvas.shape[1] // 2 * 2]


def _costs(layers: Sequence[LayerSpec], width: int) -> Image:
    """Draw the legend of the costs."""
    return swatches(cost_legend(layers), width, width, edged=True)


def _fit(picture: Image) -> Image:
    """Resize to the height of the rows."""
    height, width = picture.shape[:2]
    return resized(picture, (max(1, round(width * _HEIGHT / height)), _HEIGHT))


def _beside(panels: Sequence[Image]) -> Image:
    parts = [p for panel in panels for p in (panel, paper(panel.shape[0], _GAP))]
    return np.concatenate(parts[:-1], axis=1)


def _stack(parts: Sequence[Image], width: int) -> Image:
    """Put rows of at most a width under each other, with a margin around."""
    height = sum(part.shape[0] for part in parts)
    canvas = paper(height + 2 * MARGIN, width + 2 * MARGIN)
    top = MARGIN
    for part in parts:
        rows, cols = part.shape[:2]
        canvas[top : top + rows, MARGIN : MARGIN + cols] = part
        top += rows
    return canvas
