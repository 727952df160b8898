"""Camera models against hand-derived values and against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.errors import CameraInfoError

K = np.array([[300.0, 0, 161.5], [0, 310.0, 118.25], [0, 0, 1]])
SIZE_WH = (320, 240)
LENSES = {
    'none': ('plumb_bob', []),
    'four': ('plumb_bob', [-0.28, 0.07, 0.0006, -0.0003]),
    'barrel': ('plumb_bob', [-0.34, 0.12, 0.0011, -0.0007, -0.02]),
    'pincushion': ('plumb_bob', [0.18, -0.05, -0.001, 0.002, 0.01]),
    'rational': ('rational_polynomial', [1.2, 0.4, 0.0002, -0.0004, 0.02, 1.6, 0.75, 0.09]),
    'plumb_bob of eight': ('plumb_bob', [1.2, 0.4, 0.0002, -0.0004, 0.02, 1.6, 0.75, 0.09]),
    'fisheye': ('equidistant', [-0.013, 0.004, -0.002, 0.0003]),
    'ideal fisheye': ('equidistant', [0.0, 0.0, 0.0, 0.0]),
}


def model(lens: str) -> CameraModel:
    name, coefficients = LENSES[lens]
    return CameraModel(SIZE_WH, K, np.array(coefficients), name)


def all_pixels() -> np.ndarray:
    u, v = np.meshgrid(np.arange(-0.5, 320, 7.0), np.arange(-0.5, 240, 7.0))
    return np.stack([u, v], -1)


def opencv_pixels(camera: CameraModel, points: np.ndarray) -> np.ndarray:
    zero = np.zeros(3)
    if camera.distortion_model == 'equidistant':
        D = np.zeros(4) if not camera.D.size else camera.D
        return cv2.fisheye.projectPoints(points.reshape(1, -1, 3), zero, zero, K, D)[0][0]
    return cv2.projectPoints(points.reshape(-1, 1, 3), zero, zero, K, camera.D)[0][:, 0]


@pytest.mark.parametrize('lens', LENSES)
def test_rays_come_back_to_their_pixels_through_opencv(lens: str):
    camera = model(lens)
    pixels = all_pixels()
    rays = camera.rays(pixels)
    assert rays.shape == (*pixels.shape[:2], 3)
    assert (rays[..., 2] == 1.0).all()
    back = opencv_pixels(camera, rays).reshape(pixels.shape)
    assert np.abs(back - pixels).max() < 1e-3


@pytest.mark.parametrize('lens', LENSES)
def test_projection_agrees_with_opencv(lens: str):
    camera = model(lens)
    rng = np.random.default_rng(3)
    points = camera.rays(all_pixels()).reshape(-1, 3) * rng.uniform(0.3, 20, (35 * 46, 1))
    assert np.abs(camera.project(points) - opencv_pixels(camera, points)).max() < 1e-3


@pytest.mark.parametrize('lens', ['barrel', 'rational', 'fisheye'])
def test_rays_agree_with_opencv(lens: str):
    camera = model(lens)
    pixels = all_pixels().reshape(-1, 1, 2)
    if lens == 'fisheye':
        expected = cv2.fisheye.undistortPoints(pixels, K, camera.D)[:, 0]
    else:
        accurate = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12)
        R, P = np.eye(3), np.eye(3)
        if hasattr(cv2, 'undistortPointsIter'):
            expected = cv2.undistortPointsIter(pixels, K, camera.D, R, P, accurate)[:, 0]
        else:
            expected = cv2.undistortPoints(pixels, K, camera.D, R=R, P=P, criteria=accurate)[:, 0]
    error = (camera.rays(pixels[:, 0])[:, :2] - expected) * (K[0, 0], K[1, 1])
    assert np.abs(error).max() < 1e-3


def test_a_pinhole_by_hand():
    camera = CameraModel((7, 5), [[2.0, 0, 3], [0, 4.0, 2], [0, 0, 1]])
    np.testing.assert_allclose(camera.rays([[3, 2], [7, 0]]), [[0, 0, 1], [2, -0.5, 1]])
    np.testing.assert_allclose(camera.project([0.5, 0.25, 2.0]), [3.5, 2.5])
    assert np.isnan(camera.project([[0.1, 0.1, -1.0], [0.0, 0.0, 0.0]])).all()


def test_what_the_lens_folds_back_is_no_pixel():
    # r (1 - 0.34 r^2) turns back at r = 0.99.
    camera = CameraModel(SIZE_WH, K, [-0.34, 0, 0, 0])
    far = np.array([[1.6, 0.0, 1.0]])
    folded = opencv_pixels(camera, far)[0]
    assert 0 <= folded[0] < 320  # OpenCV puts it into the image
    assert np.isnan(camera.project(far)).all()
    assert np.isfinite(camera.project([0.95, 0.0, 1.0])).all()
    # Beyond the largest distorted radius no ray leads anywhere.
    assert np.isnan(camera.rays([[5000.0, 118.0]])).all()


def test_what_the_lens_unfolds_again_is_no_pixel():
    # r (1 - 0.5 r^2 + 0.1 r^4) rises to 0.6 at r = 1, falls until r^2 = 2 and rises again from
    # there: at r = 1.5 it is 0.5719, which r = 0.79 has, too.
    camera = CameraModel(SIZE_WH, K, [-0.5, 0.1, 0, 0])
    assert np.isnan(camera.project([1.5, 0.0, 1.0])).all()
    # Up to where it turns each pixel has its ray.
    xy = np.array([[0.6, 0.8], [-0.8, 0.6]]) * 0.9999
    edge = np.concatenate([xy, np.ones((2, 1))], axis=1)
    np.testing.assert_allclose(camera.rays(camera.project(edge)), edge, atol=1e-9)


def test_what_is_beyond_a_pole_of_the_lens_is_no_pixel():
    # r (1 - 0.4 r^2) / (1 - 0.5 r^2) is 1.2 at r = 1, anything at r^2 = 2, and 1.2 again at r = 2.
    camera = CameraModel(SIZE_WH, K, [-0.4, 0, 0, 0, 0, -0.5, 0, 0], 'rational_polynomial')
    np.testing.assert_allclose(camera.project([1.0, 0.0, 1.0]), [161.5 + 360, 118.25])
    assert np.isnan(camera.project([2.0, 0.0, 1.0])).all()
    np.testing.assert_allclose(camera.rays([161.5 + 360, 118.25]), [1, 0, 1])


@pytest.mark.parametrize(
    ('D', 'edge', 'pixel'),
    [
        ([0, 0, 0.1, 0], [0, -1.5, 1], [161.5, 118.25 - 310 * 0.825]),
        ([0, 0, 0, 0.1], [-1.5, 0, 1], [161.5 - 300 * 0.825, 118.25]),
    ],
)
def test_what_a_decentred_lens_folds_back_is_no_pixel(D: list, edge: list, pixel: list):
    # With p1 alone the middle column is y + 0.3 y^2, which turns back at y = -5/3. From y = -5 on
    # it mirrors sideways as well. With p2 alone the same holds of x.
    camera = CameraModel(SIZE_WH, K, D)
    np.testing.assert_allclose(camera.project(edge), pixel)
    np.testing.assert_allclose(camera.rays(pixel), edge, atol=1e-9)
    for times in (4 / 3, 4):
        assert np.isnan(camera.project(np.multiply(edge, [times, times, 1]))).all()


@pytest.mark.parametrize(
    'D',
    [
        LENSES['barrel'][1],
        [-0.5, 0.1, 0, 0],
        [-0.4, 0, 0, 0, 0, -0.5, 0, 0],
        LENSES['rational'][1],
    ],
)
def test_what_a_lens_shows_far_outside_of_the_image_has_its_ray_too(D: list):
    camera = CameraModel(SIZE_WH, K, D)
    x, y = np.meshgrid(np.linspace(-1.5, 1.5, 25), np.linspace(-1.5, 1.5, 23))
    points = np.stack([x, y, np.ones_like(x)], axis=-1)
    pixels = camera.project(points)
    shown = np.isfinite(pixels).all(axis=-1)
    assert shown[6:17, 7:18].all()  # up to 0.68 either way
    np.testing.assert_allclose(camera.rays(pixels[shown]), points[shown], atol=1e-7)


def test_what_a_fisheye_folds_back_is_no_pixel():
    # a - a^3 / 3 rises to 2/3 at an angle of 1 rad and is 0.624 at 1.2 rad.
    camera = CameraModel(SIZE_WH, K, [-1 / 3, 0, 0, 0], 'equidistant')
    np.testing.assert_allclose(camera.project([np.tan(0.6), 0, 1]), [161.5 + 300 * 0.528, 118.25])
    assert np.isnan(camera.project([np.tan(1.2), 0, 1])).all()
    assert np.isnan(camera.rays([161.5 + 300 * 0.68, 118.25])).all()


def test_the_fisheye_ends_before_the_side():
    camera = model('ideal fisheye')
    # 300 px a rad: 80 degrees are 418.9 px beside the centre, 95 degrees have no z = 1.
    ray = camera.rays([161.5 + 300 * np.radians(80.0), 118.25])
    np.testing.assert_allclose(ray, [np.tan(np.radians(80.0)), 0, 1], atol=1e-9)
    assert np.isnan(camera.rays([161.5 + 300 * np.radians(95.0), 118.25])).all()


@pytest.mark.parametrize('lens', ['pincushion', 'rational', 'fisheye', 'ideal fisheye'])
def test_the_last_rays_are_those_of_89_degrees(lens: str):
    within, beyond = ([np.tan(np.radians(degrees)), 0, 1] for degrees in (88.9, 89.1))
    assert np.isfinite(model(lens).project(within)).all()
    assert np.isnan(model(lens).project(beyond)).all()


@pytest.mark.parametrize('lens', LENSES)
def test_the_principal_point_looks_straight_ahead(lens: str):
    np.testing.assert_array_equal(model(lens).rays([161.5, 118.25]), [0, 0, 1])
    np.testing.assert_array_equal(model(lens).project([0, 0, 2.0]), [161.5, 118.25])


def test_a_fisheye_without_coefficients_is_the_ideal_one():
    pixel = CameraModel(SIZE_WH, K, [], 'equidistant').project([1.0, 0.0, 1.0])
    np.testing.assert_allclose(pixel, [161.5 + 300 * np.pi / 4, 118.25])


def test_region_and_binning_as_image_geometry():
    camera = CameraModel(
        (640, 480), [[400, 0, 320], [0, 410, 240], [0, 0, 1]], roi_xywh=(100, 40, 200, 300),
        binning_xy=(2, 4),
    )  # fmt: skip
    assert camera.image_wh == (100, 75)
    np.testing.assert_allclose(camera.matrix, [[200, 0, 110], [0, 102.5, 50], [0, 0, 1]])
    # Full pixel (180, 200) is (40, 40) of the delivered image.
    full = CameraModel((640, 480), camera.K)
    np.testing.assert_allclose(camera.rays([40.0, 40.0]), full.rays([180.0, 200.0]))


def test_pixels_that_make_up_no_whole_one_are_not_delivered():
    camera = CameraModel(SIZE_WH, K, roi_xywh=(0, 0, 201, 119), binning_xy=(2, 4))
    assert camera.image_wh == (100, 29)
    assert CameraModel(SIZE_WH, K, binning_xy=(320, 240)).image_wh == (1, 1)


def test_the_focal_length_is_that_of_delivered_pixels_between_both_directions():
    camera = CameraModel((640, 480), [[400, 0, 320], [0, 200, 240], [0, 0, 1]], binning_xy=(2, 4))
    # 400 / 2 and 200 / 4, so the root of 200 * 50.
    assert camera.focal_px == pytest.approx(100.0)


def test_a_region_is_resized_like_a_whole_image():
    camera = CameraModel(
        (640, 480), [[400, 0, 320], [0, 410, 240], [0, 0, 1]], roi_xywh=(100, 40, 200, 240),
        binning_xy=(2, 4),
    )  # fmt: skip
    assert camera.image_wh == (100, 60)
    assert camera.fitted((100, 60)) is camera
    small = camera.fitted((50, 30))
    assert small.image_wh == (50, 30)
    # Pixel (10, 20) covers (20.5, 40.5) of the delivered image, as every second one is left.
    np.testing.assert_allclose(small.rays([10.0, 20.0]), camera.rays([20.5, 40.5]))
    with pytest.raises(CameraInfoError, match=r'100x60.*320x240'):
        camera.fitted((320, 240))


def test_resized_keeps_pixel_centres_where_cv2_resize_has_them():
    small = model('barrel').resized((160, 60))
    assert small.image_wh == (160, 60)
    # Pixel 0 of the half-size image covers the old pixels 0 and 1: its centre was at 0.5.
    np.testing.assert_allclose(
        small.rays([[0.0, 0.0], [10.0, 20.0]]), model('barrel').rays([[0.5, 1.5], [20.5, 81.5]])
    )


# The two between are 1.25 % too wide and too narrow for their height.
@pytest.mark.parametrize('image_wh', [(480, 240), (162, 120), (158, 120), (320, 0), (0, 0)])
def test_fitted_scales_a_resize_and_refuses_a_crop(image_wh: tuple):
    camera = model('barrel')
    assert camera.fitted((320, 240)) is camera
    assert camera.fitted((161, 120)).image_wh == (161, 120)  # rounding is no other shape
    with pytest.raises(CameraInfoError, match=f'320x240.*{image_wh[0]}x{image_wh[1]}'):
        camera.fitted(image_wh)


def test_equal_models_are_equal():
    assert model('barrel') == model('barrel')
    assert model('barrel') != 'barrel'
    assert hash(model('barrel')) == hash(model('barrel'))
    assert model('barrel') != model('pincushion')
    assert model('none') != model('none').resized((160, 120))


@pytest.mark.parametrize(
    'change',
    [
        {'size_wh': (320, 242)},
        {'K': K + np.diag([1.0, 0, 0])},
        {'D': [0.1, 0.02, 0.003, 0.005]},
        {'distortion_model': 'equidistant'},
        {'roi_xywh': (8, 4, 100, 60)},
        {'binning_xy': (2, 2)},
    ],
)
def test_models_that_differ_in_one_value_are_not_equal(change: dict):
    values = {'size_wh': SIZE_WH, 'K': K, 'D': [0.1, 0.02, 0.003, 0.004]}
    assert CameraModel(**values) != CameraModel(**{**values, **change})


def test_a_model_can_not_be_changed_from_outside():
    given_K, given_D = K.copy(), np.array([0.1, 0.02, 0.003, 0.004])
    camera = CameraModel(SIZE_WH, given_K, given_D)
    given_K[0, 2], given_D[0] = 7.0, 0.2
    assert (camera.K[0, 2], camera.D[0]) == (161.5, 0.1)
    for held in (camera.K, camera.D, camera.matrix):
        with pytest.raises(ValueError, match='read-only'):
            held[0] = 9.0


def test_a_focal_length_of_a_twentieth_of_the_side_is_taken():
    assert CameraModel(SIZE_WH, [[16.0, 0, 160], [0, 12.0, 120], [0, 0, 1]]).focal_px > 0


def test_all_offenders_are_listed():
    with pytest.raises(CameraInfoError) as error:
        CameraModel((0, 240), np.full(9, np.nan), [1.0, 2.0], 'plum_bob', binning_xy=(-1, 0))
    for part in ('0x240', 'K must be finite', "'plum_bob'", 'equidistant', 'binning'):
        assert part in str(error.value)


def test_an_image_of_no_size_is_not_blamed_on_its_binning():
    with pytest.raises(CameraInfoError, match='image size must be positive, got 0x0') as error:
        CameraModel((0, 0), np.diag([200.0, 200.0, 1.0]))
    assert 'binning' not in str(error.value)


def test_a_camera_that_is_not_calibrated_is_not_blamed_on_its_units():
    with pytest.raises(CameraInfoError, match='not calibrated') as error:
        CameraModel(SIZE_WH, np.zeros((3, 3)))
    assert 'in pixels' not in str(error.value)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'K': np.zeros((3, 3))}, 'not calibrated'),
        ({'K': [[-1.0, 0, 1], [0, 1, 1], [0, 0, 1]]}, 'fx -1'),
        ({'K': [[0.0, 0, 1], [0, 310, 1], [0, 0, 1]]}, 'above 0, got fx 0, fy 310'),
        ({'K': [[300.0, 0, 1], [0, -310, 1], [0, 0, 1]]}, 'above 0, got fx 300, fy -310'),
        ({'K': [[300.0, 0, 1], [0, 0, 1], [0, 0, 1]]}, 'above 0, got fx 300, fy 0'),
        ({'K': [1.0, 2.0]}, '9 values, got 2'),
        ({'K': [[1.0, 0, 0.5], [0, 1.333, 0.5], [0, 0, 1]]}, 'in pixels, got fx 1, fy 1.333 for'),
        # 15.9 is 0.0497 of the width, 0.066 of the height; a twentieth is the least.
        ({'K': [[15.9, 0, 160], [0, 200, 120], [0, 0, 1]]}, 'got fx 15.9, fy 200 for 320x240'),
        ({'K': [[1.0, 0.2, 1], [0, 1, 1], [0, 0, 1]]}, r'\[fx 0 cx'),
        ({'K': [[300.0, 0, 1], [0.2, 310, 1], [0, 0, 1]]}, r'\[fx 0 cx'),
        ({'K': [[300.0, 0, 1], [0, 310, 1], [0, 0, 2]]}, r'\[fx 0 cx'),
        ({'D': [0.1, 0.2, 0.3]}, 'plumb_bob must have 0 or 4 or 5 or 8 values, got 3'),
        ({'D': [0.1] * 5, 'distortion_model': 'rational_polynomial'}, '0 or 8 values, got 5'),
        ({'D': [0.1] * 6}, 'plumb_bob must have 0 or 4 or 5 or 8 values, got 6'),
        ({'D': [0.1] * 13}, 'plumb_bob must have 0 or 4 or 5 or 8 values, got 13'),
        ({'D': [[0.1, 0.02, 0.003, 0.004]]}, 'D of plumb_bob must have'),
        ({'D': [0.1] * 5, 'distortion_model': 'equidistant'}, 'must have 0 or 4 values, got 5'),
        ({'D': [0.1] * 12, 'distortion_model': 'equidistant'}, 'must have 0 or 4 values, got 12'),
        ({'D': [], 'distortion_model': 'fisheye'}, "equidistant, got 'fisheye'"),
        ({'D': [np.inf, 0, 0, 0, 0]}, 'D must be finite'),
        # Squared they are infinite.
        ({'D': [1e308] * 5}, r'D must lie within \+-1e\+06, got \[1e\+308.*calibrate'),
        ({'D': [0, 0, 0, -1e308], 'distortion_model': 'equidistant'}, 'D must lie within'),
        ({'roi_xywh': (300, 0, 40, 0)}, 'region of interest'),
        ({'roi_xywh': (10, 0, 0, 0)}, 'region of interest'),
        ({'roi_xywh': (-1, 0, 40, 30)}, 'region of interest'),
        ({'roi_xywh': (0, -1, 40, 30)}, 'region of interest'),
        ({'roi_xywh': (0, 220, 40, 30)}, 'region of interest'),
        ({'binning_xy': (321, 1)}, r'leave a pixel, got \(321, 1\)'),
        ({'binning_xy': (1, 241)}, r'leave a pixel, got \(1, 241\)'),
        ({'D': [0.1] * 5, 'distortion_model': ''}, "got ''"),
    ],
)
def test_bad_values_are_refused(change: dict, message: str):
    values = {'size_wh': SIZE_WH, 'K': K, **change}
    with pytest.raises(CameraInfoError, match=message):
        CameraModel(**values)


@pytest.mark.parametrize(
    ('name', 'said', 'zeros'),
    [
        ('plumb_bob', [0.1, 0.2, 0.003, 0.004, 0.05], 3),  # Orbbec
        ('plumb_bob', [0.1, 0.2, 0.003, 0.004], 2),
        ('plumb_bob', [0.1, 0.2, 0.003, 0.004, 0.05, 0.06, 0.07, 0.08], 4),
        ('rational_polynomial', [0.1, 0.2, 0.003, 0.004, 0.05, 0.06, 0.07, 0.08], 4),  # Isaac Sim
        ('rational_polynomial', [0.1, 0.2, 0.003, 0.004, 0.05, 0.06, 0.07, 0.08], 6),  # OAK
        ('rational_polynomial', [], 12),
        ('equidistant', [0.1, 0.02, 0.003, 0.004], 1),  # RealSense
    ],
)
def test_zeros_beyond_what_the_model_takes_say_nothing(name: str, said: list, zeros: int):
    plain = CameraModel(SIZE_WH, K, said, name)
    padded = CameraModel(SIZE_WH, K, [*said, *[0.0] * zeros], name)
    np.testing.assert_array_equal(padded.rays(all_pixels()), plain.rays(all_pixels()))
    pixel = plain.project([0.3, 0.2, 1.0])
    np.testing.assert_array_equal(padded.project([0.3, 0.2, 1.0]), pixel)
    assert bool(said) == (np.abs(pixel - CameraModel(SIZE_WH, K).project([0.3, 0.2, 1])).max() > 1)


@pytest.mark.parametrize('name', ['plumb_bob', 'rational_polynomial'])
@pytest.mark.parametrize(
    ('more', 'terms'),
    [([0.0, 0.01, 0.0, 0.0], 'terms s2 of'), ([0.01, 0, 0, 0.02, 0, -0.03], 's1, s4, tau_y of')],
)
def test_a_thin_prism_and_a_tilt_are_refused_by_name(name: str, more: list, terms: str):
    with pytest.raises(CameraInfoError, match=f'D of {name} has.*{terms}.*rectified'):
        CameraModel(SIZE_WH, K, [0.1] * 8 + more, name)


def test_no_model_is_fine_without_coefficients():
    camera = CameraModel(SIZE_WH, K, [0.0] * 5, '')
    np.testing.assert_allclose(camera.rays([161.5, 118.25]), [0, 0, 1])
