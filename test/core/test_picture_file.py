from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.picture_file import (
    content_of,
    decode,
    is_turned,
    pictures_in,
    read_picture,
    write_picture,
)

# A header that claims 200000 x 200000 pixels, for which OpenCV raises.
_SIZE = b'IHDR' + struct.pack('>IIBBBBB', 200_000, 200_000, 8, 2, 0, 0, 0)
HUGE = b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + _SIZE + struct.pack('>I', zlib.crc32(_SIZE))


@pytest.mark.parametrize('shape', [(5, 7, 3), (5, 7)])
def test_what_is_written_is_read_again(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    write_picture(tmp_path / 'a.png', picture)
    expected = picture if len(shape) == 3 else np.repeat(picture[..., None], 3, axis=2)
    assert (read_picture(tmp_path / 'a.png') == expected).all()


def test_what_can_not_be_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        (tmp_path / 'notes.txt').touch()
        write_picture(tmp_path / 'notes.txt' / 'a.png', np.zeros((5, 7, 3), np.uint8))


def test_what_is_no_whole_picture_is_named(tmp_path: Path) -> None:
    content = cv2.imencode('.jpg', np.full((24, 40, 3), 90, np.uint8))[1].tobytes()
    cases = {
        'missing.png': (None, r'missing\.png cannot be read \(No such file'),
        'empty.png': (b'', r'empty\.png is not a picture'),
        'text.png': (b'text', r'text\.png is not a picture'),
        'huge.png': (HUGE, r'huge\.png is not a picture'),
        'half.jpg': (content[: len(content) // 2], r'the end of .*half\.jpg is missing'),
    }
    for name, (data, words) in cases.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(DatasetError, match=words):
            read_picture(tmp_path / name)


@pytest.mark.parametrize('ending', ['.jpg', '.png', '.bmp', '.webp', '.tif'])
def test_a_file_whose_second_half_is_missing_is_refused(ending: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)
    content = cv2.imencode(ending, pixels)[1].tobytes()
    path = tmp_path / f'a{ending}'
    for length in (len(content) // 2, len(content) - 2):
        path.write_bytes(content[:length])
        with pytest.raises(DatasetError, match=rf'a\{ending} .*(is missing, as|cut off)'):
            read_picture(path)
    # What cameras and editors write behind it does not count.
    path.write_bytes(content + b'behind' * 100)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(read_picture(path), decoded)


def write_jpeg(path: Path, pixels: np.ndarray, orientation: int | None) -> None:
    """Write a JPEG file with an EXIF orientation."""
    content = cv2.imencode('.jpg', pixels)[1].tobytes()
    if orientation is not None:
        # Exif: little endian, one entry, orientation (0x112) is a short.
        entry = struct.pack('<HHIHxx', 0x112, 3, 1, orientation)
        tags = b'Exif\0\0II*\0\x08\0\0\0\1\0' + entry + bytes(4)
        segment = b'\xff\xe1' + struct.pack('>H', 2 + len(tags)) + tags
        content = content[:2] + segment + content[2:]
    path.write_bytes(content)


@pytest.mark.parametrize('orientation', [None, 1, 3, 6])
def test_a_small_picture_may_be_turned_though_an_eighth_of_it_looks_the_same(
    orientation: int | None, tmp_path: Path
) -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, 4:8] = pixels[:, 12:] = 200
    write_jpeg(tmp_path / 'a.jpg', pixels, orientation)
    assert is_turned(tmp_path / 'a.jpg') == (orientation in (3, 6))


@pytest.mark.parametrize('ending', ['.png', '.bmp', '.tif', '.webp', '.ppm'])
def test_a_picture_without_an_eighth_may_speak_of_exif(ending: str, tmp_path: Path) -> None:
    content = cv2.imencode(ending, np.full((5, 7, 3), 90, np.uint8))[1].tobytes()
    (tmp_path / f'a{ending}').write_bytes(content + b'Exif')
    assert read_picture(tmp_path / f'a{ending}').shape == (5, 7, 3)
    assert not is_turned(tmp_path / f'a{ending}')


@pytest.mark.parametrize('orientation', [None, 1, 3, 6])
def test_an_image_is_as_stored_whatever_its_camera_says(
    orientation: int | None, tmp_path: Path
) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, 16:] = 200
    write_jpeg(tmp_path / 'a.jpg', pixels, orientation)
    stored = read_picture(tmp_path / 'a.jpg')
    assert stored.shape == (16, 32, 3)
    assert (stored[:, :12] < 50).all() and (stored[:, 20:] > 150).all()
    assert is_turned(tmp_path / 'a.jpg') == (orientation in (3, 6))


def test_pixels_are_as_the_flags_ask(tmp_path: Path) -> None:
    ids = np.array([[0, 300, 2], [3, 4, 65535]], np.uint16)
    cv2.imwrite(str(tmp_path / 'a.png'), ids)
    content = content_of(tmp_path / 'a.png')
    found = decode(content, tmp_path / 'a.png', cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16 and found.tolist() == ids.tolist()
    assert decode(content, tmp_path / 'a.png').shape == (2, 3, 3)


def test_names_that_are_no_utf8_are_told_from_pictures_by_content(tmp_path: Path) -> None:
    content = cv2.imencode('.png', np.zeros((5, 7, 3), np.uint8))[1].tobytes()
    folder = os.fsencode(tmp_path)
    for name, data in {b'notiz_\xe4': b'text', b'bild_\xe4': content, b'\xe4.png': b''}.items():
        with open(os.path.join(folder, name), 'wb') as file:
            file.write(data)
    (tmp_path / 'unnamed').write_bytes(content)
    # In a process of its own, which OpenCV 5 ended.
    code = (
        'import sys; from pathlib import Path\n'
        'from espnet_ros.core.picture_file import pictures_in\n'
        'print([ascii(p.name) for p in pictures_in(Path(sys.argv[1]))])'
    )
    command = [sys.executable, '-c', code, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result
    assert result.stdout.strip() == str(
        [ascii(name) for name in ('bild_\udce4', 'unnamed', '\udce4.png')]
    )


def test_a_file_that_can_not_be_opened_is_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(tmp_path / 'a.png', np.zeros((5, 7), np.uint8))
    (tmp_path / 'b').write_bytes((tmp_path / 'a.png').read_bytes())
    assert [p.name for p in pictures_in(tmp_path)] == ['a.png', 'b']

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, 'Permission denied', str(self))

    monkeypatch.setattr(Path, 'open', refuse)
    assert [p.name for p in pictures_in(tmp_path)] == ['a.png']
