"""Reads and writes picture files: a picture is read completely, or an error says why not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.jpeg import is_cut_off
from espnet_ros.core.paths import write_file

ENDINGS = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff', '.ppm')
UNTURNED = (
    'which is ignored here, as on the robot: if pictures lie on their side, turn their '
    'pixels, e.g. with `mogrify -auto-orient`, and label these'
)
# Two versions of a picture with at least this many pixels a side are not equal by chance.
_TELLING_PX = 16


def pictures_in(folder: Path) -> list[Path]:
    """Return the files of a folder that are pictures by name or by content, sorted.

    :raises DatasetError: if it can't be read, or holds none.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise DatasetError(f'{folder} cannot be read ({error.strerror})') from error
    # By name, too, so that reading a damaged picture fails instead of leaving it out silently.
    paths = [path for path in (folder / name for name in names) if path.is_file()]
    paths = [p for p in paths if p.suffix.lower() in ENDINGS or _begins_as_picture(p)]
    if not paths:
        raise DatasetError(f'no pictures in {folder}: expected files of {", ".join(ENDINGS)}')
    return paths


def _begins_as_picture(path: Path) -> bool:
    try:
        with path.open('rb') as file:
            # Not by its own name: OpenCV 5 ends the process if that is not UTF-8.
            return bool(cv2.haveImageReader(f'/proc/self/fd/{file.fileno()}'))
    except OSError:
        return False


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """Read a picture as uint8 (H, W, 3) BGR, as it is stored, see `decode`.

    :raises DatasetError: if it can't be read, OpenCV does not decode it, or its end is missing.
    """
    return np.asarray(decode(content_of(path), path), np.uint8)


def content_of(path: Path) -> bytes:
    """Return the content of a file.

    :raises DatasetError: if it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f'{path} cannot be read ({error.strerror})') from error


def decode(content: bytes, path: Path, flags: int = cv2.IMREAD_COLOR) -> npt.NDArray[Any]:
    """Return the pixels of a picture's content, see `pixels_of`.

    :param path: whose content it is, for messages.
    :raises DatasetError: if OpenCV does not decode it, or its end is missing.
    """
    pixels = pixels_of(content, flags)
    if pixels is not None:
        return pixels
    if is_cut_off(content):
        raise DatasetError(
            f'the end of {path} is missing, as after an interrupted copy or a full disk: copy or '
            'save it again, or remove it'
        )
    raise DatasetError(
        f'{path} is not a picture that OpenCV reads, or is cut off: remove or convert it'
    )


def pixels_of(content: bytes, flags: int) -> npt.NDArray[Any] | None:
    """Return the pixels of a picture's content, of the type and shape OpenCV gives for the flags.

    An EXIF orientation is ignored, see `is_turned`: the camera matrix is for the pixels as
    stored, and OpenCV ignores it for class ids.

    :return: None if OpenCV does not decode it, or its end is missing.
    """
    # JPEG is the only format whose missing part OpenCV fills.
    if not content or is_cut_off(content):
        return None
    try:
        pixels: npt.NDArray[Any] | None = _imdecode(content, flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        # E.g. a header that claims more pixels than OpenCV accepts.
        return None
    return pixels


def is_turned(path: Path) -> bool:
    """Return whether viewers turn or mirror a picture, as its EXIF orientation asks.

    :param path: of a picture that `read_picture` reads.
    """
    content = path.read_bytes()
    # OpenCV does not report tags; a file without EXIF need not be decoded.
    if b'exif' not in content.lower():
        return False
    # Decoding at an eighth of the size is fast, and enough unless that is only a few pixels.
    for flags in (cv2.IMREAD_REDUCED_COLOR_8, cv2.IMREAD_COLOR):
        try:
            stored = _imdecode(content, flags | cv2.IMREAD_IGNORE_ORIENTATION)
            shown = _imdecode(content, flags)
        except cv2.error:
            # A picture of less than 8 pixels a side has no eighth.
            continue
        if not np.array_equal(shown, stored):
            return True
        if min(stored.shape[:2]) >= _TELLING_PX:
            return False
    return False


def turned_note(turned: Sequence[Path], count: int, what: str) -> str:
    """Return a note about pictures that viewers turn, or '' if there are none.

    :param turned: those of `count` pictures for which `is_turned` is true.
    :param what: what they are called, e.g. ``pictures``.
    """
    if not turned:
        return ''
    return (
        f'{len(turned)} of {count} {what} have an EXIF orientation, e.g. {turned[0]}, {UNTURNED}'
    )


def _imdecode(content: bytes, flags: int) -> Any:
    return cv2.imdecode(np.frombuffer(content, np.uint8), flags)


def write_picture(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    """Write a PNG.

    :param picture: uint8 (H, W, 3) BGR, or (H, W) gray.
    :raises OSError: if the file can't be written.
    """
    ok, data = cv2.imencode('.png', picture)
    assert ok
    # cv2.imwrite reports that it failed, but not why.
    write_file(path, data.tobytes())
