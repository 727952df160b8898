"""The cells of a costmap, and how they compare with the truth.

How the figures of a costmap are defined:

- The *domain* at an image: the cells whose middle is in its view (within 8 m of the camera's
  foot and inside the image's border, `Truth.sees`) and that the image shows or the costmap knows.
- The true class of a cell: what stands on its middle at the time of the last image that showed
  it, so that the costmap is expected to find neither somebody who has walked on nor somebody who
  is hidden.
- ``ground_iou``: of the domain's cells, some are known and below 100, and some are truly of
  ground kind; the figure is the cells that are both over those that are either. A ground cell
  that stayed unknown lowers it.
- ``obstacle_recall``: rays along the ground from the camera's foot look for places that the image
  shows and where the truth turns from ground to upright; the figure is the share of them with a
  cell of 100 at most one cell away. So a footprint counts by the angle that it takes up.
- ``false_obstacle_rate``: cells of 100 that are truly of ground kind and touch no footprint,
  over all known cells of the domain. A cell is rightly marked if somebody stood there after the
  last image that showed its ground, while the place was in view.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.labels import Labels
from espnet_ros.core.layers import LETHAL
from espnet_ros.core.statistics import rounded
from espnet_ros.evaluation.truth import RANGE_M, Flags, Truth

# Steps of the rays: far less than a cell, in degrees and in metres.
_TURN_DEG, _STEP_M = 0.2, 0.02
# Points a side at which a cell is searched for a footprint that it touches.
_TOUCH = 5


@dataclass(frozen=True, eq=False)
class CostmapCells:
    """A costmap, fixed in the frame odom; arrays are indexed [my, mx].

    :param origin_m: the outer corner of cell (0, 0) in odom.
    :param cells: int8 (rows, columns): -1 unknown, 0 free to 100 lethal.
    """

    resolution_m: float
    origin_m: tuple[float, float]
    cells: npt.NDArray[np.int8]

    def centers(self) -> npt.NDArray[np.float64]:
        """Return the middles of all cells row by row, (N, 2) metres in odom."""
        rows, cols = self.cells.shape
        x, y = np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
        return np.column_stack([x.ravel(), y.ravel()]) * self.resolution_m + self.origin_m

    def at(
        self, xy: npt.NDArray[np.floating], cells: npt.NDArray[np.generic], outside: int
    ) -> npt.NDArray[np.generic]:
        """Return the values of cells at points, (N,).

        :param xy: (N, 2) metres in odom.
        :param cells: (rows, columns), the costmap's own or others of its size.
        :param outside: the value where there is no cell.
        """
        places = np.floor((xy - np.array(self.origin_m)) / self.resolution_m).astype(np.intp)
        rows, cols = cells.shape
        inside = np.all((places >= 0) & (places < (cols, rows)), axis=1)
        values = np.full(len(xy), outside, cells.dtype)
        values[inside] = cells[places[inside, 1], places[inside, 0]]
        return values


@dataclass(frozen=True)
class Tally:
    """Counts that the figures are made of; those of several costmaps add up.

    :param both: cells that are ground in costmap and truth. :param either: ... in one of them.
    :param edges: places to be found. :param found: ... that are marked.
    :param wrong: cells wrongly marked. :param known: cells known.
    """

    both: int = 0
    either: int = 0
    edges: int = 0
    found: int = 0
    wrong: int = 0
    known: int = 0

    def __add__(self, other: Tally) -> Tally:
        names = (f.name for f in dataclasses.fields(self))
        return Tally(*(getattr(self, n) + getattr(other, n) for n in names))

    @property
    def ground_iou(self) -> float | None:
        """Return the ground's intersection over union, 0 to 1."""
        return _share(self.both, self.either)

    @property
    def obstacle_recall(self) -> float | None:
        """Return the share of the edges that were found, 0 to 1."""
        return _share(self.found, self.edges)

    @property
    def false_obstacle_rate(self) -> float | None:
        """Return the share of the known cells that are wrongly marked, 0 to 1."""
        return _share(self.wrong, self.known)

    def shares(self) -> dict[str, float | None]:
        """Return the three shares by name, rounded for a report."""
        names = ('ground_iou', 'obstacle_recall', 'false_obstacle_rate')
        return {name: rounded(getattr(self, name), 5) for name in names}


def compare(costmap: CostmapCells, truth: Truth, index: int, labels: Labels) -> Tally:
    """Count in the view of an image.

    :param index: of the last image that the costmap knows.
    :param labels: of the classes in `truth`.
    """
    in_view, shown = truth.sees(index, costmap.centers())
    domain = in_view & (shown | (costmap.cells.ravel() >= 0))
    cells = _compare_cells(costmap, truth, index, labels, domain)
    edges = _edges(truth, index, labels)
    marked = (costmap.cells == LETHAL).astype(np.uint8)
    found = costmap.at(edges, cv2.dilate(marked, np.ones((3, 3), np.uint8)), 0)
    return cells + Tally(edges=len(edges), found=int(np.count_nonzero(found)))


def compare_known(costmap: CostmapCells, truth: Truth, index: int, labels: Labels) -> Tally:
    """Count over all cells that the costmap knows, wherever they are; without edges.

    :param index: of the last image that the costmap knows.
    """
    return _compare_cells(costmap, truth, index, labels, costmap.cells.ravel() >= 0)


def _compare_cells(
    costmap: CostmapCells, truth: Truth, index: int, labels: Labels, domain: Flags
) -> Tally:
    xy, values = costmap.centers()[domain], costmap.cells.ravel()[domain]
    last = truth.last_shown(index, xy)
    is_ground = labels.of_kind('ground')[truth.classes(xy, last)]
    taken_for_ground = (values >= 0) & (values < LETHAL)
    doubtful = np.flatnonzero((values == LETHAL) & is_ground)
    rightly = _touched(xy[doubtful], costmap.resolution_m, truth, last[doubtful], index, labels)
    return Tally(
        both=int(np.count_nonzero(taken_for_ground & is_ground)),
        either=int(np.count_nonzero(taken_for_ground | is_ground)),
        wrong=int(np.count_nonzero(~rightly)),
        known=int(np.count_nonzero(values >= 0)),
    )


def _touched(
    xy: npt.NDArray[np.float64],
    resolution_m: float,
    truth: Truth,
    last: npt.NDArray[np.intp],
    index: int,
    labels: Labels,
) -> Flags:
    """Return which cells, given by their middles, a footprint reached into or touched, bool (N,).

    :param last: (N,), for each cell the index of the first image that counts.
    :param index: of the last image that counts.
    """
    offsets = np.linspace(-0.5, 0.5, _TOUCH) * resolution_m
    square = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)
    is_upright = labels.of_kind('upright')
    touched = np.zeros(len(xy), bool)
    for now in range(int(last.min(initial=index)), index + 1):
        in_view, _ = truth.sees(now, xy)
        open_ = np.flatnonzero(~touched & ((last == now) | ((last < now) & in_view)))
        if open_.size:
            points = (xy[open_][:, None] + square).reshape(-1, 2)
            classes = truth.class_at(points, truth.stamp_s(now))
            touched[open_] = is_upright[classes].reshape(-1, len(square)).any(axis=1)
    return touched


def _edges(truth: Truth, index: int, labels: Labels) -> npt.NDArray[np.float64]:
    """Return where the image shows ground to end at a footprint, (N, 2) metres in odom."""
    angles, ranges = _rays(truth, index), np.arange(_STEP_M, RANGE_M, _STEP_M)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    xy = truth.foot(index) + directions[:, None] * ranges[:, None]
    in_view, shown = (s.reshape(xy.shape[:2]) for s in truth.sees(index, xy))
    classes = np.zeros(in_view.shape, np.uint8)
    classes[in_view] = truth.class_at(xy[in_view], truth.stamp_s(index))
    ground = in_view & labels.of_kind('ground')[classes]
    upright = in_view & labels.of_kind('upright')[classes]
    starts = ground[:, :-1] & upright[:, 1:] & shown[:, 1:]
    found: npt.NDArray[np.float64] = xy[:, 1:][starts]
    return found


def _rays(truth: Truth, index: int) -> npt.NDArray[np.float64]:
    """Return headings in odom that cover an image's width, rad."""
    width, height = truth.camera.image_wh
    rows = np.linspace(0, height - 1, 9)
    border = np.array([(u, v) for u in (0, width - 1) for v in rows])
    T = truth.poses[index] @ truth.T_base_camera
    x, y = (truth.camera.rays(border) @ T[:3, :3].T)[:, :2].T
    middle = np.arctan2(T[1, 2], T[0, 2])
    off = np.angle(np.exp(1j * (np.arctan2(y, x) - middle)))
    return np.asarray(middle + np.arange(off.min(), off.max(), np.radians(_TURN_DEG)))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
