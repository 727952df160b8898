"""Masks on the ground by hand: a camera 1 m high that looks 45 degrees down.

With f = 32 and t = (v - 23.5) / 32, row v meets the ground at x = (1 - t) / (1 + t), at a depth
of sqrt(2) / (1 + t); y there is -(u - 31.5) / 32 times the depth.
"""

from __future__ import annotations

import math
import tracemalloc

import cv2
import numpy as np
import pytest

from espnet_ros.core import ground_tables
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.errors import CameraInfoError, ImageError, ParameterError, PoseError
from espnet_ros.core.grid import GridSpec
from espnet_ros.core.ground_projection import GroundProjector
from espnet_ros.core.ground_tables import Gates
from espnet_ros.core.labels import CAMVID, UNLABELED, LabelClass, Labels
from espnet_ros.core.transforms import camera_mount
from espnet_ros.sim import Street

LABELS = Labels(
    [
        LabelClass('road', (0, 0, 0), 'ground'),
        LabelClass('path', (1, 0, 0), 'ground'),
        LabelClass('wall', (2, 0, 0), 'upright'),
        LabelClass('plant', (3, 0, 0), 'upright'),
        LabelClass('sky', (4, 0, 0), 'sky'),
    ]
)
ROAD, PATH, WALL, PLANT, SKY = range(5)
CAMERA = CameraModel((64, 48), [[32.0, 0, 31.5], [0, 32.0, 23.5], [0, 0, 1]])
GATES = Gates(max_range_m=4.0)
# Columns along x from 0 to 5 m, rows along y from -1.5 to 1.5 m.
SPEC = GridSpec(0.1, (50, 30), (0, -15))
HALF = math.sqrt(0.5)


def looking_down(height: float = 1.0) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = [[0, -HALF, HALF], [-1, 0, 0], [0, -HALF, -HALF]]
    T[2, 3] = height
    return T


def pose(x: float = 0.0, y: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    T = np.eye(4)
    c, s = math.cos(yaw), math.sin(yaw)
    T[:2, :2] = [[c, -s], [s, c]]
    T[:2, 3] = x, y
    return T


def mask_of(class_id: int = ROAD) -> np.ndarray:
    return np.full((48, 64), class_id, np.uint8)


def observe(mask, confidence=None, T_grid_base=None, spec=SPEC, gates=GATES, **rules):
    T_grid_base = pose() if T_grid_base is None else T_grid_base
    projector = GroundProjector(LABELS, gates, **rules)
    return projector.observe(mask, confidence, CAMERA, looking_down(), T_grid_base, spec)


def cells_seen(observation):
    return observation.weights > 0


def middle_row(observation):
    """Return class ids along x beside y = 0, UNLABELED where nothing was seen."""
    return np.where(cells_seen(observation), observation.class_ids, UNLABELED)[15]


def pixels_by_hand(spec=SPEC):
    x, y = np.moveaxis(spec.centers(), -1, 0)
    t = (1 - x) / (1 + x)
    depth = math.sqrt(2) / (1 + t)
    return 31.5 - 32 * y / depth, 23.5 + 32 * t, x, y


def row_edge_m(v: float) -> float:
    t = (v - 23.5) / 32
    return (1 - t) / (1 + t)


def test_ground_is_where_its_rays_meet_the_plane():
    mask = mask_of()
    mask[:, :20] = PATH
    mask[20:, 40:] = PATH
    u, v, x, y = pixels_by_hand()
    # Two pixels of border, and clear of the limits by what the tables may round.
    edge = np.minimum.reduce([u - 1.5, 61.5 - u, v - 1.5, 45.5 - v])
    inside = (edge > 0) & (np.hypot(x, y) <= 4.0)
    clear = (np.abs(edge) > 0.1) & (np.abs(np.hypot(x, y) - 4.0) > 0.06)
    observation = observe(mask)
    np.testing.assert_array_equal(cells_seen(observation)[clear], inside[clear])
    assert (inside & clear).sum() > 500
    sharp = inside & clear & (np.abs(u - 19.5) > 0.1) & (np.abs(u - 39.5) > 0.1)
    sharp &= np.abs(v - 19.5) > 0.1
    path = (u < 19.5) | ((u > 39.5) & (v > 19.5))
    expected = np.where(path, PATH, ROAD)
    np.testing.assert_array_equal(observation.class_ids[sharp], expected[sharp])


def test_a_wall_is_met_where_it_stands_and_hides_what_is_behind():
    mask = mask_of()
    mask[:14] = WALL
    assert 1.90 < row_edge_m(13.5) < 1.91
    row = middle_row(observe(mask))
    assert row[19] == WALL
    assert (row[4:19] == ROAD).all()
    assert (row[20:] == UNLABELED).all()
    # All the way across, without a gap.
    observation = observe(mask)
    across = cells_seen(observation) & (observation.class_ids == WALL)
    my, mx = np.nonzero(across)
    assert set(mx) == {19}
    assert np.diff(my).tolist() == [1] * (len(my) - 1)
    assert len(my) > 20


def test_ground_seen_behind_a_low_thing_is_ground():
    mask = mask_of()
    mask[13:16] = WALL
    row = middle_row(observe(mask))
    assert row[int((row_edge_m(15.5) + 0.05) * 10)] == WALL
    # The next whole cell after the wall's upper edge is seen again, with no second contact.
    seen_again = math.ceil(row_edge_m(12.5) * 10)
    assert (row[seen_again : seen_again + 5] == ROAD).all()
    assert (row == WALL).sum() == 1


def test_a_thing_behind_ground_behind_a_thing_is_met_too():
    mask = mask_of()
    mask[13:16] = mask[:8] = WALL
    row = middle_row(observe(mask))
    contacts = np.flatnonzero(row == WALL)
    assert contacts.tolist() == [int((row_edge_m(v) + 0.05) * 10) for v in (15.5, 7.5)]


def test_a_thin_pole_is_marked_though_no_middle_of_a_cell_shows_it():
    mask = mask_of()
    mask[:20, 30] = WALL
    observation = observe(mask)
    assert (observation.class_ids[cells_seen(observation)] == WALL).any()


def test_no_contact_without_ground_before_it():
    mask = mask_of()
    mask[30:] = WALL  # over the lower border
    row = middle_row(observe(mask))
    assert WALL not in row
    assert (row[: int(row_edge_m(30) * 10)] == UNLABELED).all()
    assert ROAD in row


@pytest.mark.parametrize('seam', [SKY, UNLABELED, 77])
def test_a_contact_may_hide_under_a_seam(seam: int):
    mask = mask_of()
    mask[:16] = seam
    mask[:14] = WALL
    row = middle_row(observe(mask))
    assert row[19] == WALL
    assert (row[17:19] == UNLABELED).all()


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
    # Turned left by 90 degrees at (3, -1): the wall stands along x at y = -1 + 1.91.
    spec = GridSpec(0.1, (50, 45), (5, -15))
    observation = observe(mask, T_grid_base=pose(3.0, -1.0, math.pi / 2), spec=spec)
    my, mx = np.nonzero(cells_seen(observation) & (observation.class_ids == WALL))
    assert set(my) == {24}
    # Between columns 2 and 61 at a depth of 2.06 m: 29.5 / 32 * 2.06 = 1.9 m to either side.
    assert 5 <= mx.min() <= 6
    assert 43 <= mx.max() <= 44


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


def test_ground_cover_lets_things_stand_on_plants():
    mask = mask_of()
    mask[:16] = PLANT
    mask[:14] = WALL
    plain = middle_row(observe(mask))
    assert WALL not in plain
    cover = middle_row(observe(mask, ground_cover=['plant']))
    assert cover[19] == WALL
    plant = int((row_edge_m(15.5) + 0.05) * 10)
    assert plain[plant] == cover[plant] == PLANT
    # A plant before or over a wall stays hidden by it.
    mask[:14], mask[14:16] = PLANT, WALL
    assert PLANT not in middle_row(observe(mask, ground_cover=['plant']))


def test_overhang_marks_what_a_thing_covers():
    mask = mask_of()
    mask[:14, 31:33] = WALL
    bare = observe(mask)
    wide = observe(mask, overhang_m={'wall': 0.3})
    assert (cells_seen(bare) & (bare.class_ids == WALL)).sum() <= 2
    my, mx = np.nonzero(cells_seen(wide) & (wide.class_ids == WALL))
    # About (1.96, 0), which is the corner of row 15.
    assert (mx.min(), mx.max(), my.min(), my.max()) == (16, 22, 11, 18)


def test_what_floats_beside_a_stand_is_not_met_on_the_ground():
    mask = mask_of()
    mask[:14, 31:33] = mask[:12, 33:36] = WALL
    far = int((row_edge_m(11.5) + 0.05) * 10)
    bare = observe(mask)
    assert WALL in bare.class_ids[:, far][cells_seen(bare)[:, far]]
    wide = observe(mask, overhang_m={'wall': 0.1})
    assert WALL not in wide.class_ids[:, far][cells_seen(wide)[:, far]]
    # Another one farther beside is another one.
    mask[:12, 50:53] = WALL
    wide = observe(mask, overhang_m={'wall': 0.1})
    assert WALL in wide.class_ids[:, far][cells_seen(wide)[:, far]]


@pytest.mark.parametrize(('resolution', 'reach'), [(0.01, 8.0), (0.05, 20.0)])
def test_small_cells_and_long_ranges_are_read_through_coarser_tables(resolution, reach):
    mask = mask_of()
    mask[:14] = WALL
    side = round(4.0 / resolution)
    spec = GridSpec(resolution, (side, side), (0, -side // 2))
    gates = Gates(reach, min_depression_deg=1.0)
    projector = GroundProjector(LABELS, gates)
    observation = projector.observe(mask, None, CAMERA, looking_down(), pose(), spec)
    fan = projector.tables(CAMERA, looking_down(), resolution).fan
    assert fan.ranges_m[1] - fan.ranges_m[0] < reach / 1500
    ids = np.where(cells_seen(observation), observation.class_ids, UNLABELED)
    my, mx = np.nonzero(ids == WALL)
    # The wall stands across at 1.906 m, where columns 2 and 61 are 1.9 m to either side.
    assert np.abs((mx + 0.5) * resolution - row_edge_m(13.5)).max() < resolution + reach / 1600
    assert set(np.diff(np.unique(my))) == {1}
    # A pixel there is 6 cm wide, and either end may be a pixel off.
    assert len(np.unique(my)) * resolution == pytest.approx(3.8, abs=0.15)
    u, v, _, _ = pixels_by_hand(spec)
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


def marked_one_by_one(projector, mask, confidence, T_grid_base, spec, wall_m):
    """Return class ids and weights, -1 where nothing is met: each contact by itself, as it is."""
    fan = projector.tables(CAMERA, looking_down(), spec.resolution_m).fan
    ray, place = projector.standing_contacts(mask, fan)
    ids = mask.ravel()[fan.pixels[ray, place]]
    weights = fan.weights[place] * confidence.ravel()[fan.pixels[ray, place]] * np.float32(1 / 255)
    ranges = fan.ranges_m[place] - (fan.ranges_m[1] - fan.ranges_m[0] - spec.resolution_m) / 2
    class_ids, sure = np.full(spec.shape, -1), np.full(spec.shape, -1.0, np.float32)
    # Of two that are as sure, that which overhangs the other comes later.
    reach_m = np.where(ids == WALL, wall_m, 0.0)
    for i in (i for i in np.lexsort((reach_m > 0, weights)) if weights[i] > 0):
        reach = reach_m[i]
        step = 0.7 * spec.resolution_m
        line = step * np.arange(-math.floor(reach / step), math.floor(reach / step) + 1)
        disc = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
        points = fan.foot + fan.directions[ray[i]] * ranges[i] + disc[np.hypot(*disc.T) <= reach]
        cells, inside = spec.cells_of(points @ T_grid_base[:2, :2].T + T_grid_base[:2, 3])
        mx, my = cells[inside].T
        class_ids[my, mx], sure[my, mx] = ids[i], weights[i]
    return class_ids, sure


@pytest.mark.parametrize('confidences', [(255, 256), (1, 256)])
@pytest.mark.parametrize(('resolution', 'size'), [(0.1, (50, 30)), (0.02, (250, 150))])
def test_contacts_of_noise_are_marked_as_each_by_itself(confidences, resolution, size):
    rng = np.random.default_rng(5)
    mask = rng.choice(np.array([ROAD, WALL, PLANT], np.uint8), (48, 64), p=[0.8, 0.05, 0.15])
    confidence = rng.integers(*confidences, (48, 64)).astype(np.uint8)
    T_grid_base = pose(0.4, -0.3, 0.5)
    spec = GridSpec(resolution, size, (0, -size[1] // 2))
    projector = GroundProjector(LABELS, GATES, overhang_m={'wall': 0.25})
    seen = projector.observe(mask, confidence, CAMERA, looking_down(), T_grid_base, spec)
    expected, sure = marked_one_by_one(projector, mask, confidence, T_grid_base, spec, 0.25)
    met = expected >= 0
    assert (expected == WALL).sum() > 40 < (expected == PLANT).sum()
    np.testing.assert_array_equal(seen.class_ids[met], expected[met])
    np.testing.assert_array_equal(seen.weights[met], sure[met])
    assert (seen.class_ids[~met & cells_seen(seen)] == ROAD).all()


def test_noise_on_fine_cells_takes_little_memory():
    mask = np.random.default_rng(5).choice(np.array([ROAD, WALL, PLANT], np.uint8), (48, 64))
    spec = GridSpec(0.02, (250, 150), (0, -75))
    projector = GroundProjector(LABELS, GATES, overhang_m={'wall': 1.0})
    arguments = mask, None, CAMERA, looking_down(), pose(), spec
    projector.observe(*arguments)
    tracemalloc.start()
    projector.observe(*arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # 8,000 points about each of hundreds of contacts took 73 MB


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
    assert ground_tables.is_still(still, trembled)
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
    with pytest.raises(PoseError, match=r'up to 0\.50 m only, .* cell of 4 m: lower grid'):
        projector.tables(CAMERA, looking_down(), 4.0)


def test_a_camera_that_sees_no_ground_is_refused():
    T = np.eye(4)
    T[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]  # level
    T[2, 3] = 1.0
    up = T.copy()
    up[:3, :3] = [[0, HALF, HALF], [-1, 0, 0], [0, -HALF, HALF]]
    projector = GroundProjector(LABELS, GATES)
    with pytest.raises(PoseError, match='above the horizon'):
        projector.tables(CAMERA, up, 0.1)
    with pytest.raises(PoseError, match=r'above the ground.*-0\.500 m'):
        projector.tables(CAMERA, looking_down(-0.5), 0.1)


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


def test_bad_gates_are_listed():
    with pytest.raises(ParameterError, match=r'max_range.*min_range.*min_depression.*border'):
        Gates(-1.0, -1.0, 90.0, -2)


def test_rules_for_classes_that_are_not_upright_are_refused():
    with pytest.raises(ParameterError, match=r"'road'.*'palm'.*-1.*wall, plant"):
        GroundProjector(
            LABELS, GATES, ['road'], {'palm': 0.1, 'wall': -1.0}
        )


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
