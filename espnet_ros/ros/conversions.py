"""ROS image messages to arrays and back, with NumPy and OpenCV alone.

cv_bridge breaks with NumPy 2 and OpenCV 5 on some distributions, so it isn't used.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.color_image import MOVES, ColorImage
from espnet_ros.core.errors import ImageError
from espnet_ros.core.jpeg import is_cut_off
from espnet_ros.core.picture_file import pixels_of


@dataclass(frozen=True)
class _Encoding:
    """How a pixel lies in memory and which OpenCV conversion makes it BGR."""

    channels: int
    to_bgr: int | None
    depth_bytes: int = 1


# ROS names a Bayer pattern by its first two pixels, OpenCV by the second pixels of rows 2 and 1.
_COLOR = {
    'bgr8': _Encoding(3, None),
    '8UC3': _Encoding(3, None),
    'rgb8': _Encoding(3, cv2.COLOR_RGB2BGR),
    'bgra8': _Encoding(4, cv2.COLOR_BGRA2BGR),
    '8UC4': _Encoding(4, cv2.COLOR_BGRA2BGR),
    'rgba8': _Encoding(4, cv2.COLOR_RGBA2BGR),
    'mono8': _Encoding(1, cv2.COLOR_GRAY2BGR),
    '8UC1': _Encoding(1, cv2.COLOR_GRAY2BGR),
    'bayer_rggb8': _Encoding(1, cv2.COLOR_BayerBG2BGR),
    'bayer_bggr8': _Encoding(1, cv2.COLOR_BayerRG2BGR),
    'bayer_gbrg8': _Encoding(1, cv2.COLOR_BayerGR2BGR),
    'bayer_grbg8': _Encoding(1, cv2.COLOR_BayerGB2BGR),
    'yuv422': _Encoding(2, cv2.COLOR_YUV2BGR_UYVY),
    'uyvy': _Encoding(2, cv2.COLOR_YUV2BGR_UYVY),
    'yuv422_yuy2': _Encoding(2, cv2.COLOR_YUV2BGR_YUYV),
    'yuyv': _Encoding(2, cv2.COLOR_YUV2BGR_YUYV),
}
_WIDE = {
    wide: _Encoding(_COLOR[narrow].channels, _COLOR[narrow].to_bgr, 2)
    for wide, narrow in {
        name.removesuffix('8') + '16': name for name in _COLOR if name.endswith('8')
    }.items()
}
ENCODINGS = {**_COLOR, **_WIDE}
_DEPTH = ('16UC1', '32FC1', '64FC1')
# A channel of 16 bits of which only the high byte is read.
_HIGH_BYTE_BIG, _HIGH_BYTE_LITTLE = (
    np.dtype({'names': ['high'], 'formats': ['u1'], 'offsets': [offset], 'itemsize': 2})
    for offset in (0, 1)
)


def read_image(message: Image) -> ColorImage:
    """Return the pixels of an image.

    BGR, RGB and grey with 8 bits a channel are views of the message, including padded rows;
    everything else is copied. Only the high byte of 16-bit channels is kept.

    :raises ImageError: if the encoding is not a colour one, or ``width``, ``height``, ``step``
        and the length of ``data`` contradict each other.
    """
    encoding = _encoding(message.encoding)
    _check_size(message, encoding)
    if encoding.depth_bytes == 1:
        pixels: UInt8Array = raw_view(message, np.dtype(np.uint8), encoding.channels)
    else:
        high_byte = _HIGH_BYTE_BIG if message.is_bigendian else _HIGH_BYTE_LITTLE
        pixels = np.ascontiguousarray(raw_view(message, high_byte, encoding.channels)['high'])
    return _to_color(pixels, message.encoding)


def _to_color(pixels: UInt8Array, name: str) -> ColorImage:
    """Return the pixels of an image.

    :param pixels: uint8 (H, W, C) in an encoding; for 16-bit channels, the high bytes.
    :param name: of the encoding.
    """
    to_bgr = _encoding(name).to_bgr
    if to_bgr is None or to_bgr in MOVES:
        return ColorImage(pixels, to_bgr)
    try:
        converted = cv2.cvtColor(np.ascontiguousarray(pixels), to_bgr)
        return ColorImage(np.asarray(converted, np.uint8))
    except cv2.error as error:
        height, width = pixels.shape[:2]
        raise ImageError(
            'decode',
            f'OpenCV could not convert the {width}x{height} image from {name}: {error.err}',
        ) from error


def _encoding(name: str) -> _Encoding:
    encoding = ENCODINGS.get(name)
    if encoding:
        return encoding
    if name in _DEPTH:
        raise ImageError(
            'encoding',
            f'{name} is a depth encoding: remap "image" to a colour image '
            '(a 16-bit grey camera should publish mono16)',
        )
    raise ImageError(
        'encoding',
        f'encoding {name!r} is not supported: expected one of {", ".join(sorted(ENCODINGS))}',
    )


def _check_size(message: Image, encoding: _Encoding) -> None:
    if message.width == 0 or message.height == 0:
        raise ImageError('size', f'the image is empty: {message.width}x{message.height} pixels')
    if encoding.channels == 2 and message.width % 2:
        # OpenCV 4 would read past the row, OpenCV 5 refuses.
        raise ImageError(
            'size',
            f'a {message.encoding} image shares colours between pairs of pixels, so its width '
            f'must be even, got {message.width}x{message.height}',
        )


def raw_view(message: Image, dtype: np.dtype[Any], channels: int) -> npt.NDArray[Any]:
    """Return a view (H, W, C) of the pixels of a message, which may have padded rows.

    :param dtype: of a channel, including its byte order.
    :raises ImageError: if ``step`` is less than a row, or ``data`` less than all rows.
    """
    row_bytes = message.width * channels * dtype.itemsize
    if message.step < row_bytes:
        raise ImageError(
            'step',
            f'step is {message.step}, but a row of {message.width} {message.encoding} pixels '
            f'has {row_bytes} bytes: the camera driver must set step to the bytes of a row',
        )
    if len(message.data) < message.height * message.step:
        raise ImageError(
            'data',
            f'data has {len(message.data)} bytes, but {message.height} rows of step '
            f'{message.step} have {message.height * message.step}: the camera driver must send '
            'all of them',
        )
    return np.ndarray(
        (message.height, message.width, channels),
        dtype,
        buffer=message.data,
        strides=(message.step, channels * dtype.itemsize, dtype.itemsize),
    )


def read_compressed(message: CompressedImage) -> ColorImage:
    """Return the pixels of a JPEG or PNG image.

    A Bayer image that was compressed undebayered is debayered, as by `read_image`.

    :raises ImageError: if it can't be decoded, was cut off, is a depth image, or is a Bayer image
        that was converted to grey.
    """
    # As image_transport writes it: 'rgb8; jpeg compressed bgr8'.
    source, _, how = message.format.partition(';')
    if 'compressedDepth' in message.format or source in _DEPTH:
        raise ImageError('encoding', f'{message.format!r} is a depth format: use a colour image')
    if not source.startswith('bayer_'):
        return ColorImage(_decode(message, cv2.IMREAD_COLOR))
    pixels = _decode(message, cv2.IMREAD_ANYCOLOR)
    if pixels.ndim == 3:
        return ColorImage(pixels)
    stored = how.partition('compressed')[2].strip()
    if stored and not stored.startswith('bayer_'):
        raise ImageError(
            'encoding',
            f'{message.format!r} is a Bayer image whose colours were lost when it was compressed: '
            'debayer it first, or receive it raw (input.transport: raw)',
        )
    return _to_color(pixels[..., None], source)


def _decode(message: CompressedImage, color_flag: int) -> UInt8Array:
    """Return uint8 (H, W, 3), or (H, W) if the flag lets a grey image stay grey."""
    content = bytes(message.data)
    pixels = pixels_of(content, color_flag)
    if pixels is not None:
        return pixels
    cut_off = is_cut_off(content)
    reason = 'its end is missing' if cut_off else 'it is not a JPEG or PNG that OpenCV reads'
    raise ImageError(
        'decode',
        f'the compressed image of {len(content)} bytes, format {message.format!r}, could not '
        f'be decoded: {reason}',
    )


def array_to_image(pixels: UInt8Array, header: Header, encoding: str) -> Image:
    """Return an image message that shares the header and has no row padding.

    :param pixels: uint8 (H, W) or (H, W, C), C-contiguous.
    :param encoding: ``mono8`` or ``bgr8``.
    """
    message = Image(header=header, encoding=encoding)
    message.height, message.width = pixels.shape[:2]
    message.step = pixels.nbytes // pixels.shape[0]
    message.data = to_bytes(pixels)
    return message


def array_to_jpeg(pixels_bgr: UInt8Array, header: Header, quality: int) -> CompressedImage:
    """Return a JPEG message of an image.

    :param pixels_bgr: uint8 (H, W, 3).
    :param quality: 1..100.
    """
    _, data = cv2.imencode('.jpg', pixels_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return CompressedImage(header=header, format='bgr8; jpeg compressed bgr8', data=to_bytes(data))


def to_bytes(pixels: Any) -> array[int]:
    """Return the bytes of a C-contiguous array as message fields take them."""
    # Any other type is copied element by element: 100 ms and more for a large image.
    data = array('B')
    # An empty view can't be cast.
    if pixels.size:
        data.frombytes(memoryview(pixels).cast('B'))
    return data
