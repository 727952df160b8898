"""Masks on the ground by hand (see ground_by_hand)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ground_by_hand import (
    FOOT,
    PATH,
    ROAD,
    SKY,
    WALL,
    cells_seen,
    mask_of,
    middle_row,
    observe,
    pixels_by_hand,
    pose,
)

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.errors import CameraInfoError, ImageError, PoseError
from espnet_ros.core.gates import Gates
from espnet_ros.core.grid import GridSpec
from espnet_ros.core.ground_projection import GroundProjector
from espnet_ros.core.labels import CAMVID, UNLABELED
from espnet_ros.sim import Street


# Up to 4 m the range is the limit, up to 9 m the corners of the image are.
@pytest.mark.parametrize(
    ('yaw', 'range_m'), [(0.0, 4.0), (0.7, 9.0), (2.3, 9.0), (-0.8, 9.0), (-2.4, 9.0)]
)
def test_ground_is_where_its_rays_meet_the_plane(yaw: float, range_m: float):
    mask = mask_of()
    mask[:, :20] = PATH
    mask[20:, 40:] = PATH
    T_grid_base = pose(1.2, -0.7, yaw)
    spec = GridSpec(0.1, (160, 140), (-68, -77))
    u, v, x, y = pixels_by_hand(spec, T_grid_base, FOOT)
    # Two pixels of border, and clear of the limits by what the tables may round.
    edge = np.minimum.reduce([u - 1.5, 61.5 - u, v - 1.5, 45.5 - v])
    inside = (edge > 0) & (np.hypot(x, y) <= range_m)
    clear = (np.abs(edge) > 0.1) & (np.abs(np.hypot(x, y) - range_m) > 0.06)
    gates = Gates(max_range_m=range_m)
    observation = observe(mask, T_grid_base=T_grid_base, spec=spec, gates=gates, foot=FOOT)
    np.testing.assert_array_equal(cells_seen(observation)[clear], inside[clear])
    assert (inside & clear).sum() > 500
    sharp = inside & clear & (np.abs(u - 19.5) > 0.1) & (np.abs(u - 39.5) > 0.1)
    sharp &= np.abs(v - 19.5) > 0.1
    path = (u < 19.5) | ((u > 39.5) & (v > 19.5))
    expected = np.where(path, PATH, ROAD)
    np.testing.assert_array_equal(observation.class_ids[sharp], expected[sharp])


@pytest.mark.parametrize('nothing', [SKY, UNLABELED, 77])
def test_sky_and_void_say_nothing(nothing: int):
    assert not cells_seen(observe(mask_of(nothing))).any()


def test_range_gates():
    row = middle_row(observe(mask_of(), gates=Gates(max_range_m=2.0, min_range_m=1.0)))
    assert np.flatnonzero(row == ROAD).tolist() == list(range(10, 20))


def test_the_horizon_gate_shortens_the_range():
    # 1 m of height and 30 degrees: nothing beyond 1.73 m, so the last middle is at 1.65 m.
    row = middle_row(observe(mask_of(), gates=Gates(max_range_m=4.0, min_depression_deg=30.0)))
    assert np.flatnonzero(row == ROAD).max() == 16


def test_the_border_gate():
    # Row 20 and up are not used: x = (1 - t) / (1 + t) at v = 27.5 is 0.78 m.
    wide = middle_row(observe(mask_of(), gates=Gates(max_range_m=4.0, border_px=20)))
    u, v, _, _ = pixels_by_hand()
    expected = ((v > 19.5) & (v < 27.5) & (u > 19.5) & (u < 43.5))[15]
    np.testing.assert_array_equal(wide == ROAD, expected)
    assert expected.any()


def test_confidence_and_range_weigh():
    sure = observe(mask_of())
    unsure = observe(mask_of(), np.full((48, 64), 51, np.uint8))
    np.testing.assert_allclose(unsure.weights, sure.weights * 0.2, rtol=1e-5)
    # A pixel at 3.95 m is (3.95^2 + 1) / 32 = 0.52 m long: a cell of 0.1 m is worth a fifth.
    x = 39
    assert sure.weights[15, x] == pytest.approx(0.1 / ((3.95**2 + 0.05**2 + 1) / 32), rel=0.02)
    assert sure.weights[15, 6] == 1.0


def test_what_is_not_sure_at_all_is_not_seen():
    assert not cells_seen(observe(mask_of(), np.zeros((48, 64), np.uint8))).any()


def test_the_grid_is_seen_from_where_the_robot_is():
    mask = mask_of()
    mask[:14] = WALL
    # Turned left by 90 degrees at (3, -1), and from the foot at (3.3, -0.5): the wall stands along
    # x at y = -0.5 + 1.91.
    spec = GridSpec(0.1, (50, 45), (5, -15))
    T_grid_base = pose(3.0, -1.0, math.pi / 2)
    observation = observe(mask, T_grid_base=T_grid_base, spec=spec, foot=FOOT)
    my, mx = np.nonzero(cells_seen(observation) & (observation.class_ids == WALL))
    assert set(my) == {29}
    # Between columns 2 and 61 at a depth of 2.06 m: 29.5 / 32 * 2.06 = 1.9 m to either side.
    assert 8 <= mx.min() <= 9
    assert 46 <= mx.max() <= 47


def test_a_tilted_base_tilts_its_ground():
    mask = mask_of()
    mask[:14] = WALL
    T = np.eye(4)
    c, s = math.cos(0.3), math.sin(0.3)
    T[:3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    row = middle_row(observe(mask, T_grid_base=T))
    # 1.91 to 2.01 m along the slope are 1.82 to 1.92 m seen from above.
    assert np.flatnonzero(row == WALL).tolist() == [18]


def test_a_robot_off_the_grid_sees_none_of_it():
    assert not cells_seen(observe(mask_of(), T_grid_base=pose(100.0))).any()


@pytest.mark.parametrize(
    ('T', 'message'),
    [
        (np.full((4, 4), np.nan), 'T_grid_base must be finite'),
        (np.diag([2.0, 2.0, 2.0, 1.0]), 'normalise the quaternion'),
        (np.diag([1.0, 1.0, -1.0, 1.0]), 'rotation'),
        (np.diag([1.0, -1.0, -1.0, 1.0]), '60 degrees'),
        (np.eye(3), r'\(3, 3\)'),
    ],
)
def test_bad_poses_are_refused(T: np.ndarray, message: str):
    with pytest.raises(PoseError, match=message):
        observe(mask_of(), T_grid_base=T)


def test_arrays_that_are_no_masks_are_refused():
    with pytest.raises(ImageError, match='int64'):
        observe(mask_of().astype(np.int64))
    with pytest.raises(ImageError, match='confidence'):
        observe(mask_of(), np.zeros((64, 48), np.uint8))
    with pytest.raises(CameraInfoError, match=r'64x48.*48x64'):
        observe(mask_of().T.copy())


def test_the_virtual_street_comes_out_as_it_is():
    street = Street(0, 40.0)
    frame = street.render(30.0)
    place = frame.T_odom_base[:2, 3]
    spec = GridSpec.around((place[0], place[1]), (17.0, 18.0), 0.1)
    camera = CameraModel((480, 360), frame.K)
    observation = GroundProjector(CAMVID).observe(
        frame.mask, None, camera, frame.T_base_camera, frame.T_odom_base, spec
    )
    truth = street.class_at(spec.centers().reshape(-1, 2), frame.stamp_s).reshape(spec.shape)
    ground = np.array([c.kind == 'ground' for c in CAMVID])
    seen, ids = cells_seen(observation), observation.class_ids
    assert seen.sum() > 2000
    assert (truth == ids)[seen & ground[ids]].mean() > 0.97
    wrong = seen & ~ground[ids] & ground[truth]
    assert wrong.sum() < 0.005 * seen.sum()
