"""Tables of where the ground is seen: how fine, how long they hold, what they refuse."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from ground_by_hand import (
    CAMERA,
    FOOT,
    GATES,
    HALF,
    LABELS,
    LEVEL,
    ROAD,
    WALL,
    cells_seen,
    looking_down,
    mask_of,
    pixels_by_hand,
    pose,
    row_edge_m,
)

from espnet_ros.core import ground_tables
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.errors import PoseError
from espnet_ros.core.gates import Gates
from espnet_ros.core.grid import GridSpec
from espnet_ros.core.ground_projection import GroundProjector
from espnet_ros.core.labels import CAMVID, UNLABELED
from espnet_ros.core.still import is_still
from espnet_ros.core.transforms import camera_mount
from espnet_ros.sim import Street


@pytest.mark.parametrize(('resolution', 'reach'), [(0.01, 8.0), (0.05, 20.0)])
def test_small_cells_and_long_ranges_are_read_through_coarser_tables(resolution, reach):
    mask = mask_of()
    mask[:14] = WALL
    size = round(4.0 / resolution), round(5.0 / resolution)
    spec = GridSpec(resolution, size, (0, -size[1] // 2))
    gates = Gates(reach, min_depression_deg=1.0)
    projector = GroundProjector(LABELS, gates)
    mount = looking_down(foot=FOOT)
    observation = projector.observe(mask, None, CAMERA, mount, pose(), spec)
    fan = projector.tables(CAMERA, mount, resolution).fan
    assert fan.ranges_m[1] - fan.ranges_m[0] < reach / 1500
    ids = np.where(cells_seen(observation), observation.class_ids, UNLABELED)
    my, mx = np.nonzero(ids == WALL)
    # The wall stands across at 1.906 m, where columns 2 and 61 are 1.9 m to either side.
    from_foot = (mx + 0.5) * resolution - FOOT[0]
    assert np.abs(from_foot - row_edge_m(13.5)).max() < resolution + reach / 1600
    assert set(np.diff(np.unique(my))) == {1}
    # A pixel there is 6 cm wide, and either end may be a pixel off.
    assert len(np.unique(my)) * resolution == pytest.approx(3.8, abs=0.15)
    u, v, _, _ = pixels_by_hand(spec, foot=FOOT)
    clear = (v > 14.0) & (v < 45.0) & (u > 2.0) & (u < 61.0)
    assert (ids[clear] == ROAD).all()
    assert clear.sum() * resolution**2 > 1.0


def test_coarser_tables_show_the_street_as_fine_ones_do(monkeypatch):
    frame = Street(0, 40.0).render(30.0)
    place = frame.T_odom_base[:2, 3]
    spec = GridSpec.around((place[0], place[1]), (17.0, 18.0), 0.1)
    camera = CameraModel((480, 360), frame.K)

    def see():
        projector = GroundProjector(CAMVID)
        observation = projector.observe(
            frame.mask, None, camera, frame.T_base_camera, frame.T_odom_base, spec
        )
        return observation, projector.tables(camera, frame.T_base_camera, 0.1).fan.pixels.size

    fine, size = see()
    monkeypatch.setattr(ground_tables, '_MAX_POINTS', 80_000)  # a quarter
    coarse, coarse_size = see()
    assert coarse_size < 0.3 * size
    both = cells_seen(fine) & cells_seen(coarse)
    assert both.sum() > 0.98 * max(cells_seen(fine).sum(), cells_seen(coarse).sum())
    assert (fine.class_ids == coarse.class_ids)[both].mean() > 0.995


def trembling(turn_rad: float, shift_m: float) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = cv2.Rodrigues(np.array([0.6, -0.8, 0.0]) * turn_rad)[0]
    T[:3, 3] = [0.6 * shift_m, 0.0, -0.8 * shift_m]
    return looking_down() @ T


def test_a_trembling_mount_costs_nothing_and_does_not_creep():
    projector = GroundProjector(LABELS, GATES)
    first = projector.tables(CAMERA, looking_down(), 0.1)
    for sign in (1, -1):
        assert projector.tables(CAMERA, trembling(sign * 2.9e-4, sign * 9e-4), 0.1) is first
    assert projector.tables(CAMERA, trembling(3.1e-4, 0.0), 0.1) is not first
    second = projector.tables(CAMERA, looking_down(), 0.1)
    assert projector.tables(CAMERA, trembling(0.0, 1.1e-3), 0.1) is not second
    # Each step is a small one.
    start = projector.tables(CAMERA, looking_down(), 0.1)
    assert projector.tables(CAMERA, trembling(2e-4, 0.0), 0.1) is start
    assert projector.tables(CAMERA, trembling(4e-4, 0.0), 0.1) is not start


def test_what_a_trembling_mount_sees_moves_by_less_than_a_pixel():
    # From 1.2 m high, as the worst: a pitch and a height that put the far ground farther.
    camera = CameraModel((640, 480), [[550.0, 0, 319.5], [0, 550.0, 239.5], [0, 0, 1]])
    still = camera_mount((0.2, 0.0, 1.2), (0.0, 0.175, 0.0))
    trembled = camera_mount((0.2, 0.0, 1.2009), (0.0, 0.175 - 2.9e-4, 0.0))
    assert is_still(still, trembled)
    ground = np.array([[x + 0.2, y, 0.0] for x in (1.5, 3.0, 8.0) for y in (-0.5, 0.0, 0.5)])
    uv = [camera.project((ground - T[:3, 3]) @ T[:3, :3]) for T in (still, trembled)]
    assert np.abs(uv[0] - uv[1]).max() < 0.6
    assert np.abs(uv[0] - uv[1])[-3:].max() < 0.3


def test_tables_are_made_anew_only_when_something_changed():
    projector = GroundProjector(LABELS, GATES)
    first = projector.tables(CAMERA, looking_down(), 0.1)
    same = CameraModel((64, 48), CAMERA.K.copy())
    assert projector.tables(same, looking_down() + 1e-9 * np.eye(4, k=3), 0.1) is first
    moved = projector.tables(CAMERA, looking_down(1.01), 0.1)
    assert moved is not first
    assert projector.tables(CAMERA.resized((32, 24)), looking_down(1.01), 0.1) is not moved


def test_cells_larger_than_the_range_are_refused():
    projector = GroundProjector(LABELS, Gates(max_range_m=0.5))
    with pytest.raises(PoseError, match=r'only up to 0\.50 m, .* cell of 4 m: lower grid'):
        projector.tables(CAMERA, looking_down(), 4.0)


def test_a_camera_that_sees_no_ground_is_refused():
    up = LEVEL.copy()
    up[:3, :3] = [[0, HALF, HALF], [-1, 0, 0], [0, -HALF, HALF]]
    projector = GroundProjector(LABELS, GATES)
    with pytest.raises(PoseError, match='above the horizon'):
        projector.tables(CAMERA, up, 0.1)
    with pytest.raises(PoseError, match=r'above the ground.*-0\.500 m'):
        projector.tables(CAMERA, looking_down(-0.5), 0.1)
