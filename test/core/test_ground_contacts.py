"""What stands on the ground, by hand (see ground_by_hand), and its contacts one by one."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from ground_by_hand import (
    CAMERA,
    GATES,
    LABELS,
    PLANT,
    ROAD,
    SKY,
    WALL,
    cells_seen,
    looking_down,
    mask_of,
    middle_row,
    observe,
    pose,
    row_edge_m,
)

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.grid import GridSpec
from espnet_ros.core.ground_projection import GroundProjector
from espnet_ros.core.labels import UNLABELED
from espnet_ros.core.transforms import camera_mount


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
    mask[9:11] = seam  # one in the wall, which would be met at 2.77 m
    row = middle_row(observe(mask))
    assert np.flatnonzero(row == WALL).tolist() == [19]
    assert (row[17:19] == UNLABELED).all()


def test_nothing_is_met_where_a_ray_comes_back_into_the_image():
    # Through this lens, rays about 101 degrees to the left leave the image for 1.2 m.
    camera = CameraModel((160, 120), [[50.0, 0, 79.5], [0, 50.0, 59.5], [0, 0, 1]], np.zeros(4),
                         'equidistant')  # fmt: skip
    T = camera_mount([0.0, 0.0, 1.2], [0.3, 0.5, 0.0])
    away = np.array([math.cos(math.radians(101)), math.sin(math.radians(101))])
    u, v = np.meshgrid(np.arange(160), np.arange(120))
    rays = camera.rays(np.stack([u, v], axis=-1)) @ T[:3, :3].T
    with np.errstate(divide='ignore', invalid='ignore'):
        reach = np.where(rays[..., 2] < 0, -1.2 / rays[..., 2] * (rays[..., :2] @ away), np.inf)
    # An endless wall stands across, 1 m away, and on the other side is road.
    mask = np.where((reach < 1.0) | (rays[..., :2] @ away <= 0), ROAD, WALL).astype(np.uint8)
    projector = GroundProjector(LABELS, GATES)
    fan = projector.tables(camera, T, 0.1).fan
    ray, place = projector.contacts(mask, fan)
    met = (fan.directions[ray] @ away) * fan.ranges_m[place]
    met = met[met > 0]
    assert len(met) > 80
    assert met == pytest.approx(1.0, abs=0.15)
    # They do come back, and behind the wall.
    back = (np.diff(fan.seen.astype(int), axis=1) == 1).sum(axis=1) > 1
    assert back.sum() > 10


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


def test_rules_for_classes_that_are_not_upright_are_refused():
    with pytest.raises(ParameterError, match=r"'road'.*'palm'.*-1.*wall, plant"):
        GroundProjector(
            LABELS, GATES, ['road'], {'palm': 0.1, 'wall': -1.0}
        )
