from __future__ import annotations

import math

import numpy as np
import pytest

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import CAMVID
from espnet_ros.sim import Camera, Frame, Street
from espnet_ros.sim.parts import BICYCLIST, BUILDING, CAR, PAVEMENT, PEDESTRIAN, ROAD, SKY

SIZE_WH = (96, 72)


@pytest.fixture(scope='module')
def streets() -> list[Street]:
    return [Street(seed, length_m=60.0) for seed in (0, 3, 8)]


@pytest.fixture(scope='module')
def frames(streets: list[Street]) -> list[tuple[Street, Frame]]:
    return [(s, s.render(d, SIZE_WH)) for s in streets for d in (0.0, 20.0, 41.5, 60.0)]


def odom_points(frame: Frame) -> np.ndarray:
    """Back-project every pixel with the frame's own depth, K and poses, (H, W, 3)."""
    rows, cols = np.indices(frame.depth.shape)
    depth = np.where(np.isinf(frame.depth), 0.0, frame.depth).astype(float)
    rays = np.stack([cols, rows, np.ones_like(rows)]).reshape(3, -1)
    points = np.linalg.inv(frame.K) @ rays * depth.reshape(1, -1)
    T_odom_camera = frame.T_odom_base @ frame.T_base_camera
    moved = T_odom_camera[:3, :3] @ points + T_odom_camera[:3, 3:]
    return moved.T.reshape(*depth.shape, 3)


def inner(mask: np.ndarray) -> np.ndarray:
    """Return which pixels have only their own class around them."""
    same = np.zeros(mask.shape, bool)
    core = mask[1:-1, 1:-1]
    same[1:-1, 1:-1] = True
    for dy in range(3):
        for dx in range(3):
            part = mask[dy : dy + core.shape[0], dx : dx + core.shape[1]]
            same[1:-1, 1:-1] &= part == core
    return same


def test_a_frame_has_the_size_asked_for_and_the_types_promised(streets):
    frame = streets[0].render(7.0, (61, 35))
    assert frame.image_bgr.shape == (35, 61, 3) and frame.image_bgr.dtype == np.uint8
    assert frame.mask.shape == (35, 61) and frame.mask.dtype == np.uint8
    assert frame.depth.shape == (35, 61) and frame.depth.dtype == np.float32
    for matrix, shape in ((frame.K, 3), (frame.T_base_camera, 4), (frame.T_odom_base, 4)):
        assert matrix.shape == (shape, shape) and matrix.dtype == np.float64


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(streets):
    again = Street(3, length_m=60.0).render(20.0, SIZE_WH)
    first = streets[1].render(20.0, SIZE_WH)
    assert first.image_bgr.tobytes() == again.image_bgr.tobytes()
    assert first.mask.tobytes() == again.mask.tobytes()
    assert first.depth.tobytes() == again.depth.tobytes()
    other = streets[0].render(20.0, SIZE_WH)
    assert (other.mask != first.mask).mean() > 0.05
    difference = other.image_bgr.astype(float) - first.image_bgr
    assert np.abs(difference).mean() > 8


def test_rendering_leaves_nothing_behind(streets):
    before = streets[0].render(5.0, SIZE_WH)
    streets[0].render(30.0, (33, 21), Camera(yaw_rad=1.0))
    assert before.image_bgr.tobytes() == streets[0].render(5.0, SIZE_WH).image_bgr.tobytes()


def test_all_classes_occur_and_no_other(streets):
    low = Camera(pitch_rad=math.radians(4))
    masks = [s.render(d, (192, 144), low).mask for s in streets for d in range(0, 61, 10)]
    counts = np.bincount(np.concatenate([m.ravel() for m in masks]), minlength=256)
    assert counts[len(CAMVID) :].sum() == 0
    rare = {CAMVID[i].name: n for i, n in enumerate(counts[: len(CAMVID)]) if n < 100}
    assert not rare


def test_classes_have_the_names_of_what_is_seen(streets):
    # To the right of street 0 stands a red house behind a fence with somebody in front of it.
    mask = streets[0].render(0.0, SIZE_WH, Camera(yaw_rad=-math.pi / 2, pitch_rad=0.0)).mask
    seen = {
        'Sky': (3, 40), 'Building': (25, 44), 'Fence': (40, 70), 'Pedestrian': (36, 58),
        'Pole': (35, 11), 'SignSymbol': (24, 12), 'Road': (65, 48), 'Tree': (22, 20),
    }  # fmt: skip
    assert {CAMVID.names[mask[pixel]]: pixel for pixel in seen.values()} == seen


def test_only_the_sky_is_infinitely_far(frames):
    for _, frame in frames:
        assert np.array_equal(np.isinf(frame.depth), frame.mask == SKY)
        assert frame.depth.min() > 0


def test_ground_pixels_back_project_onto_the_plane(frames):
    for _, frame in frames:
        ground = np.isin(frame.mask, (ROAD, PAVEMENT)) & (frame.depth < 60)
        assert ground.sum() > 1000
        assert np.abs(odom_points(frame)[ground][:, 2]).max() < 0.01


def test_class_at_agrees_with_the_mask_on_the_ground(frames):
    for street, frame in frames:
        ground = np.isin(frame.mask, (ROAD, PAVEMENT)) & inner(frame.mask) & (frame.depth < 40)
        found = street.class_at(odom_points(frame)[ground][:, :2], frame.stamp_s)
        # What may differ are glimpses of the ground between legs and under handlebars.
        wrong = found != frame.mask[ground]
        assert set(found[wrong].tolist()) <= {PEDESTRIAN, BICYCLIST}
        assert wrong.mean() < 0.02


def test_things_stand_on_their_footprints(frames):
    seen = 0
    for street, frame in frames:
        points = odom_points(frame)
        eye = (frame.T_odom_base @ frame.T_base_camera)[:3, 3]
        for kind, highest in ((CAR, 0.8), (BUILDING, 2.5)):
            body = (frame.mask == kind) & inner(frame.mask) & (frame.depth < 40)
            body &= points[:, :, 2] < highest
            surface = points[body][:, :2]
            ray = surface - eye[:2]
            behind = surface + 0.05 * ray / np.linalg.norm(ray, axis=1, keepdims=True)
            agree = street.class_at(behind, frame.stamp_s) == kind
            seen += len(agree)
            assert agree.sum() >= 0.97 * len(agree)
    assert seen > 500


def test_poses_are_rigid_and_the_drive_starts_at_the_origin(frames):
    for _, frame in frames:
        for pose in (frame.T_base_camera, frame.T_odom_base):
            assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
            assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)
            assert pose[3].tolist() == [0, 0, 0, 1]
    assert np.allclose(frames[0][1].T_odom_base, np.eye(4), atol=1e-9)


def test_the_horizon_is_where_the_pitch_puts_it(streets):
    # hfov 90 degrees on 64 columns: f = 32. Looking 10 degrees down, the horizon is
    # f * tan(10 deg) = 5.64 rows above the middle row 23.5, so row 17 is sky, 18 is ground.
    camera = Camera(hfov_rad=math.pi / 2, pitch_rad=math.radians(10))
    frame = streets[0].render(0.0, (64, 48), camera)
    assert not np.isin(frame.mask[:18], (ROAD, PAVEMENT)).any()
    assert not (frame.mask[18:] == SKY).any()
    # Row 47 looks atan(23.5 / 32) + 10 deg = 46.3 deg down: depth = 1.2 / 0.89687.
    road = frame.mask[47] == ROAD
    assert road.any()
    assert frame.depth[47][road] == pytest.approx(1.338, abs=0.001)


def test_a_level_camera_at_another_height_sees_the_ground_further(streets):
    # f = 32 again; row 47 is 23.5 rows under the horizon: depth = 2 * 32 / 23.5.
    camera = Camera(height_m=2.0, pitch_rad=0.0, hfov_rad=math.pi / 2)
    frame = streets[0].render(0.0, (64, 48), camera)
    assert frame.depth[47][frame.mask[47] == ROAD] == pytest.approx(2.7234, abs=0.001)


def test_a_drive_goes_on_at_its_speed(streets):
    street = Street(1, length_m=20.0, speed_mps=2.5)
    frames = list(street.drive(9, rate_hz=1.0, size_wh=(16, 12)))
    assert [f.stamp_s for f in frames] == [float(i) for i in range(9)]
    places = np.array([f.T_odom_base[:2, 3] for f in frames])
    # The first 13 m are straight on every street; the last frame waits at the end.
    assert places[:5, 0] == pytest.approx([0, 2.5, 5, 7.5, 10])
    assert places[:5, 1] == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(places[8] - street.render(20.0, (16, 12)).T_odom_base[:2, 3]) < 1e-9


def test_time_moves_the_traffic_and_not_the_street(streets):
    early, late = (streets[0].render(20.0, SIZE_WH, stamp_s=t) for t in (4.0, 6.0))
    assert early.stamp_s == 4.0
    moved = early.mask != late.mask
    assert 0 < moved.mean() < 0.25
    assert np.array_equal(early.T_odom_base, late.T_odom_base)


def test_class_at_takes_no_points_and_places_far_away(streets):
    assert streets[0].class_at(np.zeros((0, 2))).shape == (0,)
    far = streets[0].class_at(np.array([[0.0, 0.0], [1e4, -1e4]]))
    assert far.dtype == np.uint8 and far[0] == ROAD


def test_wrong_values_are_refused_by_name(streets):
    with pytest.raises(ParameterError, match=r'seed.*length_m.*speed_mps'):
        Street(-1, length_m=5.0, speed_mps=0.0)
    with pytest.raises(ParameterError, match=r'distance_m must be 0\.\.60'):
        streets[0].render(61.0)
    with pytest.raises(ParameterError, match='size_wh'):
        streets[0].render(1.0, (0, 5))
    with pytest.raises(ParameterError, match=r'height_m.*hfov_rad'):
        Camera(height_m=0.0, hfov_rad=4.0)
