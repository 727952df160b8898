"""Points by hand: a camera 1 m high that looks 45 degrees down (see ground_by_hand)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ground_by_hand import CAMERA, FOOT, GATES, LEVEL, looking_down, mask_of, row_edge_m

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.clouds import CloudMaker
from espnet_ros.core.depth_projection import DepthRules, HeightBand
from espnet_ros.core.errors import CameraInfoError, ImageError, ParameterError
from espnet_ros.core.gates import Gates
from espnet_ros.core.ground_projection import GroundProjector
from espnet_ros.core.labels import CAMVID, UNLABELED, LabelClass, Labels
from espnet_ros.core.layers import LayerSpec
from espnet_ros.sim import Street

LABELS = Labels(
    [
        LabelClass('road', (0, 0, 0), 'ground'),
        LabelClass('path', (1, 0, 0), 'ground'),
        LabelClass('wall', (2, 0, 0), 'upright'),
        LabelClass('post', (3, 0, 0), 'upright'),
        LabelClass('sky', (4, 0, 0), 'sky'),
    ]
)
ROAD, PATH, WALL, POST, SKY = range(5)
LAYERS = (
    LayerSpec('solid', ('wall', 'post'), 100),
    LayerSpec('path', ('path',), 50),
    LayerSpec('forbidden', ('path', 'post'), 100),
)
DOWN = looking_down()


def maker(stride=1, gates=GATES, layers=LAYERS, band=None, **rules):
    depth_rules = DepthRules(LABELS, gates, HeightBand() if band is None else band)
    projector = GroundProjector(LABELS, gates, **rules)
    return CloudMaker(LABELS, depth_rules, projector, layers, 0.1, stride)


def in_base(points: np.ndarray, T: np.ndarray = DOWN) -> np.ndarray:
    known = points[np.isfinite(points).all(axis=-1)].astype(float)
    return known @ T[:3, :3].T + T[:3, 3]


def test_ground_lies_where_its_rays_meet_the_plane():
    cloud = maker().read(mask_of(), None, CAMERA, DOWN).aligned()
    assert cloud.points.shape == (48, 64, 3) and cloud.points.dtype == np.float32
    u, v = np.meshgrid(np.arange(64), np.arange(48))
    t = (v - 23.5) / 32
    depth = math.sqrt(2) / (1 + t)
    x, y = (1 - t) / (1 + t), -(u - 31.5) / 32 * depth
    inside = (np.hypot(x, y) <= 4.0) & (u >= 2) & (u < 62) & (v >= 2) & (v < 46)
    np.testing.assert_array_equal(np.isfinite(cloud.points[..., 2]), inside)
    np.testing.assert_allclose(cloud.points[inside][:, 2], depth[inside], rtol=1e-5)
    base = in_base(cloud.points)
    np.testing.assert_allclose(base[:, 0], x[inside], atol=1e-5)
    np.testing.assert_allclose(base[:, 1], y[inside], atol=1e-5)
    np.testing.assert_allclose(base[:, 2], 0.0, atol=1e-5)


@pytest.mark.parametrize(
    ('size_wh', 'stride', 'shape', 'first'),
    [((7, 5), 2, (3, 4), (0, 0)), ((7, 5), 4, (2, 2), (0, 1)), ((64, 48), 4, (12, 16), (1, 1)),
     ((5, 7), 9, (1, 1), (3, 2))],
)  # fmt: skip
def test_the_lattice_is_in_the_middle_and_the_same_for_all(size_wh, stride, shape, first):
    width, height = size_wh
    camera = CameraModel(size_wh, [[5.0, 0, width / 2], [0, 5.0, height / 2], [0, 0, 1]])
    gates = Gates(max_range_m=5.0, border_px=0)
    mask = np.arange(width * height, dtype=np.uint8).reshape(height, width) % 2
    confidence = np.arange(width * height).reshape(height, width).astype(np.uint8)
    cloud = maker(stride, gates).read(mask, confidence, camera, DOWN).aligned()
    row, col = first
    np.testing.assert_array_equal(cloud.mask, mask[row::stride, col::stride])
    np.testing.assert_array_equal(cloud.confidence, confidence[row::stride, col::stride])
    assert cloud.mask.shape == cloud.confidence.shape == cloud.points.shape[:2] == shape
    known = np.isfinite(cloud.points[..., 2])
    v, u = np.meshgrid(row + stride * np.arange(shape[0]), col + stride * np.arange(shape[1]),
                       indexing='ij')  # fmt: skip
    pixels = camera.project(cloud.points[known].astype(float))
    np.testing.assert_allclose(pixels, np.stack([u, v], axis=-1)[known], atol=1e-4)
    assert known.any()


def test_a_post_is_a_point_where_it_stands_though_it_falls_between_lattice_pixels():
    # From 1 m high and level, row v meets the ground at 32 / (v - 23.5): 34 at 3.05 m.
    mask = mask_of()
    mask[:24] = SKY
    mask[10:35, 44] = POST
    confidence = np.full((48, 64), 200, np.uint8)
    confidence[10:35, 44] = 77
    look = maker(stride=4, gates=Gates(max_range_m=5.0)).read(mask, confidence, CAMERA, LEVEL)
    assert POST not in look.seen.mask
    cloud = look.aligned()
    # Lattice rows are 1, 5 .. 33, columns 1, 5 .. 45; (34, 44) is nearest to (33, 45).
    assert np.argwhere(cloud.mask == POST).tolist() == [[8, 11]]
    assert np.argwhere(cloud.confidence == 77).tolist() == [[8, 11]]
    # Between rows 34 and 35, so at 32 / 11 = 2.91 m, within one step of the fan and a pixel.
    x, y, z = in_base(cloud.points[8, 11][None], LEVEL)[0]
    assert 2.88 <= x <= 2.95
    assert y == pytest.approx(-12.5 / 32 * x, abs=0.5 / 32 * x)
    assert z == pytest.approx(0.0, abs=1e-6)
    others = cloud.points[8, np.arange(16) != 11]
    assert (in_base(others, LEVEL)[:, 2] < 1e-5).all()
    assert len(look.of_layer('solid')) == len(look.contacts.points) >= 1


def test_of_two_contacts_in_a_lattice_pixel_the_nearer_one_wins():
    mask = mask_of()
    mask[16:18, :] = WALL
    mask[20:22, :] = POST
    cloud = maker(stride=16).read(mask, None, CAMERA, DOWN).aligned()
    # Rows 7, 23, 39: both edges, below rows 17 and 21, are nearest to 23.
    assert (cloud.mask[1] == POST).all()
    nearest = in_base(cloud.points[1])[:, 0]
    t = (21.5 - 23.5) / 32
    np.testing.assert_allclose(nearest, (1 - t) / (1 + t), atol=0.03)


def test_contacts_beyond_the_outermost_lattice_pixels_go_to_those():
    # Lattice rows end with 45 and columns with 61, so (44, 63) is nearest to a column 65.
    mask = mask_of()
    mask[:45] = WALL
    gates = Gates(max_range_m=5.0, border_px=0)
    look = maker(stride=4, gates=gates).read(mask, None, CAMERA, DOWN)
    assert (look.seen.mask[11] == ROAD).all()
    cloud = look.aligned()
    assert (cloud.mask[11] == WALL).all()
    np.testing.assert_allclose(in_base(cloud.points[11])[:, 0], row_edge_m(44.5), atol=0.03)


def test_a_wall_is_known_where_it_touches_the_ground_alone():
    mask = mask_of()
    mask[:14] = WALL
    mask[:6] = SKY
    mask[:, :3] = UNLABELED
    mount = looking_down(foot=FOOT)
    look = maker().read(mask, None, CAMERA, mount)
    cloud = look.aligned()
    wall = cloud.mask == WALL
    known = np.isfinite(cloud.points[..., 2])
    assert set(np.argwhere(wall & known)[:, 0]) == {13}
    assert (wall & known)[13, 4:60].all()
    assert not known[(cloud.mask == SKY) | (cloud.mask == UNLABELED)].any()
    solid = in_base(look.of_layer('solid'), mount)
    np.testing.assert_allclose(solid[:, 0], FOOT[0] + row_edge_m(13.5), atol=0.03)
    # Columns 3 and 61 at a depth of 2.06 m: 28.5 / 32 * 2.06 = 1.83 m to the left of the foot,
    # 29.5 / 32 * 2.06 = 1.89 m to the right.
    assert solid[:, 1].max() == pytest.approx(FOOT[1] + 1.83, abs=0.07)
    assert solid[:, 1].min() == pytest.approx(FOOT[1] - 1.89, abs=0.07)
    np.testing.assert_allclose(solid[:, 2], 0.0, atol=1e-5)


def test_layers_take_their_classes_and_clear_what_is_lethal_nowhere():
    mask = mask_of()
    mask[:, :32] = PATH
    mask[:14] = WALL
    look = maker(stride=2).read(mask, None, CAMERA, DOWN)
    ground = np.isfinite(look.seen.points[..., 2])
    assert len(look.clear()) == (ground & (look.seen.mask == ROAD)).sum() > 100
    assert (in_base(look.clear())[:, 1] < 0.05).all()
    assert len(look.of_layer('path')) == (ground & (look.seen.mask == PATH)).sum() > 100
    np.testing.assert_array_equal(look.of_layer('path'), look.of_layer('forbidden'))
    assert look.of_layer('solid').dtype == look.clear().dtype == np.float32
    free = maker(layers=LAYERS[:2]).read(mask, None, CAMERA, DOWN)
    assert in_base(free.clear())[:, 1].max() > 0.5
    with pytest.raises(KeyError):
        look.of_layer('rails')


def test_nothing_of_nothing_is_an_empty_cloud():
    look = maker().read(mask_of(SKY), None, CAMERA, DOWN)
    for points in (look.of_layer('solid'), look.of_layer('path'), look.clear()):
        assert points.shape == (0, 3)
    assert np.isnan(look.aligned().points).all()


def test_gates_hold_for_contacts_and_for_ground():
    mask = mask_of()
    mask[:14] = WALL  # at 1.9 m
    near = maker(gates=Gates(max_range_m=1.8)).read(mask, None, CAMERA, DOWN)
    assert len(near.of_layer('solid')) == 0
    assert 1.7 < np.hypot(*in_base(near.clear())[:, :2].T).max() <= 1.8
    far = maker(gates=Gates(min_range_m=2.0)).read(mask, None, CAMERA, DOWN)
    # Straight ahead the wall is nearer, to the sides it is not.
    assert 2.0 <= np.hypot(*in_base(far.of_layer('solid'))[:, :2].T).min() < 2.1
    assert np.abs(in_base(far.of_layer('solid'))[:, 1]).min() > 0.5
    # 30 degrees below the horizon a ray meets the ground at 1.73 m.
    steep = maker(gates=Gates(min_depression_deg=30.0)).read(mask_of(), None, CAMERA, DOWN)
    assert 1.6 < np.hypot(*in_base(steep.clear())[:, :2].T).max() <= math.sqrt(3)


def test_the_floating_edge_of_an_overhang_is_no_contact():
    mask = mask_of()
    mask[8:20, 20:44] = POST
    mask[8:24, 30:34] = POST
    plain = maker().read(mask, None, CAMERA, DOWN).of_layer('solid')
    standing = maker(overhang_m={'post': 0.3}).read(mask, None, CAMERA, DOWN).of_layer('solid')
    edge = in_base(standing)
    assert 0 < len(standing) < len(plain)
    assert in_base(plain)[:, 0].max() > 1.2
    assert edge[:, 0].max() < 1.1  # where rows 20 to 24 meet the ground: 1.22 to 0.97 m


def test_camera_and_pose_may_change():
    made = maker(stride=3)
    first = made.read(mask_of(), None, CAMERA, DOWN).aligned()
    higher = DOWN.copy()
    higher[2, 3] = 1.5
    assert in_base(made.read(mask_of(), None, CAMERA, higher).clear(), higher)[:, 2].max() < 1e-5
    wide = CameraModel((64, 48), [[20.0, 0, 31.5], [0, 20.0, 23.5], [0, 0, 1]])
    assert in_base(made.read(mask_of(), None, wide, DOWN).clear())[:, 2].max() < 1e-5
    again = made.read(mask_of(), None, CAMERA, DOWN).aligned()
    np.testing.assert_array_equal(first.points, again.points)


def test_a_trembling_mount_keeps_its_lattice_and_does_not_creep():
    made = maker(stride=3)
    first = made.read(mask_of(), None, CAMERA, DOWN).aligned().points
    moved = DOWN.copy()
    for height, same in ((1.0009, True), (1.0018, False)):
        moved[2, 3] = height
        points = made.read(mask_of(), None, CAMERA, moved).aligned().points
        assert np.array_equal(points, first, equal_nan=True) == same


def test_what_is_given_out_is_the_callers_own():
    made = maker(stride=3)
    made.read(mask_of(), None, CAMERA, DOWN).aligned().points[:] = 7.0
    assert np.nanmin(made.read(mask_of(), None, CAMERA, DOWN).aligned().points) < 6.0


def depth_scene():
    """Return mask and depth: a road, and a wall from 1.5 m below to far above the camera."""
    v = np.arange(48.0)[:, None] * np.ones((1, 64))
    depth = np.full((48, 64), 3.0, np.float32)
    mask = mask_of(WALL)
    depth[35:] = (32.0 / (v[35:] - 23.5)).astype(np.float32)
    mask[35:] = ROAD
    return mask, depth


def test_with_depth_every_pixel_is_a_point_of_the_height_band():
    mask, depth = depth_scene()
    made = maker(band=HeightBand(0.1, 0.2, 1.2), gates=Gates(max_range_m=6.0))
    look = made.read(mask, None, CAMERA, LEVEL, depth)
    cloud = look.aligned()
    known = np.isfinite(cloud.points[..., 2])
    # 3 m away row v is 1 - 3 * (v - 23.5) / 32 high: 22 and 31 are 1.14 and 0.30 m, 21 and 33
    # are 1.23 and 0.11 m.
    assert np.flatnonzero(known[:, 31]).tolist() == [*range(22, 33), *range(35, 46)]
    np.testing.assert_array_equal(cloud.points[..., 2][known], depth[known])
    np.testing.assert_allclose(in_base(look.clear(), LEVEL)[:, 2], 0.0, atol=1e-5)
    assert len(look.of_layer('solid')) == (known & (mask == WALL)).sum()
    assert len(look.contacts.points) == 0


@pytest.mark.parametrize('nothing', [0.0, -1.0, np.nan, np.inf])
def test_unknown_depth_and_sky_are_no_points(nothing: float):
    mask, depth = depth_scene()
    mask[:20] = SKY
    depth[28] = depth[40] = nothing
    known = np.isfinite(maker().read(mask, None, CAMERA, LEVEL, depth).aligned().points[..., 2])
    assert not known[:20].any() and not known[28].any() and not known[40].any()
    assert known[27].any() and known[41].any()


def test_the_range_gate_holds_with_depth():
    mask, depth = depth_scene()
    near = maker(gates=Gates(max_range_m=2.0)).read(mask, None, CAMERA, LEVEL, depth)
    assert len(near.of_layer('solid')) == 0
    assert np.hypot(*in_base(near.clear(), LEVEL)[:, :2].T).max() <= 2.0


def test_wrong_arrays_are_refused():
    mask, depth = depth_scene()
    with pytest.raises(ImageError, match='register'):
        maker().read(mask, None, CAMERA, LEVEL, depth[::2])
    with pytest.raises(ImageError, match='float64'):
        maker().read(mask, None, CAMERA, LEVEL, depth.astype(np.float64))
    with pytest.raises(CameraInfoError, match='64x48'):
        maker().read(mask[::2], None, CAMERA, LEVEL)
    with pytest.raises(ImageError, match='confidence'):
        maker().read(mask, mask[::2], CAMERA, LEVEL)
    with pytest.raises(ParameterError, match='stride'):
        maker(stride=0)


def test_points_on_a_street_agree_with_its_depth():
    frame = Street(1, 20.0).render(12.0)
    camera = CameraModel((480, 360), frame.K)
    layers = [LayerSpec('things', ('Car', 'Building', 'Tree', 'Pole', 'Fence'), 100)]
    gates = Gates(max_range_m=8.0)
    rules = DepthRules(CAMVID, gates, HeightBand())
    look = CloudMaker(CAMVID, rules, GroundProjector(CAMVID, gates), layers, 0.1).read(
        frame.mask, None, camera, frame.T_base_camera
    )
    depth, ids = frame.depth[1::4, 1::4], look.seen.mask
    road = (ids == CAMVID.names.index('Road')) & np.isfinite(look.seen.points[..., 2])
    assert road.sum() > 1000
    off = np.abs(look.seen.points[..., 2] - depth)[road]
    assert np.percentile(off, 99) < 0.03
    assert not np.isfinite(look.aligned().points[ids == CAMVID.names.index('Sky')]).any()
    # What stands is met where the truth says that it is: a pixel beside the contact.
    met = look.of_layer('things').astype(float)
    assert len(met) > 20
    u, v = np.rint(camera.project(met)).astype(int).T
    assert np.percentile(np.abs(frame.depth[v, u] - met[:, 2]), 80) < 0.3
