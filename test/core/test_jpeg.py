"""JPEG data by hand, and as OpenCV writes them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from espnet_ros.core.jpeg import is_cut_off, is_jpeg

START, END = b'\xff\xd8', b'\xff\xd9'


def segment(kind: int, data: bytes) -> bytes:
    return bytes([0xFF, kind]) + (2 + len(data)).to_bytes(2, 'big') + data


TABLE, SCAN = segment(0xDB, b'\1\2\3'), segment(0xDA, b'\4\5')
# FF 00 is the byte FF, FF D3 a place to begin again at, FF FF a filling.
PIXELS = b'\x10\xff\x00\x20\xff\xd3\x30\xff'


@pytest.mark.parametrize('rest', [b'', b'\0', b'trailing', END, START + b'next', b'\xff'])
def test_whatever_follows_the_end_is_free(rest: bytes) -> None:
    assert not is_cut_off(START + TABLE + SCAN + PIXELS + END + rest)


@pytest.mark.parametrize('scans', [1, 2])
def test_without_its_end_it_is_cut_off_anywhere(scans: int) -> None:
    content = START + b'\xff' + TABLE + (SCAN + PIXELS) * scans + END
    for length in range(2, len(content)):
        assert is_cut_off(content[:length]), length
    assert not is_cut_off(content)


def test_the_end_of_a_thumbnail_is_not_the_end() -> None:
    thumbnail = START + TABLE + SCAN + b'\x10' + END
    content = START + segment(0xE1, b'Exif' + thumbnail) + TABLE + SCAN + PIXELS
    assert is_cut_off(content)
    assert not is_cut_off(content + END)


def test_an_end_without_any_pixels_is_an_end() -> None:
    assert not is_cut_off(START + TABLE + END)


@pytest.mark.parametrize('content', [b'', b'\xff', b'\x89PNG\r\n', b'BM' + END])
def test_others_are_no_cut_off_jpegs(content: bytes) -> None:
    assert not is_cut_off(content)


@pytest.mark.parametrize('flag', ['PROGRESSIVE', 'OPTIMIZE', 'RST_INTERVAL'])
def test_as_opencv_writes_them(flag: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
    flags = [getattr(cv2, f'IMWRITE_JPEG_{flag}'), 1]
    content = cv2.imencode('.jpg', image, flags)[1].tobytes()
    assert not is_cut_off(content)
    assert not is_cut_off(content + bytes(1000))
    for length in range(2, len(content)):
        assert is_cut_off(content[:length]), length


def test_a_jpeg_is_one_even_without_its_end() -> None:
    content = START + TABLE + SCAN + PIXELS + END
    assert is_jpeg(content) and is_jpeg(content[:3])
    assert not is_jpeg(content[1:]) and not is_jpeg(b'\x89PNG') and not is_jpeg(b'')
