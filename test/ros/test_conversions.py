"""Message <-> array, against pixels laid out byte by byte."""

from __future__ import annotations

import io
from array import array

import cv2
import numpy as np
import pytest

pytest.importorskip('hypothesis')

from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from espnet_ros.core.errors import ImageError
from espnet_ros.ros.conversions import (
    ENCODINGS,
    array_to_image,
    array_to_jpeg,
    read_compressed,
    read_image,
)

# Which of (blue, green, red, alpha) is stored where.
ORDER = {'bgr': (0, 1, 2), 'rgb': (2, 1, 0), 'bgra': (0, 1, 2, 3), 'rgba': (2, 1, 0, 3)}
LAYOUTS = {
    **{f'{name}8': (order, 1) for name, order in ORDER.items()},
    **{f'{name}16': (order, 2) for name, order in ORDER.items()},
    '8UC3': (ORDER['bgr'], 1),
    '8UC4': (ORDER['bgra'], 1),
    'mono8': ((0,), 1),
    '8UC1': ((0,), 1),
    'mono16': ((0,), 2),
}


def make(encoding, width, height, data, step=None, big=0):
    message = Image(encoding=encoding, width=width, height=height, is_bigendian=big)
    message.step = step if step is not None else len(data) // max(1, height)
    message.data = array('B', data)
    return message


@st.composite
def messages(draw):
    """Draw an image message and the pixels (blue, green, red) it was laid out from."""
    encoding = draw(st.sampled_from(sorted(LAYOUTS)))
    order, size = LAYOUTS[encoding]
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 7))
    padding, tail = draw(st.integers(0, 5)), draw(st.integers(0, 3))
    big = draw(st.integers(0, 1))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    pixels = random.integers(0, 256, (height, width, 4), dtype=np.uint8)
    data = bytearray()
    for row in pixels.tolist():
        for pixel in row:
            for channel in order:
                low = [17] * (size - 1)
                data += bytes([pixel[channel], *low] if big else [*low, pixel[channel]])
        data += b'\xee' * padding
    step = width * len(order) * size + padding
    message = make(encoding, width, height, data + b'\xdd' * tail, step, big)
    channels = (0, 0, 0) if len(order) == 1 else (0, 1, 2)
    return message, pixels[:, :, channels]


@settings(max_examples=300, deadline=None)
@given(messages())
def test_every_layout_gives_its_pixels(drawn):
    message, pixels = drawn
    image = read_image(message).bgr
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize('encoding', ['bgr8', '8UC3', 'rgb8', 'bgra8', '8UC4', 'rgba8', 'mono8'])
def test_what_needs_no_arithmetic_is_not_copied(encoding):
    channels = len(LAYOUTS[encoding][0])
    message = make(encoding, 7, 5, bytes(5 * 30), step=30)
    image = read_image(message)
    message.data[30 + channels] = 99
    assert image.pixels[1, 1].tolist() == [99, *[0] * (channels - 1)]
    first = {'rgb8': [0, 0, 99], 'rgba8': [0, 0, 99], 'mono8': [99] * 3}
    assert image.bgr[1, 1].tolist() == first.get(encoding, [99, 0, 0])


@pytest.mark.parametrize('encoding', ['yuyv', 'bayer_rggb8', 'mono16', 'rgb16'])
def test_everything_else_is_copied(encoding):
    message = make(encoding, 8, 4, bytes(4 * 48), step=48)
    image = read_image(message)
    assert not np.shares_memory(image.pixels, np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize(
    ('encoding', 'red_at'),
    [
        ('bayer_rggb8', (0, 0)),
        ('bayer_grbg8', (0, 1)),
        ('bayer_gbrg8', (1, 0)),
        ('bayer_bggr8', (1, 1)),
    ],
)
def test_a_red_scene_through_each_bayer_pattern_is_red(encoding, red_at):
    mosaic = np.zeros((6, 10), np.uint8)
    mosaic[red_at[0] :: 2, red_at[1] :: 2] = 200
    image = read_image(make(encoding, 10, 6, mosaic.tobytes())).bgr
    np.testing.assert_array_equal(image[2:4, 2:8], np.broadcast_to((0, 0, 200), (2, 6, 3)))
    wide = np.zeros((6, 10, 2), np.uint8)
    wide[..., 1] = mosaic
    wide[..., 0] = 77
    image = read_image(make(encoding.replace('8', '16'), 10, 6, wide.tobytes())).bgr
    np.testing.assert_array_equal(image[2:4, 2:8], np.broadcast_to((0, 0, 200), (2, 6, 3)))


@pytest.mark.parametrize(
    ('encoding', 'pair'),
    [
        ('yuv422', (128, 16, 128, 235)),
        ('uyvy', (128, 16, 128, 235)),
        ('yuv422_yuy2', (16, 128, 235, 128)),
        ('yuyv', (16, 128, 235, 128)),
    ],
)
def test_yuv_black_and_white(encoding, pair):
    # Video range: luma 16 is black, 235 is white, chroma 128 is grey.
    image = read_image(make(encoding, 6, 2, bytes(pair) * 6)).bgr
    assert image[:, 0::2].max() == 0
    assert image[:, 1::2].min() == 255


@pytest.mark.parametrize(
    ('message', 'reason', 'words'),
    [
        (make('bgr8', 0, 0, b''), 'size', '0x0'),
        (make('bgr8', 7, 0, b''), 'size', '7x0'),
        (make('bgr9', 7, 5, bytes(105)), 'encoding', "'bgr9' is not supported: expected one of"),
        (make('', 7, 5, bytes(105)), 'encoding', 'rgb8'),
        (make('16UC1', 7, 5, bytes(70)), 'encoding', 'depth'),
        (make('32FC1', 7, 5, bytes(140)), 'encoding', 'depth'),
        (make('32FC3', 7, 5, bytes(420)), 'encoding', 'not supported'),
        (make('bgr8', 7, 5, bytes(105), step=20), 'step', 'step is 20'),
        (make('rgb16', 7, 5, bytes(205), step=41), 'step', 'has 42 bytes'),
        (make('bgr8', 7, 5, bytes(104), step=21), 'data', 'data has 104 bytes'),
        (make('bgr8', 7, 5, b'', step=21), 'data', 'have 105'),
        (make('bgr8', 2**31, 2**31, b'', step=2**32 - 1), 'step', 'step is'),
        (make('yuv422', 7, 5, bytes(70)), 'size', '7x5'),
    ],
)
def test_a_bad_image_is_refused_with_its_reason(message, reason, words):
    with pytest.raises(ImageError) as caught:
        read_image(message)
    assert caught.value.reason == reason
    assert words in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(['', 'what', *sorted(ENCODINGS)]),
    st.integers(0, 12),
    st.integers(0, 12),
    st.integers(0, 200),
    st.binary(max_size=400),
    st.integers(0, 1),
)
def test_any_message_gives_an_image_or_an_image_error(encoding, width, height, step, data, big):
    try:
        image = read_image(make(encoding, width, height, data, step, big)).bgr
    except ImageError:
        return
    assert image.shape == (height, width, 3)
    int(image.sum())  # touches every byte


def jpeg(width=56, height=40):
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = (200, 0, 0)
    return image, cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def test_jpeg_and_png_are_decoded_as_bgr():
    image, data = jpeg()
    decoded = read_compressed(CompressedImage(format='jpeg', data=array('B', data))).bgr
    assert decoded.shape == image.shape
    assert np.abs(decoded[:, :20].astype(int) - image[:, :20]).max() < 6
    png = cv2.imencode('.png', image)[1].tobytes()
    decoded = read_compressed(CompressedImage(format='png', data=array('B', png))).bgr
    np.testing.assert_array_equal(decoded, image)


@pytest.mark.parametrize(
    'kind', ['mono8; jpeg compressed ', 'mono8; jpeg compressed mono8', 'jpeg']
)
def test_a_grey_jpeg_has_three_equal_channels(kind):
    grey = np.full((40, 56), 60, np.uint8)
    grey[:, 28:] = 200
    data = cv2.imencode('.jpg', grey, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    image = read_compressed(CompressedImage(format=kind, data=array('B', data))).bgr
    assert image.shape == (40, 56, 3)
    for channel in np.moveaxis(image.astype(int), -1, 0):
        assert np.abs(channel - grey)[:, [*range(20), *range(36, 56)]].max() < 6


@pytest.mark.parametrize(
    ('data', 'words'),
    [
        (b'', '0 bytes'),
        (b'\xff\xd8not a jpeg\xff\xd9', 'not a JPEG or PNG'),
        (bytes(1000), 'not a JPEG or PNG'),
    ],
)
def test_a_corrupt_jpeg_is_refused(data, words):
    with pytest.raises(ImageError, match=words) as caught:
        read_compressed(CompressedImage(format='jpeg', data=array('B', data)))
    assert caught.value.reason == 'decode'


@pytest.mark.parametrize(
    'data',
    [
        jpeg()[1][:300],
        # A thumbnail among the tags has an end of its own.
        b'\xff\xd8\xff\xe1\x00\x04\xff\xd9' + jpeg()[1][2:300],
    ],
)
def test_a_jpeg_without_its_end_is_refused_before_opencv_fills_it_with_grey(data, monkeypatch):
    def fill(*_):
        pytest.fail('OpenCV 4 fills what is missing, OpenCV 5 refuses it')

    monkeypatch.setattr(cv2, 'imdecode', fill)
    with pytest.raises(ImageError, match='its end is missing') as caught:
        read_compressed(CompressedImage(format='jpeg', data=array('B', data)))
    assert caught.value.reason == 'decode'


@pytest.mark.parametrize(
    'kind', ['16UC1; compressedDepth png', '16UC1; png compressed ', '32FC1; tiff compressed ']
)
def test_compressed_depth_is_refused(kind):
    png = cv2.imencode('.png', np.full((4, 6), 1500, np.uint16))[1]
    message = CompressedImage(format=kind, data=array('B', png.tobytes()))
    with pytest.raises(ImageError, match='depth') as caught:
        read_compressed(message)
    assert caught.value.reason == 'encoding'


def mosaic(dtype=np.uint8):
    """Return what a sensor whose first row is red, green, ... sees of an orange thing."""
    pixels = np.full((6, 10), 90, dtype)
    pixels[0::2, 0::2], pixels[1::2, 1::2] = 200, 30
    return pixels


@pytest.mark.parametrize(
    ('kind', 'pixels'),
    [
        ('bayer_rggb8; png compressed ', mosaic()),
        ('bayer_rggb8; png compressed', mosaic()),
        ('bayer_rggb8; png compressed bayer_rggb8', mosaic()),
        # 200 * 256 + 77 and so on: the high byte counts.
        ('bayer_rggb16; png compressed ', mosaic(np.uint16) * 256 + 77),
    ],
)
def test_a_bayer_image_that_was_compressed_as_it_is_gets_its_colours(kind, pixels):
    png = cv2.imencode('.png', pixels)[1].tobytes()
    image = read_compressed(CompressedImage(format=kind, data=array('B', png))).bgr
    np.testing.assert_array_equal(image[2:4, 2:8], np.broadcast_to((30, 90, 200), (2, 6, 3)))


def test_a_bayer_image_that_was_compressed_in_colour_is_left_as_it_is():
    pixels, data = jpeg()
    for kind in ('bayer_rggb8; jpeg compressed bgr8', 'bayer_rggb8; jpeg compressed '):
        image = read_compressed(CompressedImage(format=kind, data=array('B', data))).bgr
        assert np.abs(image[:, :20].astype(int) - pixels[:, :20]).max() < 6


@pytest.mark.parametrize(
    ('kind', 'words'),
    [
        ('bayer_rggb8; jpeg compressed mono8', 'colours were lost when it was compressed: deb'),
        ('bayer_rggb8; jpeg compressed bgr8', 'colours were lost when it was compressed: deb'),
        ('bayer_what8; png compressed ', "'bayer_what8' is not supported"),
    ],
)
def test_a_bayer_image_without_colours_is_refused(kind, words):
    png = cv2.imencode('.png', mosaic())[1].tobytes()
    with pytest.raises(ImageError, match=words) as caught:
        read_compressed(CompressedImage(format=kind, data=array('B', png)))
    assert caught.value.reason == 'encoding'


def test_a_mask_has_no_padding_and_shares_the_header():
    header = Header(frame_id='camera_optical')
    header.stamp.sec = 12
    mask = np.arange(35, dtype=np.uint8).reshape(5, 7)
    message = array_to_image(mask, header, 'mono8')
    assert (message.width, message.height, message.step) == (7, 5, 7)
    assert message.encoding == 'mono8'
    assert message.header == header
    assert bytes(message.data) == bytes(range(35))


def test_a_color_image_round_trips():
    pixels = np.random.default_rng(3).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    message = array_to_image(pixels, Header(), 'bgr8')
    assert message.step == 21
    np.testing.assert_array_equal(read_image(message).bgr, pixels)


def test_jpeg_quality_counts():
    noise = np.random.default_rng(4).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    small, large = (len(array_to_jpeg(noise, Header(), q).data) for q in (10, 95))
    assert small < large / 2
    message = array_to_jpeg(noise, Header(frame_id='c'), 80)
    assert message.header.frame_id == 'c'
    assert io.BytesIO(bytes(message.data)).read(2) == b'\xff\xd8'
