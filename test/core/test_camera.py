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


def test_the_fisheye_ends_before_the_side():
    camera = model('ideal fisheye')
    # 300 px a rad: 80 degrees are 418.9 px beside the centre, 95 degrees have no z = 1.
    ray = camera.rays([161.5 + 300 * np.radians(80.0), 118.25])
    np.testing.assert_allclose(ray, [np.tan(np.radians(80.0)), 0, 1], atol=1e-9)
    assert np.isnan(camera.rays([161.5 + 300 * np.radians(95.0), 118.25])).all()


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


def test_resized_keeps_pixel_centres_where_cv2_resize_has_them():
    small = model('barrel').resized((160, 60))
    assert small.image_wh == (160, 60)
    # Pixel 0 of the half-size image covers the old pixels 0 and 1: its centre was at 0.5.
    np.testing.assert_allclose(
        small.rays([[0.0, 0.0], [10.0, 20.0]]), model('barrel').rays([[0.5, 1.5], [20.5, 81.5]])
    )


def test_fitted_scales_a_resize_and_refuses_a_crop():
    camera = model('barrel')
    assert camera.fitted((320, 240)) is camera
    assert camera.fitted((161, 120)).image_wh == (161, 120)  # rounding is no other shape
    with pytest.raises(CameraInfoError, match=r'320x240.*480x240'):
        camera.fitted((480, 240))


def test_equal_models_are_equal():
    assert model('barrel') == model('barrel')
    assert hash(model('barrel')) == hash(model('barrel'))
    assert model('barrel') != model('pincushion')
    assert model('none') != model('none').resized((160, 120))


def test_all_offenders_are_listed():
    with pytest.raises(CameraInfoError) as error:
        CameraModel((0, 240), np.full(9, np.nan), [1.0, 2.0], 'plum_bob', binning_xy=(-1, 0))
    for part in ('0x240', 'K must be finite', "'plum_bob'", 'equidistant', 'binning'):
        assert part in str(error.value)


def test_an_image_of_no_size_is_not_blamed_on_its_binning():
    with pytest.raises(CameraInfoError, match='image size must be positive, got 0x0') as error:
        CameraModel((0, 0), np.diag([200.0, 200.0, 1.0]))
    assert 'binning' not in str(error.value)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'K': np.zeros((3, 3))}, 'not calibrated'),
        ({'K': [[-1.0, 0, 1], [0, 1, 1], [0, 0, 1]]}, 'fx -1'),
        ({'K': [1.0, 2.0]}, '9 values, got 2'),
        ({'K': [[1.0, 0, 0.5], [0, 1.333, 0.5], [0, 0, 1]]}, 'in pixels, got fx 1, fy 1.333 for'),
        # 15 is 0.047 of the width, 0.063 of the height; a twentieth is the least.
        ({'K': [[15.0, 0, 160], [0, 200, 120], [0, 0, 1]]}, 'got fx 15, fy 200 for 320x240'),
        ({'K': [[1.0, 0.2, 1], [0, 1, 1], [0, 0, 1]]}, r'\[fx 0 cx'),
        ({'D': [0.1, 0.2, 0.3]}, 'plumb_bob must have 0 or 4 or 5 or 8 values, got 3'),
        ({'D': [0.1] * 5, 'distortion_model': 'rational_polynomial'}, '0 or 8 values, got 5'),
        ({'D': [np.inf, 0, 0, 0, 0]}, 'D must be finite'),
        ({'roi_xywh': (300, 0, 40, 0)}, 'region of interest'),
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
