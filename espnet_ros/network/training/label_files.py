"""Reading label images: class ids, palette indices and colours become class_id."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import DatasetError
from espnet_ros.core.jpeg import is_jpeg
from espnet_ros.core.picture_file import content_of, decode

_PNG = b'\x89PNG\r\n\x1a\n'
_GRAY, _PALETTE = 0, 3
_SHOWN = 8


@dataclass(frozen=True)
class LabelCode:
    """What the pixels of label images mean.

    :param meaning: pixel value -> class_id or UNLABELED; a colour is r << 16 | g << 8 | b.
    :param colored: whether the pixels are colours; if not, they are ids.
    """

    meaning: Mapping[int, int]
    colored: bool = False


def pack_rgb(color: tuple[int, ...]) -> int:
    """Return r << 16 | g << 8 | b."""
    red, green, blue = color
    return red << 16 | green << 8 | blue


def read_truth(path: Path, code: LabelCode) -> UInt8Array:
    """Read a label image as class_id, uint8 (H, W), UNLABELED where void.

    :raises DatasetError: if it is missing, cut off or not a label image, or holds values that the
        code does not name.
    """
    values = _colors(path) if code.colored else _ids(path)
    found = np.unique(values)
    wrong = [int(v) for v in found if int(v) not in code.meaning]
    if wrong:
        raise DatasetError(f'{path}: {_unknown(wrong, code)}')
    ids = np.array([code.meaning[int(v)] for v in found], np.uint8)
    return np.asarray(ids[np.searchsorted(found, values)], np.uint8)


def _ids(path: Path) -> UInt8Array:
    ids = _decode(path, cv2.IMREAD_UNCHANGED)
    if ids.ndim != 2:
        raise DatasetError(
            f'{path}: expected one channel of class ids, got {ids.shape[2]}; coloured label '
            'images need a data.yaml with `layout: folders` and `labels: colors`'
        )
    # Some tools always write 16 bits; only the values must fit.
    if not np.issubdtype(ids.dtype, np.integer) or ids.min() < 0 or ids.max() > 255:
        raise DatasetError(
            f'{path}: expected class ids of 0 to 255, got {ids.dtype} from {ids.min()} to '
            f'{ids.max()}: save the label with 8 bits and void as 255'
        )
    return ids.astype(np.uint8)


def _colors(path: Path) -> npt.NDArray[np.int32]:
    # If OpenCV reduced 16 bits to 8, colours of 0..255 would all become black.
    pixels = _decode(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if pixels.dtype != np.uint8:
        raise DatasetError(
            f'{path}: expected colours of 8 bits a channel, got {pixels.dtype}: save it with those'
        )
    bgr = pixels.astype(np.int32)
    return np.asarray(bgr[..., 2] << 16 | bgr[..., 1] << 8 | bgr[..., 0], np.int32)


def _decode(path: Path, flags: int) -> UInt8Array:
    content = content_of(path)
    kind, depth = _png_kind(content) if flags == cv2.IMREAD_UNCHANGED else (None, 8)
    if kind == _PALETTE:
        content = _without_palette(content)
    pixels = decode(content, path, flags)
    if is_jpeg(content):
        raise DatasetError(
            f'{path}: a JPEG cannot be a label, because its compression changes ids and colours: '
            'save the label as PNG'
        )
    # OpenCV stretches gray of fewer than 8 bits to 0..255.
    few = kind in (_GRAY, _PALETTE) and depth < 8
    return np.asarray(pixels // (255 // (2**depth - 1)) if few else pixels)


def _png_kind(content: bytes) -> tuple[int | None, int]:
    """Return colour type and bits per channel of a PNG; the type is None for anything else."""
    if not content.startswith(_PNG) or len(content) <= 25:
        return None, 8
    return content[25], content[24]


def _without_palette(content: bytes) -> bytes:
    """Turn a palette PNG into a gray PNG of its indices; OpenCV reads only the colours."""
    parts, at = [_PNG], len(_PNG)
    while at + 8 <= len(content):
        (length,) = struct.unpack_from('>I', content, at)
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        at += length + 12
        if kind == b'IHDR':
            data = data[:9] + b'\0' + data[10:]
        if kind in (b'IHDR', b'IDAT', b'IEND'):
            crc = zlib.crc32(kind + data)
            parts.append(struct.pack('>I', len(data)) + kind + data + struct.pack('>I', crc))
    return b''.join(parts)


def _unknown(wrong: list[int], code: LabelCode) -> str:
    if code.colored:
        shown = [[v >> 16, v >> 8 & 255, v & 255] for v in wrong[:_SHOWN]]
        more = f' and {len(wrong) - _SHOWN} more' if len(wrong) > _SHOWN else ''
        return (
            f'colours (RGB) {str(shown)[1:-1]}{more} are in no class of the table nor in `void`; '
            'label images must be saved without loss and without smoothing'
        )
    return f'class ids {wrong} are not in the class table, which has {_ranges(code.meaning)}'


def _ranges(values: Mapping[int, int]) -> str:
    """Return e.g. ``0..11, 255``."""
    texts: list[str] = []
    start = previous = -2
    for value in [*sorted(values), -2]:
        if value != previous + 1:
            if previous >= 0:
                texts.append(str(start) if start == previous else f'{start}..{previous}')
            start = value
        previous = value
    return ', '.join(texts)
