"""Draw costmaps and the truth about them from above, with the robot facing up."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.drawing import INK, Color, Image, write
from espnet_ros.core.labels import Labels
from espnet_ros.core.layers import LETHAL, UNKNOWN, LayerSpec, published_cost
from espnet_ros.evaluation.costmap_scores import CostmapCells
from espnet_ros.evaluation.truth import RANGE_M, Truth

# What is drawn around the robot, metres: a square.
_AHEAD, _BEHIND = 9.0, 3.0
_SIDE = _AHEAD + _BEHIND

_UNKNOWN_BGR = (186, 182, 178)
_FREE_BGR = (246, 250, 244)
_LETHAL_BGR = (48, 24, 160)
# From cost 1 to 98.
_CHEAP_BGR, _DEAR_BGR = (190, 240, 255), (40, 120, 240)
_ROBOT_BGR, _VIEW_BGR = (200, 90, 20), (210, 130, 60)
# Share of the unknown colour that is laid over what the camera does not show now.
_VEIL = 0.7
# Size of the writing.
_TEXT = 0.42


def palette() -> Image:
    """Return the colour of each occupancy, uint8 (256, 3) BGR, indexed by its bits as uint8."""
    colors = np.full((256, 3), _UNKNOWN_BGR, np.float64)
    share = np.linspace(0.0, 1.0, 98)[:, None]
    colors[1:99] = (1.0 - share) * _CHEAP_BGR + share * _DEAR_BGR
    colors[0], colors[LETHAL] = _FREE_BGR, _LETHAL_BGR
    return np.asarray(colors.round(), np.uint8)


def cost_legend(layers: Sequence[LayerSpec]) -> list[tuple[str, Color]]:
    """Return the texts and BGR colours of a legend, from unknown to lethal."""
    names: dict[int, list[str]] = {0: [], LETHAL: []}
    for layer in layers:
        names.setdefault(published_cost(layer.cost), []).append(layer.name)
    words = {0: 'free', LETHAL: 'lethal'}
    entries = [('unknown', _UNKNOWN_BGR)]
    for cost in sorted(names):
        text = words.get(cost, f'cost {cost}')
        text += f': {", ".join(names[cost])}' if names[cost] else ''
        entries.append((text, _color(palette()[cost])))
    return entries


class MapView:
    """Pictures of the surroundings of the robot.

    :param truth: of the drive.
    :param size_px: side of the pictures.
    :param layers: of the costmap, which give the true classes their costs.
    :param labels: of the classes.
    """

    def __init__(
        self, truth: Truth, size_px: int, layers: Sequence[LayerSpec], labels: Labels
    ) -> None:
        self._truth, self._size_px = truth, size_px
        self._costs = _class_costs(layers, labels)
        self._palette = palette()
        pixels = np.stack(np.meshgrid(*[np.arange(size_px)] * 2), axis=-1).reshape(-1, 2)
        in_view = truth.sees(0, self._odom(pixels, 0))[0].reshape(size_px, size_px)
        # The robot faces up in every picture, so its view is the same in all of them.
        self._outline = cv2.findContours(
            in_view.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )[0]

    def draw(self, costmap: CostmapCells | None, index: int) -> Image:
        """Draw a costmap around the robot at the time of an image, uint8 (size, size, 3) BGR.

        :param costmap: None if none has come.
        """
        if costmap is None:
            return self._marked(np.full((self._size_px,) * 2 + (3,), _UNKNOWN_BGR, np.uint8))
        return self._marked(self._turned(costmap, self._colors(costmap.cells), index))

    def draw_truth(self, costmap: CostmapCells, index: int) -> Image:
        """Draw a costmap that knows everything, in the same cells and colours.

        What the image does not show is veiled.
        """
        shape, centers = costmap.cells.shape, costmap.centers()
        classes = self._truth.class_at(centers, self._truth.stamp_s(index)).reshape(shape)
        shown = self._truth.sees(index, centers)[1].reshape(shape)
        colors = self._colors(self._costs[classes])
        veiled = (1.0 - _VEIL) * colors[~shown] + _VEIL * np.array(_UNKNOWN_BGR)
        colors[~shown] = veiled.round()
        return self._marked(self._turned(costmap, colors, index))

    def _colors(self, cells: npt.NDArray[np.int8]) -> Image:
        colors: Image = self._palette[np.ascontiguousarray(cells).view(np.uint8)]
        return colors

    def _turned(self, costmap: CostmapCells, colors: Image, index: int) -> Image:
        """Draw the cells, given their colours, with the robot of an image facing up."""
        odom = self._odom(np.array([[0, 0], [1, 0], [0, 1]]), index)
        # OpenCV counts from the middle of the first cell.
        cells = (odom - costmap.origin_m) / costmap.resolution_m - 0.5
        matrix = np.column_stack([cells[1] - cells[0], cells[2] - cells[0], cells[0]])
        picture = cv2.warpAffine(
            colors, matrix, (self._size_px,) * 2, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT, borderValue=_UNKNOWN_BGR,
        )  # fmt: skip
        return np.asarray(picture, np.uint8)

    def _odom(self, pixels: npt.NDArray[np.int_], index: int) -> npt.NDArray[np.float64]:
        """Return where the middles of pixels, (N, 2) columns and rows, are in odom, metres."""
        u, v = ((pixels + 0.5) * (_SIDE / self._size_px)).T
        pose = self._truth.poses[index]
        points: npt.NDArray[np.float64] = np.column_stack([_AHEAD - v, _SIDE / 2 - u])
        return points @ pose[:2, :2].T + pose[:2, 3]

    def _marked(self, picture: Image) -> Image:
        """Draw the robot, the part in view and a scale."""
        scale = self._size_px / _SIDE
        cv2.drawContours(picture, self._outline, -1, _VIEW_BGR, 1, cv2.LINE_AA)
        x, y = self._size_px / 2, _AHEAD * scale
        arrow = np.array([(0, -0.5), (0.32, 0.35), (0, 0.15), (-0.32, 0.35)]) * scale + (x, y)
        cv2.fillPoly(picture, [np.rint(arrow).astype(np.int32)], _ROBOT_BGR, cv2.LINE_AA)
        left, bottom = 12, self._size_px - 12
        right = left + round(2 * scale)
        cv2.line(picture, (left, bottom), (right, bottom), INK, 2)
        write(picture, '2 m', left, bottom - 6, _TEXT)
        write(picture, f'{RANGE_M:.0f} m', round(x) + 6, round(y - RANGE_M * scale) - 6, _TEXT)
        cv2.rectangle(picture, (0, 0), (self._size_px - 1,) * 2, INK, 1)
        return picture


def _class_costs(layers: Sequence[LayerSpec], labels: Labels) -> npt.NDArray[np.int8]:
    """Return the occupancy of each class, int8 (256,): ground of no layer is free."""
    costs = np.full(256, UNKNOWN, np.int8)
    for class_id, label in enumerate(labels):
        if label.kind in ('ground', 'upright'):
            of_it = [published_cost(la.cost) for la in layers if label.name in la.classes]
            costs[class_id] = max(of_it, default=0)
    return costs


def _color(values: npt.NDArray[np.uint8]) -> Color:
    blue, green, red = (int(v) for v in values)
    return blue, green, red
