from __future__ import annotations

import math

import numpy as np
import pytest

from espnet_ros.core.transforms import rigid_inverse
from espnet_ros.sim.camera import Camera
from espnet_ros.sim.canvas import Canvas, Light
from espnet_ros.sim.parts import CAR, FENCE, POLE, Panel, Part, Round, box
from espnet_ros.sim.path import Path
from espnet_ros.sim.raycast import draw
from espnet_ros.sim.textures import Texture
from espnet_ros.sim.things import Placed, Thing, disc

# Every ray of column 3 and row 2 goes straight ahead: 7x5 pixels, f = 3.5, 1 m high.
CAMERA = Camera(height_m=1.0, pitch_rad=0.0, hfov_rad=math.pi / 2)
LIGHT = Light(np.array([0.0, 0.0, 1.0]), 1.0, 0.0)


def seen(*parts: Part, at: tuple[float, float, float] = (0, 0, 0), camera=CAMERA) -> Canvas:
    canvas = Canvas(camera.matrix((7, 5)), (7, 5), rigid_inverse(camera.pose()), LIGHT)
    for part in parts:
        thing = Thing((part,), disc(1.0), part.class_id, 1.0, 9.0)
        for view in canvas.views([Placed(thing, *at)]):
            draw(canvas, view)
    return canvas


def test_the_optical_frame_looks_along_base_x_and_down_is_down():
    pose = Camera(pitch_rad=0.0, forward_m=0.3, left_m=-0.2).pose()
    assert np.allclose(pose[:3, :3] @ [0, 0, 1], [1, 0, 0])
    assert np.allclose(pose[:3, :3] @ [1, 0, 0], [0, -1, 0])
    assert np.allclose(pose[:3, :3] @ [0, 1, 0], [0, 0, -1])
    assert pose[:3, 3].tolist() == [0.3, -0.2, 1.2]


def test_a_yawed_and_pitched_mount_turns_left_and_down():
    pose = Camera(pitch_rad=math.radians(30), yaw_rad=math.pi / 2).pose()
    assert np.allclose(pose[:3, 2], [0, math.cos(math.radians(30)), -0.5])
    assert np.allclose(pose[:3, 0], [1, 0, 0])


def test_a_ball_is_met_at_its_near_side():
    canvas = seen(Round(np.array([5.0, 0, 1.0]), np.eye(3) * 0.5, (9, 9, 9), CAR))
    assert 1 / canvas.w[2, 3] == pytest.approx(4.5)
    assert np.argwhere(canvas.mask == CAR).tolist() == [[2, 3]]  # 0.5 m at 5 m: under a pixel


def test_a_cylinder_ends_at_its_top():
    # Row 1 looks up 1 in 3.5: at 2.8 m it is 0.8 m over the eye, higher than the post.
    axes = np.diag([0.2, 0.2, 0.75])
    canvas = seen(Round(np.array([3.0, 0, 0.75]), axes, (9, 9, 9), POLE, cylinder=True))
    assert 1 / canvas.w[2, 3] == pytest.approx(2.8)
    assert canvas.mask[:, 3].tolist() == [0, 0, POLE, POLE, 0]


def test_a_turned_box_shows_its_other_side():
    # 4 m long and 2 m wide at 10 m; turned a quarter its near face is at 9 m, else at 8 m.
    part = box((4.0, 2.0, 2.0), (9, 9, 9), CAR)
    assert 1 / seen(part, at=(10, 0, 0)).w[2, 3] == pytest.approx(8.0)
    assert 1 / seen(part, at=(10, 0, math.pi / 2)).w[2, 3] == pytest.approx(9.0)


def test_a_panel_shows_its_texture_upright_and_holes_let_through():
    picture = np.zeros((40, 70, 4), np.uint8)
    picture[:, :, 3] = 255
    picture[:20, :30] = (10, 20, 30, 255)
    picture[:, 40:, 3] = 0
    panel = Panel(
        np.array([3.5, 3.5, 3.5]), np.array([0, -7.0, 0]), np.array([0, 0, -5.0]),
        Texture(picture), FENCE,
    )  # fmt: skip
    canvas = seen(panel)
    # An upright face gets 0.92 of the sky's light: 9.2, 18.4, 27.6.
    assert canvas.image[0, 0].tolist() == [9, 18, 28]
    assert canvas.image[4, 0].tolist() == [0, 0, 0] and canvas.mask[4, 0] == FENCE
    assert canvas.w[0, 6] == 0
    assert 1 / canvas.w[0, 0] == pytest.approx(3.5)


@pytest.mark.parametrize('order', [(0, 1), (1, 0)])
def test_the_nearer_part_wins_in_any_order(order):
    parts = [box((1, 1, 2), (9, 9, 9), CAR, (5, 0, 0)), box((1, 1, 2), (9, 9, 9), POLE, (8, 0, 0))]
    assert seen(*(parts[i] for i in order)).mask[2, 3] == CAR


def test_a_thing_behind_or_around_the_camera_is_not_drawn():
    assert not seen(box((1, 1, 2), (9, 9, 9), CAR, (-5, 0, 0))).w.any()
    assert not seen(box((1, 1, 2), (9, 9, 9), CAR)).w.any()


def test_a_wall_along_the_view_is_drawn_from_the_near_plane_on():
    # The wall is 1 m to the left and passes the camera; column 0 looks 3 / 3.5 to the left.
    wall = Panel(
        np.array([-5.0, 1.0, 3.0]), np.array([50.0, 0, 0]), np.array([0, 0, -3.0]),
        Texture(np.full((4, 6, 3), 99, np.uint8)), FENCE,
    )  # fmt: skip
    canvas = seen(wall)
    assert 1 / canvas.w[2, 0] == pytest.approx(3.5 / 3)
    assert canvas.mask[2].tolist() == [FENCE] * 3 + [0] * 4


def test_road_coordinates_and_back():
    path = Path(np.random.default_rng(5), 200.0)
    s = np.linspace(-10, 220, 47)
    u = np.linspace(-15, 15, 47)
    x, y = np.array([path.pose(*place)[:2] for place in zip(s, u, strict=True)]).T
    for kind, tolerance in ((np.float64, 2e-3), (np.float32, 4e-3)):
        found_s, found_u = path.to_road(x.astype(kind), y.astype(kind))
        assert found_s.dtype == kind
        assert np.abs(found_s - s).max() < tolerance
        assert np.abs(found_u - u).max() < tolerance
