"""A camera 1 m high that looks 45 degrees down at a wall 3 m ahead; pavement left, road right.

With s = sqrt(1/2), a place (x, y) on the ground has the depth z = s (x + 1) and is seen at
u = 119.5 - 80 y / z, v = 79.5 + 80 (1 - x) / (1 + x): the wall's foot at v = 39.5.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.labels import CAMVID
from espnet_ros.core.layers import LayerSpec
from espnet_ros.evaluation import costmap_drive
from espnet_ros.evaluation.costmap_drive import (
    Recording,
    Result,
    Tally,
    Truth,
    evaluate_drive,
    ground_signatures,
    pooled,
    record,
)
from espnet_ros.sim import Camera

SIZE_WH = (240, 160)
BUILDING, ROAD, PAVEMENT = (CAMVID.names.index(n) for n in ('Building', 'Road', 'Pavement'))
UPRIGHTS = [c.name for c in CAMVID if c.kind == 'upright']
CONFIG = NodeConfig.from_parameters({
    'grid.resolution': 0.25, 'grid.size': [12.0, 10.0],
    'layers.road.classes': ['Road'], 'layers.road.cost': 60,
    'layers.walls.classes': UPRIGHTS, 'layers.walls.cost': 100,
})  # fmt: skip


def class_at(xy, stamp_s):
    ground = np.where(xy[:, 1] > 0, PAVEMENT, ROAD)
    return np.where(xy[:, 0] >= 3.0, BUILDING, ground).astype(np.uint8)


def recording(count=11, **masks):
    down = (np.arange(160) - 79.5) / 80
    with np.errstate(divide='ignore'):
        ground = np.where(down > -1, math.sqrt(2) / (1 + down), np.inf)
        wall = np.where(down < 1, 3 * math.sqrt(2) / (1 - down), np.inf)
    depth = np.repeat(np.minimum(ground, wall)[:, None], 240, axis=1).astype(np.float16)
    true = np.full((160, 240), ROAD, np.uint8)
    true[:, :120] = PAVEMENT
    true[:40] = BUILDING
    sure = np.full((160, 240), 255, np.uint8)
    truth = Truth(
        CameraModel(SIZE_WH, np.array([[80, 0, 119.5], [0, 80, 79.5], [0, 0, 1.0]])),
        Camera(height_m=1.0, pitch_rad=math.pi / 4).pose(), np.stack([np.eye(4)] * count), 10.0,
        np.stack([depth] * count), class_at,
    )  # fmt: skip
    views = {'true': [(true, sure)] * count}
    views |= {name: [(mask, sure)] * count for name, mask in masks.items()}
    return Recording(7, truth, views)


def test_perfect_masks_make_a_perfect_cost_map():
    result = evaluate_drive(recording(), 'true', CONFIG, CAMVID)
    for tally in (result.total, result.end):
        assert tally.ground_iou == 1.0
        assert tally.obstacle_recall == 1.0
        assert tally.false_obstacle_rate == 0.0
    assert result.known.ground_iou == 1.0
    # Compared at the first and the eleventh look, which show the same.
    assert result.total.edges == 2 * result.end.edges > 0
    assert set(result.ground) == {'Road', 'Pavement'}
    for both, either in result.ground.values():
        assert both == either > 0
    assert result.warned_m is None and result.warning == ''


def test_masks_without_the_wall_and_the_pavement_are_found_out():
    blind = np.full((160, 240), ROAD, np.uint8)
    result = evaluate_drive(recording(blind=blind), 'blind', CONFIG, CAMVID)
    assert result.total.obstacle_recall == 0.0
    assert result.total.ground_iou < 1.0
    assert result.ground['Pavement'][0] == 0 < result.ground['Pavement'][1]
    assert result.ground['Road'][0] < 0.6 * result.ground['Road'][1]


def test_masks_that_show_nothing_are_left_out_as_in_the_node():
    sky = np.full((160, 240), CAMVID.names.index('Sky'), np.uint8)
    result = evaluate_drive(recording(sky=sky), 'sky', CONFIG, CAMVID)
    assert result.total.ground_iou == 0.0


def test_depth_is_used_where_the_parameters_ask_for_it():
    # All of the image is wall: where it stands, the ground plane can't tell.
    wall = np.full((160, 240), BUILDING, np.uint8)
    drive = recording(wall=wall)
    assert evaluate_drive(drive, 'wall', CONFIG, CAMVID).total.obstacle_recall == 0.0
    projection = dataclasses.replace(CONFIG.projection, source='depth')
    depth = dataclasses.replace(CONFIG, projection=projection)
    assert evaluate_drive(drive, 'wall', depth, CAMVID).total.obstacle_recall == 1.0


def test_a_pitch_error_puts_the_wall_nearer():
    # Its foot is 18.4 degrees below the horizon; 10 more put it 1.85 m ahead.
    result = evaluate_drive(recording(), 'true', CONFIG, CAMVID, pitch_error_deg=10.0)
    assert result.total.obstacle_recall == 0.0
    assert result.total.wrong > 0
    # 2 less: 3.39 m, one cell too far, and within the wall.
    result = evaluate_drive(recording(), 'true', CONFIG, CAMVID, pitch_error_deg=-2.0)
    assert (result.total.obstacle_recall, result.total.wrong) == (1.0, 0)


def test_ground_that_is_above_the_assumed_horizon_is_warned_of():
    far = np.full((160, 240), ROAD, np.uint8)
    # Assumed 20 degrees higher, the horizon is 25 above the axis: at v = 42.2, below the top.
    result = evaluate_drive(recording(25, far=far), 'far', CONFIG, CAMVID, -20.0)
    # The monitor asks for 20 looks; each is half a metre of a drive.
    assert result.warned_m == 9.5 and result.silent == 0.0
    assert 'further down' in result.warning


@pytest.mark.parametrize(
    ('layers', 'expected'),
    [
        # Nothing tells the two: both are free.
        ([('all', ('Building',), 100)], {}),
        # Pavement is as free as a building here.
        ([('road', ('Road',), 60)], {'Road': {'road': True}}),
        ([('rest', None, 100), ('road', ('Road',), 60)],
         {'Road': {'road': True}, 'Pavement': {'road': False}}),
        ([('rest', None, 100), ('road', ('Road',), 0)], {}),
        # A pavement that is as lethal as a wall can't be told from it, and is no ground.
        ([('rest', None, 100), ('ways', ('Pavement',), 100), ('road', ('Road',), 60)],
         {'Road': {'road': True}}),
        ([('rest', None, 100), ('road', ('Road', 'Pavement'), 60), ('paths', ('Pavement',), 20)],
         {'Road': {'road': True, 'paths': False}, 'Pavement': {'road': True, 'paths': True}}),
    ],
)  # fmt: skip
def test_which_ground_the_layers_tell(layers, expected):
    specs = [LayerSpec(name, classes or tuple(UPRIGHTS), cost) for name, classes, cost in layers]
    assert ground_signatures(specs, CAMVID) == expected


def test_counts_of_drives_add_up():
    one = Result(Tally(both=3, either=4), Tally(wrong=1), Tally(known=5), {'Road': (3, 4)})
    other = Result(Tally(both=1, either=4), Tally(), Tally(known=2), {'Road': (1, 4)}, 3.0)
    both = pooled([one, other])
    assert both.total == Tally(both=4, either=8)
    assert (both.end, both.known) == (Tally(wrong=1), Tally(known=7))
    assert both.ground == {'Road': (4, 8)}


def test_a_street_is_driven_and_segmented(monkeypatch):
    monkeypatch.setattr(costmap_drive, 'SIZE_WH', (96, 72))
    seen = []

    def segment(image):
        seen.append(image)
        return np.full(image.shape[:2], len(seen), np.uint8), np.zeros(image.shape[:2], np.uint8)

    drive = record(3, 10.0, segment)
    # Two seconds at 10 Hz and the start.
    assert drive.truth.poses.shape == (21, 4, 4)
    assert drive.truth.depth_m.shape == (21, 72, 96)
    steps = np.linalg.norm(np.diff(drive.truth.poses[:, :2, 3], axis=0), axis=1)
    assert steps == pytest.approx(0.5, abs=0.01)
    assert [int(mask[0, 0]) for mask, _ in drive.views['model']] == list(range(1, 22))
    true, sure = drive.views['true'][0]
    assert true.shape == (72, 96) and (sure == 255).all()
    # Right before the robot is what the street says is there.
    ahead = drive.truth.poses[0] @ [2.0, 0.0, 0.0, 1.0]
    uv = drive.truth.camera.project(
        (np.linalg.inv(drive.truth.T_base_camera) @ [2.0, 0.0, 0.0, 1.0])[None, :3]
    )
    u, v = np.rint(uv[0]).astype(int)
    assert true[v, u] == drive.truth.class_at(ahead[None, :2], 0.0)[0]


def test_the_street_is_upright_however_the_robots_camera_hangs():
    turned = {'input.upside_down': True, 'cameras': ['front'], 'input.front.upside_down': True}
    config = NodeConfig.from_parameters(turned)
    result = evaluate_drive(recording(), 'true', config, CAMVID)
    assert result.warned_m is None
