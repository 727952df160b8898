"""Points by hand: a level camera 1 m high, looking along x."""

from __future__ import annotations

import numpy as np
import pytest
from ground_by_hand import CAMERA, LEVEL

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.depth_projection import DepthProjector, DepthRules, HeightBand
from espnet_ros.core.errors import ImageError, ParameterError, PoseError
from espnet_ros.core.gates import Gates
from espnet_ros.core.grid import GridSpec
from espnet_ros.core.labels import LabelClass, Labels

LABELS = Labels(
    [
        LabelClass('road', (0, 0, 0), 'ground'),
        LabelClass('tree', (1, 0, 0), 'upright'),
        LabelClass('sky', (2, 0, 0), 'sky'),
    ]
)
ROAD, TREE, SKY = range(3)
SPEC = GridSpec(0.25, (32, 24), (0, -12))


def scene():
    """Return mask and depth of a road, and of a tree's crown from wall to wall at x = 3.1 m."""
    v = np.arange(48.0)[:, None] * np.ones((1, 64))
    mask = np.full((48, 64), ROAD, np.uint8)
    depth = np.full((48, 64), np.inf, np.float32)
    depth[24:] = (32.0 / (v[24:] - 23.5)).astype(np.float32)  # z = 0
    mask[:24], depth[:24] = TREE, 3.1
    return mask, depth


def observe(mask, depth, confidence=None, band=None, gates=None, T=None, stride=1, mount=LEVEL):
    gates = Gates(max_range_m=7.0, border_px=0) if gates is None else gates
    rules = DepthRules(LABELS, gates, HeightBand() if band is None else band)
    projector = DepthProjector(rules, stride)
    T = np.eye(4) if T is None else T
    return projector.observe(mask, confidence, depth, CAMERA, mount, T, SPEC)


@pytest.mark.parametrize('precision', [np.float32, np.float64])
def test_what_counts_is_a_matter_of_depth_class_height_and_range(precision: type) -> None:
    rules = DepthRules(LABELS, Gates(7.0, min_range_m=1.5), HeightBand(0.1, 0.5, 1.2))
    # Class, depth, ray: x is right, y is down; the camera is 1 m high.
    cases = [
        (ROAD, 2.0, (0, 0.5, 1), True),  # on the ground
        (ROAD, 2.0, (0, 0.43, 1), False),  # 0.14 m above it
        (TREE, 2.0, (0, 0.2, 1), True),  # 0.6 m high
        (TREE, 2.0, (0, 0.3, 1), False),  # 0.4 m
        (TREE, 2.0, (0, -0.2, 1), False),  # 1.4 m
        (SKY, 2.0, (0, 0.2, 1), False),
        (255, 2.0, (0, 0.2, 1), False),
        (TREE, 1.4, (0, 0.0, 1), False),  # too near
        (TREE, 1.4, (0.5, 0.0, 1), True),  # 1.57 m away
        (TREE, 7.1, (0, 0.0, 1), False),  # too far
        (TREE, np.inf, (0, 0.0, 1), False),
        (TREE, np.nan, (0, 0.0, 1), False),
        (TREE, 0.0, (0, 0.0, 1), False),
        (TREE, -2.0, (0, 0.0, 1), False),
        (TREE, 2.0, (np.nan, np.nan, np.nan), False),  # a lens has no ray there
    ]
    ids, depth, rays, expected = zip(*cases, strict=True)
    optical, offset, counts = rules.points(
        np.uint8(ids), np.float32(depth), np.array(rays, precision), LEVEL
    )
    assert counts.tolist() == list(expected)
    assert optical.dtype == offset.dtype == precision
    assert optical[2].tolist() == pytest.approx([0, 0.4, 2])
    assert offset[2].tolist() == pytest.approx([2, 0, -0.4])


def test_points_come_to_lie_in_their_cells():
    observation = observe(*scene())
    tree = (observation.weights > 0) & (observation.class_ids == TREE)
    my, mx = np.nonzero(tree)
    assert set(mx) == {12}
    # Columns 0 and 63 are 31.5 / 32 * 3.1 = 3.05 m beside the axis, beyond the grid's 3 m.
    assert my.tolist() == list(range(24))
    road = (observation.weights > 0) & (observation.class_ids == ROAD)
    assert road[12, 6]
    assert not (road & tree).any()
    # The lowest row meets the ground at 32 / 23.5 = 1.36 m.
    assert np.nonzero(road)[1].min() == 5


def test_points_are_where_the_camera_sits_on_the_robot():
    mask, depth = scene()
    mask[:24, :28] = mask[:24, 36:] = SKY
    moved = LEVEL.copy()
    moved[:2, 3] = 0.5, -0.25
    seen = observe(mask, depth, mount=moved)
    my, mx = np.nonzero((seen.weights > 0) & (seen.class_ids == TREE))
    # x = 3.1 + 0.5 m; y is 3.5 / 32 * 3.1 = 0.34 m to either side of -0.25 m.
    assert set(mx) == {14}
    assert sorted(my) == [9, 10, 11, 12]


def test_only_the_height_band_counts():
    mask, depth = scene()
    # The crown is at 1 m and above, so a robot of 0.9 m drives below it.
    low = observe(mask, depth, band=HeightBand(high_m=0.9))
    assert not ((low.weights > 0) & (low.class_ids == TREE)).any()
    # A road pixel half a metre above the ground is no ground.
    raised = np.where(mask == ROAD, depth * 0.5, depth).astype(np.float32)
    high = observe(mask, raised)
    assert not ((high.weights > 0) & (high.class_ids == ROAD)).any()


@pytest.mark.parametrize('nothing', [0.0, np.nan, np.inf, -np.inf, -1.0])
def test_unknown_depth_is_not_seen(nothing: float):
    mask, depth = scene()
    assert not observe(mask, np.full_like(depth, nothing)).weights.any()


def test_sky_is_not_seen_however_near():
    mask, depth = scene()
    assert not observe(np.full_like(mask, SKY), np.full_like(depth, 3.0)).weights.any()


@pytest.mark.parametrize(('points', 'share'), [(1, 0.0), (2, 0.5), (3, 0.75), (4, 1.0), (5, 1.0)])
def test_a_lone_point_is_no_thing_and_four_count_in_full(points: int, share: float):
    mask, depth = scene()
    mask[:] = SKY
    # In one cell: y = 0.5 / 32 * 3.1 = 0.05 m.
    mask[24 - points : 24, 31] = TREE
    seen = observe(mask, depth, np.full((48, 64), 204, np.uint8))
    assert (seen.weights > 0).sum() == (points > 1)
    assert seen.weights.max() == pytest.approx(0.8 * share)


def test_range_and_confidence():
    mask, depth = scene()
    near = observe(mask, depth, gates=Gates(max_range_m=2.0, border_px=0))
    assert np.nonzero(near.weights > 0)[1].max() == 7
    unsure = observe(mask, depth, np.full((48, 64), 51, np.uint8))
    assert unsure.weights.max() == pytest.approx(0.2)


def test_the_robot_moves_the_points():
    T = np.eye(4)
    T[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    T[:2, 3] = 4.0, -1.5
    observation = observe(*scene(), T=T)
    my, _ = np.nonzero((observation.weights > 0) & (observation.class_ids == TREE))
    assert set(my) == {int((3.1 - 1.5 + 3.0) / 0.25)}


def test_points_are_where_the_camera_of_this_look_sees_them():
    mask, depth = scene()
    mask[:] = SKY
    mask[22:24, 51] = TREE
    projector = DepthProjector(DepthRules(LABELS, Gates(7.0), HeightBand()), stride=1)
    wide = CameraModel((64, 48), [[20.0, 0, 31.5], [0, 20.0, 23.5], [0, 0, 1]])
    # 19.5 / 32 * 3.1 = 1.89 m to the right with one, 19.5 / 20 * 3.1 = 3.02 m with the other.
    spec = GridSpec(0.25, (32, 28), (0, -14))
    for camera, row in ((CAMERA, 6), (wide, 1), (CAMERA, 6)):
        seen = projector.observe(mask, None, depth, camera, LEVEL, np.eye(4), spec)
        assert set(np.nonzero(seen.weights)[0]) == {row}


@pytest.mark.parametrize(
    ('rotation', 'message'),
    [
        ([[1, 0, 0], [0, 0, -1], [0, 1, 0]], 'tilted by more than 60 degrees'),
        (np.full((3, 3), np.nan), 'T_grid_base must be finite'),
    ],
)
def test_bad_poses_are_refused(rotation: object, message: str):
    T = np.eye(4)
    T[:3, :3] = rotation
    with pytest.raises(PoseError, match=message):
        observe(*scene(), T=T)


def test_depth_of_another_kind_is_refused():
    mask, depth = scene()
    with pytest.raises(ImageError, match='register'):
        observe(mask, depth[::2])
    with pytest.raises(ImageError, match='float64'):
        observe(mask, depth.astype(np.float64))


def test_bad_bands_and_strides_are_refused():
    with pytest.raises(ParameterError, match=r'ground.*low'):
        HeightBand(0.0, 1.0, 0.5)
    with pytest.raises(ParameterError, match='stride'):
        DepthProjector(DepthRules(LABELS, Gates(), HeightBand()), stride=0)
