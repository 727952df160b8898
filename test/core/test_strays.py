"""Contacts that no ray beside confirms, by hand, and those of boxes and walls drawn exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ground_by_hand import LABELS, PLANT, ROAD, WALL

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.gates import Gates
from espnet_ros.core.ground_projection import GroundProjector
from espnet_ros.core.strays import StrayFilter, stray_filter
from espnet_ros.core.transforms import camera_mount

PLACES = 80
# Places 0.1 m apart up to 7.95 m, and rays a degree apart, which are as wide as pixels. Contacts
# are about as far within 0.25 m, so 3 places, or, for the sake of walls, within a degree times
# the square of their range / 0.3 m: 6 places at place 30, 22 at 60.
RANGES_M = 0.1 * np.arange(PLACES) + 0.05
FOCAL_PX = 180 / math.pi


def filter_of(rays, height_m: float = 1.0, focal_px: float = FOCAL_PX) -> StrayFilter:
    return stray_filter(np.array(rays), 360, RANGES_M, height_m, focal_px)


def kept(contacts, strays: StrayFilter | None = None, ground=()) -> list[tuple[int, int]]:
    """Return which contacts, (ray, place) each, are none of the strays of rays 0 to 9.

    :param ground: (ray, first place) each, from where on a ray sees ground again.
    """
    strays = filter_of(range(10)) if strays is None else strays
    met = np.array(sorted(ray * PLACES + place for ray, place in contacts), np.intp)
    kinds = np.full((10, PLACES), 3, np.uint8)
    for ray, place in ground:
        kinds[ray, place:] = 1
    return [divmod(int(m), PLACES) for m in strays.without_strays(met, kinds.ravel())]


@pytest.mark.parametrize('side', [1, -1])
def test_a_contact_alone_behind_the_edge_of_a_thing_is_a_stray(side: int):
    thing = [(5 - side, 12), (5 - 2 * side, 12), (5 - 3 * side, 12)]
    assert kept([*thing, (5, 60)]) == sorted(thing)
    assert kept([*thing, (5, 16)]) == sorted(thing)
    # By 3 places it is as far as the thing.
    assert kept([*thing, (5, 15)]) == sorted([*thing, (5, 15)])


def test_what_the_other_ray_meets_as_far_stands_behind_the_thing():
    behind = [(5, 30), (6, 36)]
    assert kept([(4, 12), *behind]) == [(4, 12), *behind]
    # Too far from each other to be of one thing.
    assert kept([(4, 12), (5, 30), (6, 60)]) == [(4, 12)]


def test_a_pole_that_one_ray_meets_is_kept():
    assert kept([(5, 60)]) == [(5, 60)]
    # The wall behind it goes on beside it, and a thing two rays off hides nothing.
    wall = [(r, 70) for r in (2, 3, 5, 6)]
    assert kept([(4, 60), *wall]) == sorted([(4, 60), *wall])
    assert kept([(3, 12), (5, 60)]) == [(3, 12), (5, 60)]


def test_a_pole_that_is_seen_over_what_is_nearer_is_kept():
    wall = [(r, 12) for r in range(10)]
    over = [(r, 30) for r in range(10) if r != 5]
    assert kept([*wall, (5, 60)], ground=over) == sorted([*wall, (5, 60)])
    # Beside one ray that shows the same there it may be of the edge of that.
    assert kept([*wall, (5, 60)], ground=over[:4]) == wall


def test_no_contacts_are_none():
    assert kept([]) == []


def test_only_rays_beside_each_other_are_compared():
    # Rays 20 and 40 follow each other in the fan.
    strays = filter_of([18, 19, 20, 40, 41])
    assert kept([(2, 12), (3, 60)], strays) == [(2, 12), (3, 60)]
    assert kept([(3, 12), (4, 60)], strays) == [(3, 12)]
    # Straight back, the first ray and the last one are beside each other.
    strays = filter_of([0, 1, 2, 357, 358, 359])
    assert kept([(5, 12), (0, 60)], strays) == [(5, 12)]


def test_a_pixel_that_several_rays_share_is_no_confirmation():
    # A pixel is 3 rays wide, so 2 rays see the same stray beside the thing of rays 0 to 3.
    strays = filter_of(range(10), focal_px=FOCAL_PX / 3)
    thing = [(r, 12) for r in range(4)]
    # 3 degrees are 0.0524: at 3.05 m, 0.0524 * 3.05^2 / 0.3 = 1.62 m count as about as far.
    assert strays.as_far[30] == 17
    assert kept([*thing, (4, 30), (5, 30)], strays) == thing
    assert kept([*thing, (4, 30), (5, 30)]) == [*thing, (4, 30), (5, 30)]


def test_far_pixels_are_longer_than_what_is_as_far():
    # At 2.05 m a pixel of a camera 0.2 m high is (2.05^2 + 0.2^2) / 11.5 = 0.37 m long, at 4.05 m
    # 1.43 m.
    strays = filter_of(range(10), height_m=0.2)
    assert strays.as_far[[10, 20, 40]].tolist() == [3, 4, 15]
    assert kept([(4, 12), (5, 20), (6, 24)], strays) == [(4, 12), (5, 20), (6, 24)]
    assert kept([(4, 12), (5, 20), (6, 24)]) == [(4, 12), (6, 24)]


def along_wall(aside_m: float, degrees) -> list[tuple[int, int]]:
    """Return contacts with a wall from rays so many degrees off its direction."""
    return [(d, round((aside_m / math.sin(math.radians(d)) - 0.05) / 0.1)) for d in degrees]


def test_a_wall_along_the_line_of_sight_is_met_farther_by_each_ray():
    wall = along_wall(0.4, range(3, 9))
    assert [place for _, place in wall] == [76, 57, 45, 38, 32, 28]
    assert kept(wall) == wall
    # Of one that nearly touches the camera's foot, what is far ahead is given up.
    near = along_wall(0.1, range(1, 7))
    assert [place for _, place in near] == [57, 28, 19, 14, 11, 9]
    assert kept(near) == near[3:]


CAMERA = CameraModel((640, 480), [[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]])
MOUNT = camera_mount([0.0, 0.0, 1.2], [0.0, math.radians(10.0), 0.0])


def drawn(low, high) -> np.ndarray:
    """Return which pixels show a box, each by its own ray."""
    u, v = np.meshgrid(np.arange(640), np.arange(480))
    rays = CAMERA.rays(np.stack([u, v], axis=-1)) @ MOUNT[:3, :3].T
    with np.errstate(divide='ignore'):
        faces = np.sort([(np.array(x) - MOUNT[:3, 3]) / rays for x in (low, high)], axis=0)
    near, far = faces[0].max(axis=-1), faces[1].min(axis=-1)
    return (near <= far) & (far > 0)


def contacts_in(mask, **rules) -> np.ndarray:
    """Return where things are met, (N, 2) metres."""
    projector = GroundProjector(LABELS, Gates(max_range_m=8.0), **rules)
    fan = projector.tables(CAMERA, MOUNT, 0.1).fan
    ray, place = projector.contacts(mask, fan)
    return fan.directions[ray] * fan.ranges_m[place][:, None]


def contacts_of(low, high) -> np.ndarray:
    """Return where a box on a road is met, (N, 2) metres."""
    return contacts_in(np.where(drawn(low, high), WALL, ROAD).astype(np.uint8))


# Seen past the left edge, the right one and both, they were met up to 3.5 m behind; a pole too.
@pytest.mark.parametrize(
    ('x', 'y', 'side_m'), [(4.0, 0.0, 0.5), (4.0, -0.5, 0.5), (3.5, 0.5, 0.5), (3.0, 0.5, 0.06)]
)
def test_nothing_is_met_behind_a_box(x: float, y: float, side_m: float):
    met = contacts_of([x, y, 0.0], [x + side_m, y + side_m, 2.0])
    outside = np.maximum([x, y] - met, met - [x + side_m, y + side_m]).max(axis=1)
    assert len(met) > 10 * side_m
    assert outside.max() < 0.15


@pytest.mark.parametrize('aside_m', [0.35, 1.0])
def test_a_wall_along_the_way_is_met_all_along(aside_m: float):
    x = np.sort(contacts_of([0.0, aside_m, 0.0], [20.0, aside_m + 0.2, 2.0])[:, 0])
    assert x[-1] > 6.0
    assert np.diff(x).max() < 1.1


# As seen from half a metre to the left to as much to the right, in steps that no pixel divides.
@pytest.mark.parametrize('y', np.arange(-0.5, 0.5, 0.043))
@pytest.mark.parametrize('before', ['a lawn', 'a low wall'])
def test_a_thin_pole_on_a_lawn_or_behind_a_low_wall_is_met(before: str, y: float):
    mask = np.full((480, 640), ROAD, np.uint8)
    if before == 'a lawn':
        mask[drawn([3.0, -6.0, 0.0], [20.0, 6.0, 0.001])] = PLANT
    else:
        mask[drawn([2.5, -6.0, 0.0], [2.7, 6.0, 0.3])] = WALL
    mask[drawn([7.0, y - 0.025, 0.0], [7.05, y + 0.025, 2.5])] = WALL
    met = contacts_in(mask, ground_cover=['plant'])
    assert (np.abs(met - [7.0, y]).max(axis=1) < 0.3).any()
