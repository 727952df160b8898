"""The costmaps of the node as a process, over DDS, of a view whose geometry is known by hand.

The camera is 1 m high and looks down by 45 degrees. The image shows road below row 40 and wall
above: the edge, between rows 39 and 40, is at atan(20 / 80) = 14.04 degrees above the middle, so
30.96 degrees below the horizon, 1 / tan(30.96 deg) = 1.667 m ahead in the middle column.
"""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from costmap_rig import HEIGHT, LATCHED, LAYERS, NODE, WIDTH, Rig, at, cells, stamp, view
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import OccupancyGrid
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger

from espnet_ros.ros.label_info import label_info_module


@pytest.fixture(scope='module')
def rig(peer, start_node, toy_model):
    process = start_node(model=toy_model, **NODE, **LAYERS)
    for topic in ('costmap', 'layers/walls', 'layers/ways'):
        peer.listen(OccupancyGrid, f'/segmentation/{topic}', LATCHED)
    rig = Rig(peer, process)
    rig.send_until(lambda: rig.grids() and (cells(rig.grids()[-1]) == 98).any(), 'costmap')
    yield rig
    assert process.stop() == 0
    assert 'Traceback' not in process.log.read_text()


def test_a_cost_map_passes_nav2s_validation_and_shows_the_wall(rig):
    grid = rig.send_until(rig.after(), 'costmap')
    assert grid.header.frame_id == 'odom'
    assert (grid.info.width, grid.info.height) == (120, 80)
    assert grid.info.resolution == pytest.approx(0.1)
    orientation = grid.info.origin.orientation
    assert (orientation.x, orientation.y, orientation.z, orientation.w) == (0, 0, 0, 1)
    assert (grid.info.origin.position.x, grid.info.origin.position.y) == (-6.0, -4.0)
    assert set(np.unique(cells(grid))) == {-1, 98, 100}  # 99 is never published
    assert at(grid, 1.25, 0.05) == 98
    assert at(grid, 1.75, 0.05) == 100
    assert at(grid, 2.15, 0.05) == -1
    assert at(grid, -1.0, 0.05) == -1
    walls, ways = (rig.grids(f'/segmentation/layers/{n}')[-1] for n in ('walls', 'ways'))
    assert (at(walls, 1.75, 0.05), at(walls, 1.25, 0.05), at(walls, 2.15, 0.05)) == (100, 0, -1)
    assert (at(ways, 1.75, 0.05), at(ways, 1.25, 0.05), at(ways, 2.15, 0.05)) == (0, 98, -1)


def test_the_grid_is_fixed_in_odom_and_rolls_in_whole_metres(rig):
    rig.pose = (3.25, 2.5, math.pi / 2)
    newer = rig.after()
    grid = rig.send_until(lambda: (g := newer()) and at(g, 3.25, 2.5 + 1.75) == 100 and g, 'wall')
    assert at(grid, 3.25, 2.5 + 1.25) == 98
    origin = grid.info.origin.position
    assert (origin.x, origin.y) == (pytest.approx(-3.0), pytest.approx(-2.0))
    rig.pose = (0.0, 0.0, 0.0)


def test_who_comes_late_is_told_the_last_one(rig):
    rig.send_until(rig.after(), 'costmap')
    late = rig.peer.node.create_subscription
    heard = []
    subscription = late(OccupancyGrid, '/segmentation/costmap', heard.append, LATCHED)
    rig.peer.wake()
    try:
        rig.wait_status(lambda *_: bool(heard), 'latched costmap')
    finally:
        rig.peer.run(rig.peer.node.destroy_subscription, subscription)


def test_diagnostics_tell_times_and_source(rig):
    rig.send_until(rig.after(), 'costmap')
    _, message, values = rig.send_until(
        lambda: (s := rig.status()) and s[0] == DiagnosticStatus.OK and s, 'good status'
    )
    assert 'costmaps at' in message
    assert (values['pose_source'], values['frame'], values['stale']) == (
        'odometry', 'odom', 'false'
    )  # fmt: skip
    assert float(values['update_p50_ms']) > 0
    assert int(values['updates']) >= int(values['published']) / 2


def test_a_dead_camera_makes_every_cell_lethal_until_it_is_back(rig):
    rig.send_until(rig.after(), 'costmap')
    count = len(rig.grids())
    lethal = rig.peer.wait(
        lambda: next((g for g in rig.grids()[count:] if (cells(g) == 100).all()), None), 'lethal'
    )
    assert lethal.header.frame_id == 'odom'
    walls = '/segmentation/layers/walls'
    rig.peer.wait(lambda: (cells(rig.grids(walls)[-1]) == 100).all(), 'lethal layer')
    _, message, values = rig.wait_status(
        lambda level, *_: level == DiagnosticStatus.ERROR, 'an error'
    )
    assert 'no image for' in message
    assert float(values['age_s']) > 1.5
    grid = rig.send_until(rig.after(), 'costmap')
    assert at(grid, 1.25, 0.05) == 98


def test_a_driver_that_repeats_its_last_image_is_as_good_as_dead(rig):
    rig.send_until(rig.after(), 'costmap')
    count = len(rig.grids())

    def repeat():
        rig.stamp_ms -= 100
        rig.send()

    timer = rig.peer.node.create_timer(0.1, repeat)
    rig.peer.wake()
    rig.peer.wait(lambda: any((cells(g) == 100).all() for g in rig.grids()[count:]), 'lethal')
    _, message, values = rig.wait_status(
        lambda level, *_: level == DiagnosticStatus.ERROR, 'an error'
    )
    rig.peer.run(rig.peer.node.destroy_timer, timer)
    assert 'the driver repeats or reorders images' in message
    assert int(values['skipped_stamp']) > 0
    grid = rig.send_until(rig.after(), 'costmap')
    assert at(grid, 1.25, 0.05) == 98


def test_clearing_forgets_what_was_seen(rig):
    rig.send_until(rig.after(), 'costmap')
    # Nothing is marked right before a wall that fills the picture.
    blocked = view(edge_row=HEIGHT)
    count = len(rig.grids())
    response = rig.peer.call(Trigger, '/segmentation/clear_costmap', Trigger.Request())
    assert response.success
    # What is out there is cleared even if no camera brings anything any more.
    rig.peer.wait(
        lambda: any((cells(g) == -1).all() for g in rig.grids()[count:]), 'cleared costmap'
    )
    newer = rig.after()
    grid = rig.send_until(lambda: newer(), 'costmap', blocked)
    assert (cells(grid) == -1).all()


def test_time_going_backwards_and_a_jump_clear_the_grid_and_are_told(rig):
    rig.send_until(rig.after(), 'costmap')
    rig.stamp_ms -= 50_000
    # The log tells of one such thing in 5 seconds, diagnostics of all.
    told = r'costmaps cleared (once|\d times): '
    rig.send_until(lambda: (s := rig.status()) and re.search(told + 'time went', s[1]), 'news')
    rig.pose = (300.0, 0.0, 0.0)
    jumped = told + 'the pose jumped by 300.0 m'
    rig.send_until(lambda: (s := rig.status()) and re.search(jumped, s[1]), 'news')
    assert 'costmaps cleared: ' in rig.process.log.read_text()
    rig.pose = (0.0, 0.0, 0.0)
    newer = rig.after()
    grid = rig.send_until(lambda: (g := newer()) and at(g, 1.75, 0.05) == 100 and g, 'the wall')
    assert at(grid, 1.25, 0.05) == 98


def test_bad_input_is_counted_and_named_and_the_node_lives_on(rig):
    good, pose = rig.info, rig.pose
    skipped = int(rig.status()[2]['skipped'])
    rig.info = CameraInfo(
        width=WIDTH, height=WIDTH, k=good.k, distortion_model='plumb_bob', d=[0.0] * 5
    )
    rig.send_until(
        lambda: (s := rig.status()) and 'which no resize explains' in s[2]['last_error'], 'size'
    )
    rig.info = good
    rig.pose = (math.nan, 0.0, 0.0)
    _, _, values = rig.send_until(
        lambda: (s := rig.status()) and 'odometry' in s[2]['last_error'] and s, 'pose'
    )
    assert int(values['skipped_camera_info']) > 0
    assert int(values['skipped_pose']) > 0
    assert int(values['skipped']) > skipped
    rig.pose = pose
    rig.send_until(rig.after(), 'costmap')


def test_clouds_for_nav2_are_made_while_somebody_listens(rig):
    kinds = {'nav/mask': Image, 'nav/confidence': Image, 'nav/points': PointCloud2}
    kinds |= dict.fromkeys(('points/walls', 'points/clear'), PointCloud2)
    topics = {name: f'/segmentation/{name}' for name in kinds}
    for name, kind in kinds.items():
        rig.peer.listen(kind, topics[name])
    rig.send_until(lambda: all(rig.peer.heard[t] for t in topics.values()), 'clouds')
    points = rig.peer.heard[topics['nav/points']][-1]
    masks = {(m.header.stamp.sec, m.header.stamp.nanosec): m
             for m in rig.peer.heard[topics['nav/mask']]}  # fmt: skip
    mask = masks[points.header.stamp.sec, points.header.stamp.nanosec]
    assert (mask.width, mask.height, mask.step) == (40, 30, 40)
    assert (points.width, points.height, points.row_step) == (40, 30, 480)
    assert points.header.frame_id == mask.header.frame_id == 'camera_optical'
    ids = np.frombuffer(mask.data, np.uint8).reshape(30, 40)
    xyz = np.frombuffer(points.data, '<f4').reshape(30, 40, 3)
    known = np.isfinite(xyz[..., 2])
    assert known.any()
    # Height in the base frame of an optical point: 1 - (y + z) / sqrt(2).
    heights = 1 - (xyz[known][:, 1] + xyz[known][:, 2]) / math.sqrt(2)
    assert np.abs(heights).max() < 1e-3
    assert set(np.unique(ids[known])) == {0, 1}
    wall = xyz[known & (ids == 1)]
    ahead = (wall[:, 2] - wall[:, 1]) / math.sqrt(2)
    assert np.abs(ahead - 1.667).max() < 0.05
    clear = rig.peer.heard[topics['points/clear']][-1]
    assert (clear.height, clear.point_step, len(clear.fields)) == (1, 12, 3)
    assert clear.width > 100


@pytest.mark.skipif(label_info_module() is not None, reason='the node publishes its LabelInfo')
def test_diagnostics_warn_while_nobody_tells_a_layer_of_nav2_what_the_classes_are(rig):
    made = [
        rig.peer.listen(kind, f'/segmentation/nav/{name}')
        for name, kind in (('mask', Image), ('points', PointCloud2))
    ]
    told = 'nobody publishes /segmentation/label_info'

    def warned():
        status = rig.status()
        return status and status[0] == DiagnosticStatus.WARN and told in status[1]

    rig.send_until(warned, 'warning')
    log = rig.process.log.read_text()
    assert re.search(rf'\[ERROR\].*{told}: .*install vision_msgs 4\.1 or newer', log)
    names = rig.peer.node.create_publisher(String, '/segmentation/label_info', 1)
    rig.send_until(lambda: (s := rig.status()) and told not in s[1], 'end of the warning')
    rig.peer.run(rig.peer.node.destroy_publisher, names)
    for subscription in made:
        rig.peer.run(rig.peer.node.destroy_subscription, subscription)


def test_a_layer_out_of_view_is_an_empty_cloud_and_keeps_no_other_back(rig):
    walls, ways, clear = (f'/segmentation/points/{name}' for name in ('walls', 'ways', 'clear'))
    for topic in (walls, ways, clear):
        rig.peer.listen(PointCloud2, topic)

    def of_one_image():
        clouds = {t: {stamp(m): m for m in rig.peer.heard[t]} for t in (walls, ways, clear)}
        empty = [s for s, cloud in clouds[walls].items() if cloud.width == 0]
        whole = [s for s in empty if all(s in of for of in clouds.values())]
        return [[of[s] for of in clouds.values()] for s in whole]

    (wall, way, seen), *_ = rig.send_until(of_one_image, 'clouds of road alone', view(edge_row=0))
    assert (wall.height, wall.row_step, len(wall.data), len(wall.fields)) == (1, 0, 0, 3)
    assert way.width > 100 and seen.width > 100
    rig.send_until(rig.after(), 'costmap')


def test_an_inactive_node_leaves_a_lethal_map_behind(rig):
    rig.send_until(rig.after(), 'costmap')
    count = len(rig.grids())
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert rig.peer.call(ChangeState, '/segmentation/change_state', request).success
    rig.peer.wait(lambda: any((cells(g) == 100).all() for g in rig.grids()[count:]), 'lethal map')
    rig.send_until(rig.after(), 'costmap')
