"""Calibrations scaled by hand."""

from __future__ import annotations

import math

import pytest
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from espnet_ros.core.errors import CameraInfoError
from espnet_ros.ros.camera_info import camera_model, scale_camera_info, stereo_problem

HEADER = Header(frame_id='optical')


def camera_info(**changes):
    values = {
        'width': 640,
        'height': 480,
        'distortion_model': 'plumb_bob',
        'd': [0.1, -0.2, 0.0, 0.0, 0.0],
        'k': [500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0],
        'p': [400.0, 0.0, 309.5, -40.0, 0.0, 410.0, 229.5, 0.0, 0.0, 0.0, 1.0, 0.0],
        **changes,
    }
    return CameraInfo(**values)


def test_the_same_size_passes_through_with_the_header_of_the_image():
    info = camera_info(binning_x=2, binning_y=2)
    result = scale_camera_info(info, HEADER, (320, 240), (320, 240))
    assert result.header == HEADER
    assert list(result.k) == list(info.k)
    assert (result.width, result.binning_x) == (640, 2)
    assert info.header.frame_id == ''


def test_k_and_p_shrink_about_pixel_centres():
    # Half the width, a third of the height; the image centre 319.5 goes to the mask's, 159.5.
    result = scale_camera_info(camera_info(), HEADER, (640, 480), (320, 160))
    assert (result.width, result.height) == (320, 160)
    k = [250.0, 0.0, 159.5, 0.0, 170.0, 79.5, 0.0, 0.0, 1.0]
    assert list(result.k) == pytest.approx(k)
    # 309.5 -> 310 / 2 - 0.5; 229.5 -> 230 / 3 - 0.5; Tx = -fx' * baseline shrinks like fx'.
    p = [200.0, 0.0, 154.5, -20.0, 0.0, 410 / 3, 230 / 3 - 0.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert list(result.p) == pytest.approx(p)
    assert list(result.d) == [0.1, -0.2, 0.0, 0.0, 0.0]
    assert result.distortion_model == 'plumb_bob'


def test_region_and_binning_are_resolved():
    roi = RegionOfInterest(x_offset=100, y_offset=60, width=400, height=240, do_rectify=True)
    info = camera_info(roi=roi, binning_x=2, binning_y=4)
    result = scale_camera_info(info, HEADER, (200, 60), (100, 60))
    # cx: (319.5 - 100) / 2 = 109.75, then (109.75 + 0.5) / 2 - 0.5; cy: (239.5 - 60) / 4.
    k = [125.0, 0.0, 54.625, 0.0, 127.5, 44.875, 0.0, 0.0, 1.0]
    assert list(result.k) == pytest.approx(k)
    assert (result.binning_x, result.roi.width, result.roi.x_offset) == (0, 0, 0)
    assert result.roi.do_rectify


def test_a_zero_projection_stays_zero():
    result = scale_camera_info(camera_info(p=[0.0] * 12), HEADER, (640, 480), (320, 240))
    assert list(result.p) == [0.0] * 12


@pytest.mark.parametrize(
    'k',
    [
        [0.0] * 9,
        [math.nan, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0],
        [500.0, 0.0, math.inf, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0],
        [500.0, 0.0, 319.5, 0.0, -510.0, 239.5, 0.0, 0.0, 1.0],
    ],
)
def test_what_is_no_camera_matrix_is_refused(k):
    with pytest.raises(CameraInfoError, match=r'camera calibration refused: .*(K|focal)'):
        scale_camera_info(camera_info(k=k), HEADER, (640, 480), (640, 480))


def test_a_calibration_of_another_size_is_refused_with_both_sizes():
    with pytest.raises(CameraInfoError, match=r'640x480 .* 480x640'):
        scale_camera_info(camera_info(), HEADER, (480, 640), (480, 640))


def test_a_calibration_of_the_same_shape_is_scaled_to_the_image():
    # 640x480 to 320x240: cx = (319.5 + 0.5) / 2 - 0.5.
    result = scale_camera_info(camera_info(), HEADER, (320, 240), (320, 240))
    assert list(result.k) == pytest.approx([250.0, 0, 159.5, 0, 255.0, 119.5, 0, 0, 1])
    assert (result.width, result.height) == (320, 240)


def test_the_model_of_a_smaller_mask_keeps_the_distortion():
    model = camera_model(camera_info(), (640, 480), (320, 160), rectified=False)
    assert model.image_wh == (320, 160)
    assert model.K.ravel().tolist() == pytest.approx([250.0, 0, 159.5, 0, 170.0, 79.5, 0, 0, 1])
    assert model.D.tolist() == [0.1, -0.2, 0.0, 0.0, 0.0]


def test_rectified_images_are_projected_with_p_alone():
    model = camera_model(camera_info(), (640, 480), (640, 480), rectified=True)
    assert model.K.ravel().tolist() == pytest.approx([400, 0, 309.5, 0, 410, 229.5, 0, 0, 1])
    assert not model.D.size
    for value, words in ((0.0, 'all zero'), (float('nan'), 'not finite')):
        with pytest.raises(CameraInfoError, match=rf'P of camera_info is {words}.*rectified'):
            camera_model(camera_info(p=[value] * 12), (640, 480), (640, 480), rectified=True)


def turned(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [1.0, 0.0, 0.0, 0.0, c, -s, 0.0, s, c]


# Tx is -fx * B: -400 * 0.1 m.
@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'p': [0.0] * 12}, []),
        ({'p': [400.0, 0, 309.5, 0, 0, 410.0, 229.5, 0, 0, 0, 1.0, 0], 'r': turned(0.05)}, []),
        ({'p': [math.nan] * 12, 'r': turned(2.0)}, []),
        ({}, ['P puts the camera 0.100 m from the first one']),
        ({'r': turned(-1.5), 'p': [0.0] * 12}, ['R turns the image by 1.5 degrees']),
        ({'r': turned(1.5)}, ['R turns', ' and P puts']),
        (
            {'p': [400.0, 0, 309.5, 0, 0, 410.0, 229.5, 82.0, 0, 0, 1.0, 0]},
            ['P puts the camera -0.200 m'],
        ),
    ],
)
def test_what_a_stereo_calibration_says_of_its_frame_is_told(changes, words):
    changes = {name: [float(v) for v in values] for name, values in changes.items()}
    problem = stereo_problem(camera_info(**changes))
    assert bool(problem) == bool(words)
    for said in words:
        assert said in problem
