"""Other ways to run the costmaps: several cameras, depth, no camera at all, wrong layers."""

from __future__ import annotations

import contextlib
import math
import time

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from costmap_rig import HEIGHT, LATCHED, LAYERS, NODE, WALL, WIDTH, Rig, at, cells, stamp, view
from diagnostic_msgs.msg import DiagnosticStatus
from nav_msgs.msg import OccupancyGrid
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import PointCloud2


@pytest.fixture
def start(peer, start_node, toy_model):
    """Return a function that starts a node of its own namespace and the rig before it."""
    started = []

    def start_rig(prefixes=('',), **parameters):
        peer.heard.clear()
        given = {name: value for name, value in {**NODE, **parameters}.items() if value != ''}
        process = start_node(model=toy_model, **given)
        started.append(process)
        peer.listen(OccupancyGrid, '/segmentation/costmap', LATCHED)
        return Rig(peer, process, prefixes)

    yield start_rig
    for process in started:
        assert process.stop() == 0
        assert 'Traceback' not in process.log.read_text()


FRONT_AND_LEFT = {
    'cameras': '[front, left]',
    'camera_mount__front__xyz': '[0.0, 0.0, 1.0]',
    'camera_mount__front__rpy': f'[0.0, {math.pi / 4}, 0.0]',
    'camera_mount__left__xyz': '[0.0, 0.0, 1.0]',
    'camera_mount__left__rpy': f'[0.0, {math.pi / 4}, {math.pi / 2}]',
}


def both_roads(rig):
    return rig.send_until(
        lambda: rig.grids() and at(rig.grids()[-1], 0.05, 1.25) == 98
        and at(rig.grids()[-1], 1.25, 0.05) == 98 and rig.grids()[-1],
        'both roads', cameras=('front', 'left'),
    )  # fmt: skip


def test_a_camera_without_stamps_counts_beside_one_with_them(start):
    rig = start(('front', 'left'), pose__source='fixed', **FRONT_AND_LEFT, **LAYERS)
    rig.stamp_ms, rig.without_stamps = time.time_ns() // 1_000_000, {'left'}
    both_roads(rig)


def test_two_cameras_fill_one_grid(start):
    rig = start(('front', 'left'), **FRONT_AND_LEFT, **LAYERS)
    grid = both_roads(rig)
    assert at(grid, 0.05, 1.75) == at(grid, 1.75, 0.05) == 100
    assert at(grid, -1.25, 0.05) == -1
    # One of them dies: what is at its side is not known any more.
    count = len(rig.grids())
    rig.send_until(
        lambda: any((cells(g) == 100).all() for g in rig.grids()[count:]), 'lethal',
        cameras=('front',),
    )  # fmt: skip
    _, message, _ = rig.wait_status(
        lambda level, *_: level == DiagnosticStatus.ERROR, 'an error'
    )
    assert 'left: no image for' in message


def test_cameras_that_hang_upside_down_are_told_unless_they_say_so(start):
    hanging = f'[{math.pi}, {math.pi / 4}, 0.0]'
    mounts = {
        **FRONT_AND_LEFT, 'camera_mount__front__rpy': hanging, 'camera_mount__left__rpy': hanging
    }
    rig = start(('front', 'left'), input__front__upside_down='true', **mounts, **LAYERS)
    image = view()[::-1, ::-1]

    def road_and_wall():
        grids = rig.grids()
        return grids and (at(grids[-1], 1.25, 0.05), at(grids[-1], 1.75, 0.05)) == (98, 100)

    rig.send_until(road_and_wall, 'costmap', image, ('front', 'left'))
    _, message, _ = rig.send_until(
        lambda: (s := rig.status()) and 'left: by its pose, the camera hangs' in s[1] and s,
        'warning', image, ('front', 'left'),
    )  # fmt: skip
    assert 'set input.left.upside_down to true' in message
    assert 'front: by its pose' not in message and 'input.front' not in message


def test_depth_places_things_where_they_are_measured(start):
    rig = start(projection__source='depth', **LAYERS)
    # The rows of the wall show it 3 m ahead, so nearer than the ground behind it: along the
    # optical axis that is 3 / cos(45 deg + angle of the row) * cos(angle of the row).
    angles = np.arctan((np.arange(HEIGHT) - 59.5) / 80)
    ground = np.cos(angles) / np.sin(np.maximum(math.pi / 4 + angles, 0.01))
    wall = 3.0 / np.cos(math.pi / 4 + angles) * np.cos(angles)
    rows = np.where(np.arange(HEIGHT) < 40, wall, ground)
    rig.depth_m = np.repeat(rows[:, None], WIDTH, axis=1).astype(np.float32)
    grid = rig.send_until(
        lambda: rig.grids() and at(rig.grids()[-1], 1.25, 0.05) == 98 and rig.grids()[-1],
        'the ground',
    )
    assert at(grid, 3.02, 0.05) == 100
    assert at(grid, 1.75, 0.05) == -1


def test_depth_that_does_not_come_is_named(start):
    rig = start(projection__source='depth', pose__timeout=0.05, **LAYERS)
    _, message, values = rig.send_until(
        lambda: (s := rig.status()) and 'depth/image' in s[1] and s, 'complaint'
    )
    topic = rig.depth_topic
    assert f'no depth image: {topic} has a publisher, but its images do not arrive' in message
    assert 'or set projection.source to ground' in message
    assert int(values['skipped_depth']) > 0
    rig.send_until(rig.grids, 'a grid')
    assert all((cells(grid) == 100).all() for grid in rig.grids())


def test_depth_is_asked_for_as_images_are(start):
    rig = start(projection__source='depth', input__reliability='reliable', **LAYERS)
    node = rig.peer.node
    asked = rig.peer.wait(lambda: node.get_subscriptions_info_by_topic(rig.depth_topic), 'it')
    assert [s.qos_profile.reliability for s in asked] == [ReliabilityPolicy.RELIABLE]


def test_a_rectified_stereo_camera_is_told_what_its_frame_must_be(start):
    rig = start(input__rectified='true', **LAYERS)
    rig.info.p = [80.0, 0.0, 79.5, -8.0, 0.0, 80.0, 59.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    for _ in range(2):
        rig.send_until(rig.after(), 'costmap')
    assert rig.log().count('P puts the camera 0.100 m from the first one of its pair') == 1


@pytest.mark.parametrize('depth_m', [None, np.full((HEIGHT, WIDTH), 2.0, np.float32)])
def test_a_blind_camera_is_as_good_as_dead_and_one_before_a_wall_is_not(start, depth_m):
    rig = start(projection__source='ground' if depth_m is None else 'depth', **LAYERS)
    rig.depth_m = depth_m
    clear = '/segmentation/points/clear'
    rig.peer.listen(PointCloud2, clear)
    wall, sky = (np.full((HEIGHT, WIDTH, 3), (64 * i + 10, 250, 0), np.uint8) for i in (1, 2))
    rig.send_until(lambda: rig.grids() and rig.peer.heard[clear], 'costmap', wall)
    # One comes of each image, which none would of a blind camera.
    for _ in range(5):
        rig.send_until(rig.after(), 'costmap', wall)
    last_ms, count = rig.stamp_ms, len(rig.grids())
    rig.send_until(
        lambda: any((cells(g) == 100).all() for g in rig.grids()[count:]), 'lethal', sky
    )
    _, message, values = rig.wait_status(
        lambda level, *_: level == DiagnosticStatus.ERROR, 'an error'
    )
    assert 'got sky: is the lens covered' in message
    assert int(values['skipped_view']) > 0
    # Nor does Nav2's ObstacleLayer hear of it.
    assert max(stamp(cloud) for cloud in rig.peer.heard[clear]) <= last_ms
    rig.send_until(rig.after(), 'costmap')


def test_without_layers_all_upright_classes_are_lethal(start):
    rig = start()
    rig.peer.listen(OccupancyGrid, '/segmentation/layers/obstacles', LATCHED)
    grid = rig.send_until(
        lambda: (g := rig.grids('/segmentation/layers/obstacles'))
        and at(g[-1], 1.25, 0.05) == 0 and g[-1],
        'obstacles',
    )  # fmt: skip
    assert (at(grid, 1.75, 0.05), at(grid, 2.15, 0.05)) == (100, -1)


def test_before_the_first_image_the_grid_is_lethal_and_the_log_says_that_it_waits(start):
    rig = start(pose__source='fixed', grid__stale_after=0.1, **LAYERS)
    rig.peer.wait(lambda: rig.grids() and (cells(rig.grids()[-1]) == 100).all(), 'lethal')
    log = rig.process.log.read_text()
    assert 'costmaps wait for the first image (lethal until then): no image for' in log
    assert '[ERROR]' not in log


@pytest.mark.parametrize(
    ('policy', 'expected'), [('unknown', {-1}), ('hold', None), ('decay', {-1})]
)
def test_what_a_dead_camera_leaves_is_the_users_choice(start, policy, expected):
    rig = start(grid__on_stale=policy, grid__half_life=0.1, **LAYERS)
    rig.send_until(lambda: rig.grids() and at(rig.grids()[-1], 1.25, 0.05) == 98, 'costmap')
    rig.wait_status(lambda level, *_: level == DiagnosticStatus.ERROR, 'an error')
    if expected is None:
        assert at(rig.grids()[-1], 1.75, 0.05) == 100
    else:
        rig.peer.wait(lambda: set(np.unique(cells(rig.grids()[-1]))) == expected, policy)
    # The policy can be changed while it matters.
    request = SetParameters.Request(
        parameters=[Parameter('grid.on_stale', value='lethal').to_parameter_msg()]
    )
    rig.peer.call(SetParameters, '/segmentation/set_parameters', request)
    rig.peer.wait(lambda: (cells(rig.grids()[-1]) == 100).all(), 'lethal')


@pytest.mark.parametrize(
    ('xyz', 'rpy', 'words'),
    [
        ('', '', 'camera_mount.xyz'),
        ('[0.0, 0.0, -1.0]', '[0.0, 0.8, 0.0]', 'must be above the ground'),
        ('[0.0, 0.0, 1.0]', '[0.0, -1.0, 0.0]', 'not an optical frame (z forward'),
    ],
)
def test_a_camera_that_is_nowhere_or_sees_no_ground_is_named(start, xyz, rpy, words):
    rig = start(camera_mount__xyz=xyz, camera_mount__rpy=rpy, **LAYERS)
    rig.send_until(lambda: (s := rig.status()) and words in s[1], words)
    # Nothing is made up: the grid says that nobody looks, if it is known where the robot is.
    rig.send_until(lambda: 'no costmap yet' in rig.status()[1], 'an overdue costmap')
    if xyz:
        rig.send_until(rig.grids, 'a grid')
    else:
        assert not rig.grids()
    assert all((cells(grid) == 100).all() for grid in rig.grids())


def test_layers_of_unknown_classes_are_refused_with_all_of_them(start):
    rig = start(
        layers__ways__classes='[raod]', layers__ways__cost=0,
        layers__walls__classes='[wall, fence]', layers__walls__cost=100,
    )  # fmt: skip
    status = rig.peer.wait(
        lambda: (s := rig.status('image')) and s[0] == DiagnosticStatus.ERROR and s, 'refusal'
    )
    for word in ("unknown class 'raod'", "did you mean 'road'", "unknown class 'fence'"):
        assert word in status[1]


def test_a_wall_at_the_bottom_of_the_image_is_not_taken_for_free_ground(start):
    rig = start(**LAYERS)
    image = np.full((HEIGHT, WIDTH, 3), (WALL, 250, 0), np.uint8)
    rig.send_until(lambda: rig.grids() and (cells(rig.grids()[-1]) == -1).all(), 'unknown', image)


def test_without_a_clock_the_diagnostics_come_and_say_so(start):
    # Before the next test, whose clock stays.
    rig = start(use_sim_time='true', grid__stale_after=20.0, **LAYERS)
    level, message, _ = rig.wait_status(
        lambda _level, message, _values: 'has not begun' in message, 'warning'
    )
    assert level == DiagnosticStatus.WARN
    assert message.startswith('simulated time has not begun in ')
    assert 'use_sim_time is true and nobody publishes /clock' in message
    clock = rig.peer.node.create_publisher(Clock, '/clock', 10)

    def stopped():
        clock.publish(Clock(clock=Time(sec=10)))
        status = rig.status()
        return 'at 10.00 s' in status[1] and '/clock has stopped' in status[1]

    rig.peer.wait(stopped, 'standstill')
    rig.peer.run(rig.peer.node.destroy_publisher, clock)


def test_masks_age_by_simulated_time(start):
    rig = start(use_sim_time='true', grid__stale_after=20.0, **LAYERS)
    clock = rig.peer.node.create_publisher(Clock, '/clock', 10)
    now_s = 100

    def tick():
        clock.publish(Clock(clock=Time(sec=now_s)))

    def road():
        tick()
        return rig.grids() and at(rig.grids()[-1], 1.25, 0.05) == 98

    rig.send_until(road, 'costmap')
    now_s += 30

    timer = rig.peer.node.create_timer(0.05, tick)
    rig.peer.wake()
    rig.peer.wait(lambda: (cells(rig.grids()[-1]) == 100).all(), 'lethal')
    # The simulation starts again: what was seen is of another time.
    now_s = rig.stamp_ms // 1000 - 50
    rig.stamp_ms -= 50_000
    rig.send_until(road, 'costmap')
    rig.peer.run(rig.peer.node.destroy_timer, timer)
    assert 'time went back by' in rig.process.log.read_text()


def test_a_fast_camera_comes_into_the_grid_at_the_update_rate(start):
    # Its images are 1 s apart, and come sooner, as of a recording played fast. One each 10 s is
    # needed: two within what stays fresh.
    rig = start(grid__update_rate=0.1, grid__stale_after=20.0)

    for _ in range(100):
        rig.stamp_ms += 900
        rig.send()
        with contextlib.suppress(AssertionError):
            rig.peer.wait(
                lambda: (s := rig.status()) and s[2]['updates'] == '3', 'third update', 0.3
            )
            break
    values = rig.status()[2]
    assert values['updates'] == '3'
    # 8 s, which is near enough, and 10 s later.
    assert int(values['above_rate']) >= 7 + 9
    assert values['dropped'] == '0'


@pytest.mark.parametrize('lacks', ['a pose', 'depth'])
def test_a_node_that_ends_while_a_mask_waits_leaves_its_lethal_map(start, lacks):
    # Longer than a node may take to end; depth is waited for once the pose is there.
    rig = start(
        pose__timeout=10.0, grid__stale_after=9.0,
        projection__source='depth' if lacks == 'depth' else 'ground', **LAYERS,
    )  # fmt: skip
    rig.depth_m = np.full((HEIGHT, WIDTH), 2.0, np.float32) if lacks == 'depth' else None
    rig.send_until(rig.after(), 'costmap')
    rig.peer.wait(rig.status, 'status')
    count, told, dropped = len(rig.grids()), len(rig.log()), int(rig.status()[2]['dropped'])
    rig.depth_m = None
    if lacks == 'a pose':
        rig.pose = None
    # One that nobody had taken gave way to a newer one: the one before is in hand.
    rig.send_until(lambda: int(rig.status()[2]['dropped']) > dropped, 'a mask that waits')
    assert rig.process.stop() == 0
    rig.peer.wait(lambda: any((cells(g) == 100).all() for g in rig.grids()[count:]), 'lethal')
    assert 'costmaps stopped, left stale (lethal): the node is not active' in rig.log()[told:]
    assert 'left out' not in rig.log()[told:]
