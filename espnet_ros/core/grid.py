"""The cells of a grid, and what one look says about them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import ParameterError

# For callers without a config; the bounds of the parameter are narrower.
_RESOLUTION_M = (0.001, 10.0)
# nav2_ros_common/validate_messages.hpp refuses longer sides; more cells than this are a typing
# error in the resolution rather than intended.
_MAX_SIDE = 32767
_MAX_CELLS = 16_000_000


def cells_along(size_m: tuple[float, float], resolution_m: float) -> tuple[int, int]:
    """Return the numbers of columns and rows nearest to two sides.

    :param size_m: along x and y.
    """
    return round(size_m[0] / resolution_m), round(size_m[1] / resolution_m)


def cells_problem(size_cells: tuple[int, int]) -> str:
    """Return what is wrong with these numbers of columns and rows, or ''."""
    cols, rows = size_cells
    if 1 <= cols <= _MAX_SIDE and 1 <= rows <= _MAX_SIDE and cols * rows <= _MAX_CELLS:
        return ''
    return (
        f'size must be 1..{_MAX_SIDE} cells a side and {_MAX_CELLS} cells in all, '
        f'got {cols}x{rows}'
    )


@dataclass(frozen=True)
class GridSpec:
    """A grid of square cells, aligned with its frame; arrays are indexed [my, mx].

    The origin is counted in cells, so that cells keep their places over any distance driven:
    all grids of one resolution share one lattice.

    :param resolution_m: side of a cell.
    :param size_cells: columns (along x) and rows (along y).
    :param origin_cells: the place of cell (0, 0) in the endless lattice of the frame.
    :raises ParameterError: if a value can't be used; all offenders are listed.
    """

    resolution_m: float
    size_cells: tuple[int, int]
    origin_cells: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        problems = []
        low, high = _RESOLUTION_M
        if not low <= self.resolution_m <= high:
            problems.append(f'resolution must be {low}..{high} m, got {self.resolution_m}')
        of_size = cells_problem(self.size_cells)
        problems += [of_size] if of_size else []
        if problems:
            raise ParameterError('grid refused: ' + '; '.join(problems))

    @classmethod
    def around(
        cls, center_m: tuple[float, float], size_m: tuple[float, float], resolution_m: float
    ) -> GridSpec:
        """Return the grid of this size around a point.

        :param center_m: x and y in the grid's frame.
        :param size_m: along x and y; rounded to whole cells.
        :raises ParameterError: if a value can't be used.
        """
        if not all(math.isfinite(v) for v in (*center_m, *size_m, resolution_m)):
            raise ParameterError(
                f'grid refused: center {center_m} m, size {size_m} m and resolution '
                f'{resolution_m} m must be finite'
            )
        low, high = _RESOLUTION_M
        if not low <= resolution_m <= high:
            raise ParameterError(
                f'grid refused: resolution must be {low}..{high} m, got {resolution_m}'
            )
        cols, rows = cells_along(size_m, resolution_m)
        x, y = (math.floor(c / resolution_m) for c in center_m)
        return cls(resolution_m, (cols, rows), (x - cols // 2, y - rows // 2))

    @property
    def shape(self) -> tuple[int, int]:
        """Return the shape of its arrays, (rows, columns)."""
        return self.size_cells[1], self.size_cells[0]

    @property
    def origin_m(self) -> tuple[float, float]:
        """Return the outer corner of cell (0, 0), as in OccupancyGrid's info.origin."""
        return (
            self.origin_cells[0] * self.resolution_m,
            self.origin_cells[1] * self.resolution_m,
        )

    def moved(self, cells: tuple[int, int]) -> GridSpec:
        """Return the grid moved by whole cells along x and y."""
        x, y = self.origin_cells
        return dataclasses.replace(self, origin_cells=(x + cells[0], y + cells[1]))

    def places_of(self, xy: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Convert points (N, 2) from metres in the grid's frame to cells from its outer corner."""
        return np.asarray(xy, np.float64) * (1.0 / self.resolution_m) - self.origin_cells

    def cells_of(
        self, xy: npt.NDArray[np.floating]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        """Return the cells of points and which of them are on the grid.

        :param xy: (N, 2) metres in the grid's frame.
        :returns: mx, my as intp (N, 2), 0 for those off the grid, and bool (N,).
        """
        places = self.places_of(xy)
        with np.errstate(invalid='ignore'):  # NaN is off the grid
            inside = np.all((places >= 0) & (places < self.size_cells), axis=-1, keepdims=True)
        return np.where(inside, places, 0.0).astype(np.intp), inside[:, 0]

    def centers(self) -> npt.NDArray[np.float64]:
        """Return the middles of all cells, (rows, columns, 2) metres in the grid's frame."""
        x = (np.arange(self.size_cells[0]) + self.origin_cells[0] + 0.5) * self.resolution_m
        y = (np.arange(self.size_cells[1]) + self.origin_cells[1] + 0.5) * self.resolution_m
        return np.stack(np.meshgrid(x, y), axis=-1)


@dataclass(frozen=True, eq=False)
class Observation:
    """What one look says about the cells of a grid: at most one class each.

    :param spec: of the grid.
    :param class_ids: uint8 (rows, columns); only read where the weight is above 0.
    :param weights: float32 (rows, columns), 0 (not seen) to 1 (seen well and surely).
    """

    spec: GridSpec
    class_ids: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float32]
