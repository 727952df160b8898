"""Looks of several cameras into one grid; the geometry is that of test/ros/costmap_rig.py.

1 m high and 45 degrees down, an edge between rows 39 and 40 is 1.667 m ahead.
"""

from __future__ import annotations

import inspect
import math
import queue
import threading

import numpy as np
import pytest
from announcing_lock import DEADLINE_S, AnnouncingLock

from espnet_ros.core import ground_projection
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.clouds import CloudMaker
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.depth_projection import HeightBand
from espnet_ros.core.errors import CameraInfoError, ImageError, ParameterError, PoseError
from espnet_ros.core.gates import Gates
from espnet_ros.core.ground_tables import build_tables
from espnet_ros.core.labels import CAMVID, LabelClass, Labels
from espnet_ros.core.mapper import Look, Mapper, default_layers
from espnet_ros.core.semantic_grid import Memory
from espnet_ros.core.transforms import camera_mount

LABELS = Labels([
    LabelClass('road', (1, 0, 0), 'ground'), LabelClass('wall', (2, 0, 0), 'upright'),
    LabelClass('sky', (3, 0, 0), 'sky'),
])  # fmt: skip
MODEL = CameraModel((160, 120), np.array([[80, 0, 79.5], [0, 80, 59.5], [0, 0, 1]]))


def mapper(**parameters):
    values = {'grid.size': [12.0, 8.0], 'cameras': ['front', 'left'], **parameters}
    return Mapper(NodeConfig.from_parameters(values), LABELS)


def look(camera='front', stamp_s=1.0, xy=(0.0, 0.0), yaw=0.0, mount_yaw=0.0, **changes):
    mask = np.zeros((120, 160), np.uint8)
    mask[:40] = 1
    pose = np.eye(4)
    pose[:2, :2] = [[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]]
    pose[:2, 3] = xy
    values = {
        'camera': camera, 'mask': mask, 'confidence': np.full_like(mask, 255), 'model': MODEL,
        'T_base_camera': camera_mount((0, 0, 1.0), (0, math.pi / 4, mount_yaw)),
        'T_grid_base': pose, 'stamp_s': stamp_s, **changes,
    }  # fmt: skip
    return Look(**values)


def at(cost_map, x, y):
    cell, inside = cost_map.spec.cells_of(np.array([[x, y]]))
    assert inside[0]
    return int(cost_map.occupancy.combined[cell[0, 1], cell[0, 0]])


def found_again(grid):
    return grid.figures()['front']['obstacle cells found again after 3 m']


def test_cameras_share_a_grid():
    grid = mapper()
    assert grid.add(look()) == ''
    assert grid.add(look('left', mount_yaw=math.pi / 2)) == ''
    shown = grid.render()
    assert (at(shown, 1.75, 0.05), at(shown, 1.25, 0.05)) == (100, 0)
    assert (at(shown, 0.05, 1.75), at(shown, 0.05, 1.25)) == (100, 0)
    assert (at(shown, -1.25, 0.05), at(shown, 2.15, 0.05)) == (-1, -1)
    assert list(shown.occupancy.layers) == ['obstacles']
    assert shown.occupancy.combined.shape == (80, 120)


def test_looks_of_slower_cameras_are_taken():
    grid = mapper()
    grid.add(look(stamp_s=10.0))
    assert grid.add(look('left', stamp_s=9.4, mount_yaw=math.pi / 2)) == ''
    assert at(grid.render(), 0.05, 1.25) == 0
    assert at(grid.render(), 1.25, 0.05) == 0


@pytest.mark.parametrize(('front_s', 'left_s'), [(10.0, 5.0), (5.0, 10.0)])
def test_cameras_whose_clocks_differ_do_not_clear_each_others_view(front_s, left_s):
    grid = mapper()
    for step in range(3):
        assert grid.add(look(stamp_s=front_s + step / 10)) == ''
        assert grid.add(look('left', stamp_s=left_s + step / 10, mount_yaw=math.pi / 2)) == ''
    assert at(grid.render(), 1.25, 0.05) == 0


def test_a_camera_whose_clock_is_far_behind_is_told_so():
    grid = mapper(**{'grid.half_life': 3.0})
    grid.add(look(stamp_s=66.0))
    assert grid.add(look('left', stamp_s=60.0, mount_yaw=math.pi / 2)) == ''
    grid.add(look(stamp_s=100.1))
    with pytest.raises(PoseError, match=r'is 40\.0 s older than the newest of the other cameras'):
        grid.add(look('left', stamp_s=60.1, mount_yaw=math.pi / 2))


@pytest.mark.parametrize(
    ('half_life_s', 'lag_s', 'is_far'),
    [(3.0, 6.0, False), (3.0, 6.1, True), (0.2, 0.9, False), (0.2, 1.1, True)],
)
def test_far_behind_is_more_than_two_half_lives_and_than_a_second(half_life_s, lag_s, is_far):
    grid = mapper(**{'grid.half_life': half_life_s})
    grid.add(look(stamp_s=100.0))
    late = look('left', stamp_s=100.0 - lag_s, mount_yaw=math.pi / 2)
    if is_far:
        with pytest.raises(PoseError, match=f'is {lag_s} s older than the newest'):
            grid.add(late)
    else:
        assert grid.add(late) == ''


@pytest.mark.parametrize(
    ('later', 'words'),
    [
        ({'stamp_s': 3.0}, 'time went back by 7.0 s'),
        ({'stamp_s': 10.1, 'xy': (5.0, 0.0)}, 'the pose jumped by 5.0 m in 0.10 s'),
        (
            {'stamp_s': 10.1, 'yaw': 2.0, 'mount_yaw': -1.0},
            'the pose turned by 115 degrees in 0.10 s',
        ),
    ],
)
def test_what_is_of_another_time_or_place_is_forgotten(later, words):
    grid = mapper()
    grid.add(look(stamp_s=10.0, mount_yaw=math.pi))
    assert at(grid.render(), -0.75, 0.05) == 0
    assert grid.add(look(**later)) == words
    assert at(grid.render(), -0.75, 0.05) == -1
    # Said once: the next look goes on from there.
    later = {**later, 'stamp_s': later['stamp_s'] + 0.1}
    assert grid.add(look(**later)) == ''


def test_a_jump_says_nothing_about_the_camera():
    # Both look at the place between: compared, most of it would seem to be found again.
    grid = mapper()
    grid.add(look(stamp_s=10.0))
    words = grid.add(look(stamp_s=10.01, xy=(3.3, 0.0), yaw=math.pi))
    assert words.startswith('the pose jumped')
    assert found_again(grid) == 'none yet'


def test_what_is_cleared_says_nothing_about_the_camera():
    grid = mapper()
    grid.add(look(stamp_s=10.0))
    grid.clear()
    assert grid.add(look(stamp_s=11.0, xy=(3.3, 0.0), yaw=math.pi)) == ''
    assert found_again(grid) == 'none yet'


def test_what_is_not_cleared_is_looked_for_again():
    grid = mapper()
    grid.add(look(stamp_s=10.0))
    assert grid.add(look(stamp_s=11.0, xy=(3.3, 0.0), yaw=math.pi)) == ''
    assert found_again(grid) != 'none yet'


@pytest.mark.parametrize('later', [{'stamp_s': 3.0}, {'stamp_s': 10.1, 'yaw': 2.0}])
def test_a_look_that_is_refused_forgets_nothing(later):
    grid = mapper()
    grid.add(look(stamp_s=10.0))
    bad = look(**later, mask=np.zeros((100, 160), np.uint8))
    before = grid.figures()
    with pytest.raises((CameraInfoError, ImageError)):
        grid.add(bad)
    assert grid.figures() == before
    assert at(grid.render(), 1.25, 0.05) == 0
    # The next one that can be used says why.
    assert grid.add(look(**later)) != ''


# 1 m and 30 m/s.
@pytest.mark.parametrize(
    ('seconds', 'y', 'words'),
    [
        (0.1, 3.9, ''),
        (0.1, -4.1, 'the pose jumped by 4.1 m in 0.10 s'),
        (0.02, -1.5, ''),
        (0.02, 1.7, 'the pose jumped by 1.7 m in 0.02 s'),
        (-0.5, 15.9, ''),  # late, and from where the robot was then
        (-0.5, 16.1, 'the pose jumped by 16.1 m in -0.50 s'),
    ],
)
def test_fast_robots_do_not_jump(seconds, y, words):
    grid = mapper()
    grid.add(look(stamp_s=10.0))
    assert grid.add(look(stamp_s=10.0 + seconds, xy=(0.0, y))) == words


def test_a_height_that_drifts_is_no_jump():
    grid = mapper()
    grid.add(look(stamp_s=10.0))
    risen = np.eye(4)
    risen[2, 3] = 9.0
    assert grid.add(look(stamp_s=10.1, T_grid_base=risen)) == ''
    assert at(grid.render(), 1.25, 0.05) == 0


def test_time_goes_back_by_more_than_a_second_from_the_newest_look():
    grid = mapper()
    for stamp_s in (9.7, 10.0, 9.0, 9.5):
        assert grid.add(look(stamp_s=stamp_s)) == ''
    assert grid.add(look(stamp_s=8.9)) == 'time went back by 1.1 s'


def test_a_recording_that_starts_again_is_no_camera_whose_clock_is_behind():
    grid = mapper()
    grid.add(look(stamp_s=100.0))
    assert grid.add(look(stamp_s=3.0)) == 'time went back by 97.0 s'


@pytest.mark.parametrize(
    ('start', 'end', 'seconds'),
    [
        (0.0, 0.5, 0.1),  # 5 rad/s, faster than any Roomba
        (0.0, 1.5, 0.3),
        (0.0, 2.5, 0.5),
        (0.0, math.pi, 0.6),
        (3.0, 3.4, 0.1),  # over 180 degrees
        (-3.0, -3.4, 0.1),
        (0.0, 1.8, 0.1),  # up to 90 degrees and 3 rad/s: 1.871
        (0.0, -2.7, 0.4),  # up to 2.771
        (0.0, 2.7, -0.4),  # a late one
    ],
)
def test_robots_that_spin_do_not_jump(start, end, seconds):
    grid = mapper()
    grid.add(look(stamp_s=10.0, yaw=start))
    assert grid.add(look(stamp_s=10.0 + seconds, yaw=end)) == ''


@pytest.mark.parametrize(
    ('start', 'end', 'degrees'), [(0.0, -2.0, 115), (3.0, -1.0, 131), (-1.0, 3.0, 131)]
)
def test_a_jump_of_yaw_counts_the_shorter_way_round(start, end, degrees):
    grid = mapper()
    grid.add(look(stamp_s=10.0, yaw=start))
    words = f'the pose turned by {degrees} degrees in 0.10 s'
    assert grid.add(look(stamp_s=10.1, yaw=end)) == words
    assert grid.add(look(stamp_s=10.2, yaw=end)) == ''


@pytest.mark.parametrize(('seconds', 'end'), [(0.1, 1.9), (0.4, -2.85), (-0.4, 2.85)])
def test_robots_that_spin_faster_than_any_jump(seconds, end):
    grid = mapper()
    grid.add(look(stamp_s=10.0))
    assert 'the pose turned by' in grid.add(look(stamp_s=10.0 + seconds, yaw=end))


def test_a_look_without_a_usable_pose_changes_nothing():
    grid = mapper()
    grid.add(look())
    before = grid.render().occupancy.combined
    broken = np.eye(4)
    broken[0, 3] = math.nan
    with pytest.raises(PoseError, match='T_grid_base must be finite'):
        grid.add(look(stamp_s=1.1, T_grid_base=broken))
    with pytest.raises(PoseError, match='above the ground'):
        grid.add(look(stamp_s=1.1, T_base_camera=camera_mount((0, 0, -1), (0, 0.8, 0))))
    np.testing.assert_array_equal(grid.render().occupancy.combined, before)


def test_clearing_and_filling():
    grid = mapper()
    grid.add(look())
    filled = grid.render(100)
    assert (filled.occupancy.combined == 100).all()
    assert (filled.occupancy.layers['obstacles'] == 100).all()
    assert at(grid.render(), 1.25, 0.05) == 0
    grid.clear()
    assert (grid.render().occupancy.combined == -1).all()
    # Neither time nor place of before matters any more.
    assert grid.add(look(stamp_s=0.5, xy=(50.0, 0.0))) == ''


def test_time_without_looks_fades_what_is_known():
    grid = mapper(**{'grid.half_life': 1.0})
    grid.elapse(1.0)  # nothing is known yet
    grid.add(look())
    grid.elapse(1.0)
    assert at(grid.render(), 1.25, 0.05) == 0
    grid.elapse(6.0)
    assert (grid.render().occupancy.combined == -1).all()


@pytest.mark.parametrize('looks', [True, False])
@pytest.mark.parametrize(('step_m', 'origin_m'), [(1.0, (1.0, -6.0)), (3.0, (0.0, -4.0))])
def test_the_grid_follows_the_robot_with_and_without_looks(step_m, origin_m, looks):
    grid = mapper(**{'grid.recentre_step': step_m})
    grid.add(look())
    there = look(stamp_s=2.0, xy=(7.3, -2.4))
    if looks:
        assert grid.add(there) == ''
    else:
        grid.recentre(there.T_grid_base)
    assert grid.render().spec.origin_m == pytest.approx(origin_m)


def test_a_grid_that_the_robot_would_leave_is_refused():
    with pytest.raises(ParameterError, match=r'at most half of .* grid, 8 m, .* got 4\.1 m'):
        mapper(**{'grid.recentre_step': 4.1})
    mapper(**{'grid.recentre_step': 4.0})


# The edge of the wall is 1.667 m ahead, a ray 35 degrees down meets the ground at 1.43 m, and rows
# 50 and 69 are 1.27 m and 0.78 m ahead.
@pytest.mark.parametrize(
    ('parameters', 'seen', 'unseen'),
    [
        ({'projection.max_range': 1.5}, {1.25: 0}, [1.65]),
        ({'projection.min_range': 1.0}, {1.25: 0, 1.75: 100}, [0.75]),
        ({'projection.min_depression': 35.0}, {0.75: 0, 1.25: 0}, [1.65]),
        ({'projection.border': 50}, {0.95: 0, 1.15: 0}, [0.45, 1.65]),
    ],
)
def test_the_ground_is_seen_where_the_gates_of_the_user_are(parameters, seen, unseen):
    plain, gated = mapper(), mapper(**parameters)
    for grid in (plain, gated):
        grid.add(look())
        assert {x: at(grid.render(), x, 0.05) for x in seen} == seen
    for x in unseen:
        assert at(plain.render(), x, 0.05) >= 0
        assert at(gated.render(), x, 0.05) == -1


def test_clouds_have_the_stride_of_the_user():
    now = look()
    maker = mapper(**{'nav.stride': 7}).cloud_makers['front']
    clouds = maker.read(now.mask, now.confidence, now.model, now.T_base_camera)
    assert clouds.seen.mask.shape == (18, 23)  # 120 / 7 and 160 / 7, rounded up


# The wall is seen 0.51 m high; row 2 looks 9 degrees down.
@pytest.mark.parametrize(
    ('parameters', 'cost'),
    [
        ({}, 100),
        ({'projection.max_range': 2.0}, -1),
        ({'projection.height_band': [0.6, 2.0]}, -1),
    ],
)
def test_depth_is_used_when_the_look_has_it(parameters, cost):
    grid = mapper(**parameters)
    angles = np.arctan((np.arange(120) - 59.5) / 80)
    rows = 3.0 / np.cos(math.pi / 4 + angles) * np.cos(angles)
    depth_m = np.repeat(rows[:, None], 160, axis=1).astype(np.float32)
    now = look(depth_m=depth_m)
    grid.add(now)
    assert at(grid.render(), 3.02, 0.05) == cost
    maker = grid.cloud_makers['front']
    clouds = maker.read(now.mask, now.confidence, now.model, now.T_base_camera, now.depth_m)
    assert bool(clouds.of_layer('obstacles').size) == (cost == 100)
    # What is measured tells nothing of the pose: half of the wall stands where it was.
    grid.add(look(stamp_s=2.0, xy=(0.0, 3.3), depth_m=depth_m))
    assert found_again(grid) == 'none yet'


DEPTH_M = np.full((120, 160), 2.0, np.float32)
ROAD, WALL, SKY, UNKNOWN = 0, 1, 2, 255


@pytest.mark.parametrize('depth_m', [None, DEPTH_M])
@pytest.mark.parametrize(
    ('class_ids', 'words'),
    [([SKY], 'got sky'), ([UNKNOWN], 'got unlabeled'), ([SKY, UNKNOWN], 'got sky, unlabeled')],
)
def test_a_camera_that_shows_nothing_is_refused_as_a_silent_one(depth_m, class_ids, words):
    grid = mapper()
    grid.add(look(stamp_s=10.0))
    blind = np.full((120, 160), class_ids[0], np.uint8)
    blind[:, :40] = class_ids[-1]
    # One with which time went back, or that is far away, tells nothing either, not even that.
    for stamp_s, x in ((10.1, 0.0), (3.0, 0.0), (10.1, 500.0)):
        with pytest.raises(ImageError, match=f'{words}: is the lens covered, .*min_confid') as no:
            grid.add(look(stamp_s=stamp_s, xy=(x, 0.0), mask=blind, depth_m=depth_m))
        assert no.value.reason == 'view'
    assert at(grid.render(), 1.25, 0.05) == 0


# Row 99 sees the ground 0.34 m ahead, row 90 at 0.45 m, row 40 at 1.65 m; at the image's sides
# they would see it a metre away.
@pytest.mark.parametrize(
    ('rows', 'class_id', 'is_blind'),
    [
        (slice(0, 120), WALL, False),  # right before a wall
        (slice(100, 120), WALL, True),  # in its border and nearer than min_range
        (slice(90, 120), WALL, False),
        (slice(100, 120), ROAD, True),
        (slice(90, 120), ROAD, False),
        (slice(0, 40), WALL, True),  # farther than max_range
        (slice(0, 60), WALL, False),
    ],
)
def test_only_what_is_within_the_gates_shows_that_a_camera_sees(rows, class_id, is_blind):
    gates = {'max_range': 1.5, 'min_range': 0.4, 'border': 8}
    grid = mapper(**{f'projection.{name}': value for name, value in gates.items()})
    mask = np.full((120, 160), SKY, np.uint8)
    mask[rows, 70:90] = class_id
    if is_blind:
        with pytest.raises(ImageError, match='where the ground would be, got sky'):
            grid.add(look(mask=mask))
    else:
        assert grid.add(look(mask=mask)) == ''


def test_a_camera_right_before_a_wall_changes_nothing_without_depth():
    grid = mapper()
    grid.add(look())
    before = grid.render().occupancy.combined
    grid.add(look(mask=np.full((120, 160), WALL, np.uint8)))
    np.testing.assert_array_equal(grid.render().occupancy.combined, before)


@pytest.mark.parametrize('range_m', [0.1, 50.0])
def test_with_depth_a_camera_sees_what_is_nearer_and_farther_than_the_map_wants(range_m):
    grid = mapper(**{'projection.min_range': 0.5})
    wall = np.full((120, 160), WALL, np.uint8)
    depth_m = np.full((120, 160), range_m, np.float32)
    assert grid.add(look(mask=wall, depth_m=depth_m)) == ''
    assert (grid.render().occupancy.combined == -1).all()


@pytest.mark.parametrize('nothing', [0.0, np.nan, np.inf])
def test_with_depth_what_has_none_shows_nothing(nothing):
    depth_m = np.full((120, 160), nothing, np.float32)
    depth_m[0, 0] = 2.0  # in the border
    with pytest.raises(ImageError, match='where depth is known, got no pixel'):
        mapper().add(look(depth_m=depth_m))


# The axes of a body: its z, which is forward in an image, is up.
@pytest.mark.parametrize(
    ('pose', 'words'),
    [
        (np.eye(4) + np.eye(4, k=1) * [0, 0, 0, 1], 'an optical frame'),  # 1 m high
        (camera_mount((0, 0, 0.01), (0, 0.8, 0)), 'above the ground, .* got 0.010 m'),
        (camera_mount((0, 0, -1.0), (0, 0.8, 0)), 'above the ground, .* got -1.000 m'),
        (camera_mount((0, 0, 1.0), (0, -0.8, 0)), 'above the horizon'),
    ],
)
@pytest.mark.parametrize('depth_m', [None, DEPTH_M])
def test_no_camera_has_such_a_pose(pose, words, depth_m):
    with pytest.raises(PoseError, match=words):
        mapper().add(look(T_base_camera=pose, depth_m=depth_m))


def test_with_depth_a_camera_may_look_ahead_and_a_little_up():
    for pitch in (0.0, -0.6):  # half of the image is 37 degrees, 0.64 rad
        pose = camera_mount((0, 0, 1.0), (0, pitch, 0))
        assert mapper().add(look(T_base_camera=pose, depth_m=DEPTH_M)) == ''


@pytest.mark.parametrize('depth_m', [None, DEPTH_M])
def test_a_border_that_leaves_nothing_is_named(depth_m):
    grid = mapper(**{'projection.border': 60})
    words = r'projection\.border of 60 pixels .* masks of 160x120: set it to 59 at most'
    with pytest.raises(PoseError, match=words):
        grid.add(look(depth_m=depth_m))


def test_nobody_waits_while_tables_are_made(monkeypatch):
    grid, held = mapper(), []

    def build(*args):
        held.append(grid._lock.locked())
        return build_tables(*args)

    monkeypatch.setattr(ground_projection, 'build_tables', build)
    grid.add(look())
    grid.add(look(stamp_s=1.1, T_base_camera=camera_mount((0, 0, 1.0), (0, 0.8, 0.1))))
    assert held == [False, False]


def test_ground_above_the_horizon_is_told_of_its_camera():
    grid = mapper()
    ground = np.zeros((120, 160), np.uint8)
    for n in range(20):
        assert grid.problems() == {'front': '', 'left': ''}
        T = camera_mount((0, 0, 1.0), (0, 0.2, 0))
        grid.add(look('left', stamp_s=1.0 + n / 10, mask=ground, T_base_camera=T))
    problems = grid.problems()
    assert problems['front'] == ''
    assert 'above the assumed horizon' in problems['left']


@pytest.mark.parametrize('depth_m', [None, DEPTH_M])
def test_a_camera_that_does_not_see_upright_is_told(depth_m):
    hanging = camera_mount((0, 0, 1.0), (math.pi, math.pi / 4, 0))
    grid = mapper()
    grid.add(look('left', depth_m=depth_m))
    grid.add(look('front', T_base_camera=hanging, depth_m=depth_m))
    problems = grid.problems()
    assert problems['left'] == ''
    assert 'set input.front.upside_down to true' in problems['front']
    # It is judged by the newest look.
    grid.add(look('front', stamp_s=1.1, depth_m=depth_m))
    assert grid.problems()['front'] == ''
    turned = mapper(**{'input.front.upside_down': True})
    turned.add(look('front', T_base_camera=hanging, depth_m=depth_m))
    turned.add(look('left', depth_m=depth_m))
    assert turned.problems() == {'front': '', 'left': ''}
    turned.add(look('front', stamp_s=1.1, depth_m=depth_m))
    assert 'input.front.upside_down is true, but' in turned.problems()['front']


def test_the_users_layers_and_rules_are_checked_against_the_model():
    with pytest.raises(ParameterError, match="unknown class 'raod'"):
        mapper(**{'layers.ways.classes': ['raod'], 'layers.ways.cost': 0})
    with pytest.raises(ParameterError, match="ground_cover names 'road'"):
        mapper(**{'projection.ground_cover': ['road']})
    with pytest.raises(ParameterError, match="overhang names 'bike'"):
        mapper(**{'projection.overhang.bike': 0.4})
    with pytest.raises(ParameterError, match='cells in all'):
        mapper(**{'grid.size': [1000.0, 1000.0], 'grid.resolution': 0.02})


@pytest.mark.parametrize(
    'fine',
    [
        {'grid.resolution': 0.02, 'projection.max_range': 8.0},
        {'grid.resolution': 0.01, 'projection.max_range': 100.0},
    ],
)
def test_fine_grids_and_long_ranges_that_are_taken_give_a_map(fine):
    grid = mapper(**{'grid.size': [6.0, 4.0], **fine})
    assert grid.add(look()) == ''
    shown = grid.render()
    assert (at(shown, 1.67, 0.005), at(shown, 1.25, 0.005)) == (100, 0)


def test_geometry_without_a_config_is_that_of_the_defaults():
    grid, projection = NodeConfig().grid, NodeConfig().projection
    assert Gates() == Gates(
        projection.max_range, projection.min_range, projection.min_depression, projection.border
    )
    low_m, high_m = projection.height_band
    assert HeightBand() == HeightBand(low_m=low_m, high_m=high_m)
    assert Memory() == Memory(grid.half_life, grid.recentre_step)
    stride = inspect.signature(CloudMaker).parameters['stride']
    assert stride.default == NodeConfig().nav.stride


def test_default_layers():
    (obstacles,) = default_layers(CAMVID)
    assert obstacles.cost == 100
    assert 'Car' in obstacles.classes
    assert 'Road' not in obstacles.classes
    assert 'Sky' not in obstacles.classes
    assert obstacles.min_probability == 0.3
    grounds = [('lawn', (0, 9, 0)), ('path', (9, 9, 0))]
    flat = Labels([LabelClass(name, color, 'ground') for name, color in grounds])
    (known,) = default_layers(flat)
    assert (known.classes, known.cost) == (('lawn', 'path'), 0)


def test_threads_may_look_and_render_at_once():
    grid = mapper()
    errors = []

    def drive():
        try:
            for step in range(30):
                grid.add(look(stamp_s=1.0 + step / 10, xy=(step * 0.2, 0.0)))
        except Exception as error:  # told below
            errors.append(error)

    worker = threading.Thread(target=drive)
    worker.start()
    while worker.is_alive():
        shown = grid.render()
        assert shown.occupancy.combined.shape == shown.spec.shape
    worker.join()
    assert not errors
    assert at(grid.render(), 29 * 0.2 + 1.75, 0.05) == 100


@pytest.mark.parametrize('ask', [Mapper.problems, Mapper.figures])
def test_what_monitors_say_is_not_read_while_they_take_in_a_look(ask):
    grid, said, answers = mapper(), queue.Queue(), []
    grid._lock = AnnouncingLock(said.put)
    monitor = grid._cameras['front'].monitor

    def read():
        answers.append(ask(grid))
        said.put('has read')

    reader = threading.Thread(target=read)

    def compare(observation, xy):
        # Half of it: as many cells found again as were looked for in all looks before.
        monitor._kept, monitor._pairs = np.full(256, 200.0), np.full(256, 9.0)
        reader.start()
        assert said.get(timeout=DEADLINE_S) == 'waits'
        monitor._met = np.full(256, 400.0)

    monitor.compare = compare
    grid.add(look())
    reader.join(DEADLINE_S)
    [by_camera] = answers
    assert list(by_camera) == ['front', 'left']
    if ask is Mapper.figures:
        assert by_camera['front']['obstacle cells found again after 3 m'] == '50 %'
