"""What is known about the ground around the robot: evidence for each class in each cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import ParameterError, PoseError
from espnet_ros.core.grid import GridSpec, Observation

# Below this the evidence is scaled once and the scalar starts again from 1: float32 has room for
# many more halvings, but not for a drive of days.
_SMALLEST_GAIN = 1e-6
# `elapse` counts time before stamps show it, so the next stamps count less. What then remains is
# limited to this: if stamps stood still, as in a paused recording, they never show that time.
_MOST_AHEAD_S = 1.0
# The limit of a cell's evidence, in sure looks from near by. A cell known for long changes its
# class after about 0.7 times as many looks at something else.
_MAX_EVIDENCE = 4.0


@dataclass(frozen=True)
class Memory:
    """How long a grid remembers, and how it moves.

    :param half_life_s: time in which the evidence of a cell halves if it is not seen again;
        ``inf`` never forgets.
    :param recentre_step_m: the grid moves in whole steps of this, rounded to whole cells.
    :raises ParameterError: if a value is out of bounds; all offenders are listed.
    """

    half_life_s: float = 5.0
    recentre_step_m: float = 1.0

    def __post_init__(self) -> None:
        # For callers without a config; the bounds of the parameters are narrower.
        problems = []
        if not self.half_life_s > 0.0:
            problems.append(f'half_life must be above 0 s, got {self.half_life_s}')
        if not 0.0 < self.recentre_step_m <= 1000.0:
            problems.append(
                f'recentre_step must be above 0, up to 1000 m, got {self.recentre_step_m}'
            )
        if problems:
            raise ParameterError('grid memory refused: ' + '; '.join(problems))


class SemanticGrid:
    """A grid that rolls with the robot, fixed in its frame: cells are moved, never resampled.

    In each cell it sees, an observation first removes a share of the evidence, then adds its own.
    So evidence has a limit, and new evidence replaces the old. Time reduces the evidence of all
    cells alike: one scalar, the gain, holds that, and no cell is touched.

    :param class_count: the number of labels; class ids must be below it.
    :param spec: where the grid starts.
    :raises ParameterError: if there are no classes, or more than a mask can hold.
    """

    def __init__(self, class_count: int, spec: GridSpec, memory: Memory | None = None) -> None:
        if not 1 <= class_count <= 255:
            raise ParameterError(f'a semantic grid needs 1 to 255 classes, got {class_count}')
        self._memory = Memory() if memory is None else memory
        self._step = max(1, round(self._memory.recentre_step_m / spec.resolution_m))
        self._spec = spec
        self._evidence = np.zeros((class_count, *spec.shape), np.float32)
        self._spare = np.zeros_like(self._evidence)
        self._gain = 1.0
        self._stamp_s: float | None = None
        # How far `elapse` is ahead of the stamps.
        self._ahead_s = 0.0

    @property
    def spec(self) -> GridSpec:
        """Return where the grid is now."""
        return self._spec

    @property
    def stamp_s(self) -> float | None:
        """Return the time of the evidence: the latest stamp given, None before the first."""
        return self._stamp_s

    @property
    def evidence(self) -> npt.NDArray[np.float32]:
        """Return the evidence, float32 (classes, rows, columns), without the factor `gain`.

        The array is the grid's own: only read it, and only before the next change.
        """
        return self._evidence

    @property
    def gain(self) -> float:
        """Return the factor that turns `evidence` into sure looks."""
        return self._gain

    def clear(self) -> None:
        """Forget everything, the time included; the grid stays where it is."""
        self._evidence[:] = 0.0
        self._gain, self._stamp_s, self._ahead_s = 1.0, None, 0.0

    def advance(self, stamp_s: float) -> float:
        """Advance to a time and return what a look at that time still weighs, 0 to 1.

        :param stamp_s: seconds. A time before the latest one changes nothing: it is from a camera
            slower than another, and its look has aged.
        :raises PoseError: if the time is not finite.
        """
        if not math.isfinite(stamp_s):
            raise PoseError(f'the stamp of an observation must be finite, got {stamp_s}')
        elapsed = 0.0 if self._stamp_s is None else stamp_s - self._stamp_s
        fresh: float = 0.5 ** (abs(elapsed) / self._memory.half_life_s)
        if elapsed < 0.0:
            return fresh
        self._stamp_s = stamp_s
        self._forget(max(0.0, elapsed - self._ahead_s))
        self._ahead_s = min(max(0.0, self._ahead_s - elapsed), _MOST_AHEAD_S)
        return 1.0

    def elapse(self, seconds: float) -> None:
        """Let time pass without a look, measured by a clock other than the stamps."""
        if self._stamp_s is not None:
            self._forget(seconds)
            self._ahead_s += seconds

    def _forget(self, seconds: float) -> None:
        self._gain *= 0.5 ** (seconds / self._memory.half_life_s)
        if self._gain < _SMALLEST_GAIN:
            self._evidence *= np.float32(self._gain)
            self._gain = 1.0

    def add(self, observation: Observation, stamp_s: float) -> None:
        """Add the observation by one look.

        :param observation: for this grid where it is now.
        :param stamp_s: when the look was taken, seconds.
        :raises ParameterError: if the observation is for another grid, or for this one before it
            moved, or has classes that the grid lacks.
        :raises PoseError: if the time is not finite.
        """
        if observation.spec != self._spec:
            raise ParameterError(
                f'the observation is for the grid {observation.spec}, this one is {self._spec}: '
                'observe after recentre'
            )
        cells = np.flatnonzero(observation.weights)
        class_ids = observation.class_ids.ravel()[cells]
        if class_ids.max(initial=0) >= len(self._evidence):
            raise ParameterError(
                f'the observation has class id {class_ids.max()}, the grid holds '
                f'{len(self._evidence)} classes'
            )
        fresh = self.advance(stamp_s)
        if not cells.size:
            return
        weights = observation.weights.ravel()[cells]
        # Only the rows that were seen: a camera sees less than half of the grid.
        cols = self._spec.size_cells[0]
        rows = slice(int(cells[0]) // cols, int(cells[-1]) // cols + 1)
        keep = 1.0 - observation.weights[rows] * np.float32(fresh / _MAX_EVIDENCE)
        self._evidence[:, rows] *= keep
        flat = self._evidence.reshape(-1)
        index = class_ids.astype(np.int64) * (cols * self._spec.size_cells[1]) + cells
        flat[index] += weights * np.float32(fresh / self._gain)

    def recentre(self, xy: tuple[float, float]) -> bool:
        """Move the grid in whole steps so that a point is near its middle.

        :param xy: metres in the grid's frame.
        :returns: whether it moved.
        :raises PoseError: if the point is not finite.
        """
        if not (math.isfinite(xy[0]) and math.isfinite(xy[1])):
            raise PoseError(f'the place of the robot must be finite, got {tuple(xy)}')
        step = self._step
        moves = []
        for place, size, origin in zip(
            xy, self._spec.size_cells, self._spec.origin_cells, strict=True
        ):
            off = math.floor(place / self._spec.resolution_m) - size // 2 - origin
            # Towards zero: the robot may go a whole step either way before the grid follows.
            moves.append(int(off / step) * step)
        if moves == [0, 0]:
            return False
        self._move(moves[0], moves[1])
        return True

    def _move(self, dx: int, dy: int) -> None:
        self._spec = self._spec.moved((dx, dy))
        cols, rows = self._spec.size_cells
        (to_y, from_y), (to_x, from_x) = _shifted(dy, rows), _shifted(dx, cols)
        new = self._spare
        new[:, to_y, to_x] = self._evidence[:, from_y, from_x]
        new[:, : to_y.start] = new[:, to_y.stop :] = 0.0
        new[:, to_y, : to_x.start] = new[:, to_y, to_x.stop :] = 0.0
        self._evidence, self._spare = new, self._evidence


def _shifted(move: int, size: int) -> tuple[slice, slice]:
    """Return where cells move to, and where they were."""
    move = max(-size, min(move, size))
    return slice(max(-move, 0), size - max(move, 0)), slice(max(move, 0), size + min(move, 0))
