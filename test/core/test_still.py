"""What is made once for a camera in its place; the trembling is in test_ground_tables."""

from __future__ import annotations

import numpy as np
from ground_by_hand import CAMERA, looking_down

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.still import WhileStill


def test_a_thing_is_made_anew_only_where_something_changes():
    made = []

    def make(*given):
        made.append(given)
        return len(made)

    kept = WhileStill(make)
    assert kept.of(CAMERA, looking_down(), 0.1) == 1
    same = CameraModel((64, 48), CAMERA.K.copy())
    assert kept.of(same, looking_down(), 0.1) == 1
    assert kept.of(CAMERA.resized((32, 24)), looking_down(), 0.1) == 2
    assert kept.of(CAMERA, looking_down(), 0.1) == 3
    assert kept.of(CAMERA, looking_down(), 0.2) == 4
    assert kept.of(CAMERA, looking_down(1.01), 0.2) == 5
    np.testing.assert_array_equal(made[-1][1], looking_down(1.01))


def test_it_keeps_a_pose_that_its_owner_writes_over():
    kept = WhileStill(lambda *_: object())
    T = looking_down()
    first = kept.of(CAMERA, T)
    T[2, 3] = 2.0
    assert kept.of(CAMERA, T) is not first
