"""The poses of the last seconds, to look up where the robot was when an image was taken."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

import numpy.typing as npt

from espnet_ros.core.arrays import Floats
from espnet_ros.core.errors import AbandonedError, PoseError
from espnet_ros.core.time_rules import RESTART_S
from espnet_ros.core.transforms import interpolate, rigid

# Interpolation over longer pauses says nothing about where the robot was.
MAX_GAP_S = 1.0


class _Stamped(NamedTuple):
    stamp_s: float
    T: Floats


class PoseHistory:
    """Odometry by time; one thread adds poses, another looks them up and waits for new ones.

    Stamps are float seconds: at the 1.8e9 s of today's clocks a float64 has steps of 0.24 us, in
    which nothing on wheels moves.

    :param keep_s: how far back it reaches.
    :param max_poses: limits its memory at any rate: about 350 bytes each.
    """

    def __init__(self, keep_s: float = 10.0, max_poses: int = 4000) -> None:
        self._keep_s = keep_s
        self._poses: deque[_Stamped] = deque(maxlen=max_poses)
        self._changed = threading.Condition()
        self._may_wait = True

    def add(self, stamp_s: float, T: npt.ArrayLike) -> None:
        """Keep a pose.

        A pose that is not newer than the newest is left out, unless its stamp is more than
        `RESTART_S` back: then time was restarted, and all earlier poses are forgotten.

        :param stamp_s: seconds.
        :param T: T_grid_base, (4, 4), metres.
        :raises PoseError: if it is not a rigid transform.
        """
        pose = _Stamped(stamp_s, rigid(T, 'T_grid_base').copy())
        pose.T.setflags(write=False)
        with self._changed:
            poses = self._poses
            if poses and stamp_s < poses[-1].stamp_s - RESTART_S:
                poses.clear()
            if poses and stamp_s <= poses[-1].stamp_s:
                return
            poses.append(pose)
            while poses[0].stamp_s < stamp_s - self._keep_s:
                poses.popleft()
            self._changed.notify_all()

    def at(self, stamp_s: float, timeout_s: float) -> Floats:
        """Return T_grid_base at a time, read-only or new, float64 (4, 4).

        :param stamp_s: seconds.
        :param timeout_s: how long to wait for a pose at or after the stamp.
        :raises PoseError: if there are no poses, only older or only newer ones, or a pause of more
            than `MAX_GAP_S` around the stamp.
        :raises AbandonedError: if it would have to wait, and waiting is not allowed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: not self._may_wait or self._reaches(stamp_s), timeout_s
            )
            if not self._reaches(stamp_s):
                if not self._may_wait:
                    raise AbandonedError('nobody waits for odometry any more')
                raise PoseError(self._why_late(stamp_s, timeout_s))
            before, after = self._neighbours(stamp_s)
        if before.stamp_s == stamp_s:
            return before.T
        gap_s = after.stamp_s - before.stamp_s
        if gap_s > MAX_GAP_S:
            raise PoseError(
                f'the odometry paused for {gap_s:.2f} s around the image; at most '
                f'{MAX_GAP_S:g} s can be bridged'
            )
        return interpolate(before.T, after.T, (stamp_s - before.stamp_s) / gap_s)

    def newest(self) -> tuple[float, Floats] | None:
        """Return the newest stamp in seconds and its T_grid_base, read-only, or None."""
        with self._changed:
            return self._poses[-1] if self._poses else None

    def allow_waiting(self, allowed: bool) -> None:
        """Let `at` wait, which is the default, or make it stop until that is allowed again."""
        with self._changed:
            self._may_wait = allowed
            self._changed.notify_all()

    def _reaches(self, stamp_s: float) -> bool:
        return bool(self._poses) and self._poses[-1].stamp_s >= stamp_s

    def _why_late(self, stamp_s: float, timeout_s: float) -> str:
        if not self._poses:
            return f'no odometry has arrived, even after waiting {timeout_s:g} s'
        late_s = stamp_s - self._poses[-1].stamp_s
        return (
            f'the newest odometry is {late_s:.3f} s older than the image after waiting '
            f'{timeout_s:g} s: it is late, has stopped or is stamped by another clock'
        )

    def _neighbours(self, stamp_s: float) -> tuple[_Stamped, _Stamped]:
        after = self._poses[-1]
        # From the newest back, as images are rarely older than a few messages.
        for pose in reversed(self._poses):
            if pose.stamp_s <= stamp_s:
                return pose, after
            after = pose
        raise PoseError(
            f'the image is {after.stamp_s - stamp_s:.3f} s older than the oldest odometry kept: '
            'it is late, or stamped by another clock'
        )
