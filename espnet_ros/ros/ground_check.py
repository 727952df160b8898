"""Check that the ground is where the costmaps assume it: at z = 0 of the base frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from rclpy.node import Node

# With a camera half a metre high, this moves things 5 m away by a cell of 0.1 m.
_MOST_M = 0.01


class GroundCheck:
    """Compares the base frame with the one that REP 120 puts on the ground, if tf has it.

    :param node: logs what is wrong, once.
    :param base_frame: frame in which the ground is assumed to be z = 0.
    :param newest: returns the newest (4, 4) T_target_source, metres, of two frames, or None.
    """

    def __init__(
        self,
        node: Node,
        base_frame: str,
        newest: Callable[[str, str], npt.NDArray[np.float64] | None],
    ) -> None:
        self._node, self._base, self._newest = node, base_frame, newest
        # With several robots, the frames of each share a prefix.
        folder, slash, _ = base_frame.rpartition('/')
        self._footprint = f'{folder}{slash}base_footprint'
        self._told = False

    def problem(self) -> str:
        """Return a warning if the ground is elsewhere, '' if it is not or tf does not say."""
        T_base_footprint = self._newest(self._base, self._footprint)
        z_m = 0.0 if T_base_footprint is None else float(T_base_footprint[2, 3])
        if abs(z_m) <= _MOST_M:
            return ''
        problem = (
            f'the ground must be z = 0 in pose.base_frame {self._base!r}, but tf has '
            f'{self._footprint!r} at z = {z_m:+.3f} m in it, so things are placed too '
            f'{"near" if z_m < 0 else "far"}: set pose.base_frame to {self._footprint}'
        )
        if not self._told:
            self._told = True
            self._node.get_logger().warning(problem)
        return problem
