"""Label images by hand: ids, palettes of every depth, colours."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from espnet_ros.core.errors import DatasetError
from espnet_ros.network.training.label_files import LabelCode, pack_rgb, read_truth

RED, GREEN = (200, 10, 30), (0, 255, 1)
COLORS = LabelCode({pack_rgb(RED): 0, pack_rgb(GREEN): 1, 0: 255}, colored=True)


def palette_png(
    indices: np.ndarray, depth: int, colors: list[tuple[int, int, int]] | None
) -> bytes:
    """Write a palette PNG, or without colours a gray one, as image editors do; OpenCV cannot."""
    height, width = indices.shape
    per_byte = 8 // depth
    rows = b''
    for row in indices:
        padded = np.append(row, np.zeros(-width % per_byte, np.uint8)).reshape(-1, per_byte)
        shifts = depth * np.arange(per_byte)[::-1]
        rows += b'\0' + (padded.astype(int) << shifts).sum(1).astype(np.uint8).tobytes()

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', crc)

    header = struct.pack('>IIBBBBB', width, height, depth, 3 if colors else 0, 0, 0, 0)
    palette = chunk(b'PLTE', b''.join(bytes(c) for c in colors)) if colors else b''
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', header)
        + (palette + chunk(b'tRNS', b'\x00') if colors else b'')
        + chunk(b'IDAT', zlib.compress(rows))
        + chunk(b'IEND', b'')
    )


@pytest.mark.parametrize('depth', [1, 2, 4, 8])
def test_a_palette_image_is_read_by_its_indices_or_its_colours(
    depth: int, tmp_path: Path
) -> None:
    indices = (np.arange(5 * 7, dtype=np.uint8).reshape(5, 7) // 3) % 2
    (tmp_path / 'a.png').write_bytes(palette_png(indices, depth, [RED, GREEN]))
    code = LabelCode({0: 3, 1: 255})
    expected = np.where(indices == 1, 255, 3)
    np.testing.assert_array_equal(read_truth(tmp_path / 'a.png', code), expected)
    np.testing.assert_array_equal(read_truth(tmp_path / 'a.png', COLORS), indices)


@pytest.mark.parametrize('depth', [1, 2, 4, 8])
def test_ids_of_few_bits_are_not_stretched(depth: int, tmp_path: Path) -> None:
    ids = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7) % min(2**depth, 5)
    (tmp_path / 'a.png').write_bytes(palette_png(ids, depth, None))
    code = LabelCode({value: 4 - value for value in range(5)} | {255: 255})
    np.testing.assert_array_equal(read_truth(tmp_path / 'a.png', code), 4 - ids)


def test_large_indices_of_a_palette_are_kept(tmp_path: Path) -> None:
    indices = np.array([[0, 17, 200]], np.uint8)
    (tmp_path / 'a.png').write_bytes(palette_png(indices, 8, [RED] * 201))
    truth = read_truth(tmp_path / 'a.png', LabelCode({0: 0, 17: 1, 200: 2}))
    assert truth.tolist() == [[0, 1, 2]]


def test_colours_are_rgb_in_the_table_and_alpha_does_not_count(tmp_path: Path) -> None:
    bgra = np.zeros((2, 3, 4), np.uint8)
    bgra[0, :, :3] = RED[::-1]
    bgra[1, 1, :3] = GREEN[::-1]
    bgra[..., 3] = 255
    cv2.imwrite(str(tmp_path / 'a.png'), bgra)
    truth = read_truth(tmp_path / 'a.png', COLORS)
    assert truth.tolist() == [[0, 0, 0], [255, 1, 255]]


def test_labels_are_as_stored_whatever_exif_says(tmp_path: Path) -> None:
    indices = np.array([[0, 0, 1], [1, 1, 1]], np.uint8)
    content = palette_png(indices, 8, [RED, GREEN])
    # Big endian, one entry, orientation (0x112) is the short 3, upside down; behind the header.
    exif = b'eXIfMM\0*\0\0\0\x08\0\1' + struct.pack('>HHIHxx', 0x112, 3, 1, 3) + bytes(4)
    chunk = struct.pack('>I', len(exif) - 4) + exif + struct.pack('>I', zlib.crc32(exif))
    (tmp_path / 'a.png').write_bytes(content[:33] + chunk + content[33:])
    code = LabelCode({0: 0, 1: 1})
    np.testing.assert_array_equal(read_truth(tmp_path / 'a.png', code), indices)
    np.testing.assert_array_equal(read_truth(tmp_path / 'a.png', COLORS), indices)


def test_unknown_ids_and_colours_are_named(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / 'a.png'), np.array([[0, 7, 9]], np.uint8))
    with pytest.raises(DatasetError, match=r'a\.png: class ids \[7, 9\] .* has 0\.\.2, 5, 255'):
        read_truth(tmp_path / 'a.png', LabelCode({0: 0, 1: 1, 2: 2, 5: 3, 255: 255}))
    with pytest.raises(DatasetError, match=r'\[7, 7, 7\], \[9, 9, 9\] are in no class'):
        read_truth(tmp_path / 'a.png', COLORS)
    noise = np.random.default_rng(0).integers(0, 256, (4, 16, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'b.png'), noise)
    with pytest.raises(DatasetError, match='and 56 more are in no class'):
        read_truth(tmp_path / 'b.png', COLORS)


def test_what_is_no_label_image_is_said(tmp_path: Path) -> None:
    code = LabelCode({0: 0})
    with pytest.raises(DatasetError, match=r'gone\.png cannot be read \(No such file'):
        read_truth(tmp_path / 'gone.png', code)
    for content in (b'', b'no picture', palette_png(np.zeros((2, 3), np.uint8), 8, [RED])[:60]):
        (tmp_path / 'torn.png').write_bytes(content)
        with pytest.raises(DatasetError, match=r'torn\.png is not a picture'):
            read_truth(tmp_path / 'torn.png', code)
    cv2.imwrite(str(tmp_path / 'rgb.png'), np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(DatasetError, match=r'got 3; .*`layout: folders` and `labels: colors`'):
        read_truth(tmp_path / 'rgb.png', code)


def test_ids_of_16_bits_are_read_where_8_would_do(tmp_path: Path) -> None:
    path, code = tmp_path / 'a.png', LabelCode({0: 0, 200: 1, 255: 255})
    cv2.imwrite(str(path), np.array([[0, 200, 255]], np.uint16))
    assert read_truth(path, code).tolist() == [[0, 1, 255]]
    cv2.imwrite(str(path), np.array([[0, 200, 65535]], np.uint16))
    with pytest.raises(DatasetError, match='0 to 255, got uint16 from 0 to 65535'):
        read_truth(path, code)


def test_colours_of_16_bits_are_refused(tmp_path: Path) -> None:
    # OpenCV would make them black, which the table has.
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((2, 3, 3), RED[::-1], np.uint16))
    with pytest.raises(DatasetError, match=r'a\.png: expected colours of 8 bits .* got uint16'):
        read_truth(tmp_path / 'a.png', COLORS)


def test_a_label_whose_second_half_is_missing_is_refused(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)
    content = cv2.imencode('.png', pixels)[1].tobytes()
    (tmp_path / 'a.png').write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match=r'a\.png is not a picture .* or is cut off'):
        read_truth(tmp_path / 'a.png', COLORS)


def test_a_whole_jpeg_is_no_label(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / 'a.jpg'), np.zeros((5, 7, 3), np.uint8))
    with pytest.raises(DatasetError, match=r'a\.jpg: a JPEG cannot be a label'):
        read_truth(tmp_path / 'a.jpg', COLORS)
