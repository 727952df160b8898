"""The images to measure on: the user's pictures, or the virtual street."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.drawing import resized
from espnet_ros.core.errors import DatasetError
from espnet_ros.core.picture_file import pictures_in, read_picture
from espnet_ros.sim import Street

STREET_IMAGES = 8
STREET_SIZE_WH = (1280, 720)
# Rendering time grows with the number of pixels, so wider images are scaled up.
_STREET_WIDTH = 1024


@dataclass(frozen=True)
class Images:
    """Named images, read or drawn when they are needed.

    :param source: a description of them, for people.
    :param size_wh: all are brought to this size; None leaves pictures as they are.
    """

    source: str
    names: tuple[str, ...]
    size_wh: tuple[int, int] | None
    paths: tuple[Path, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[UInt8Array]:
        """Yield the images, uint8 (H, W, 3) BGR.

        :raises DatasetError: if OpenCV can't read one, or its end is missing.
        """
        if not self.paths:
            yield from _street(len(self), self.size_wh or STREET_SIZE_WH)
            return
        for path in self.paths:
            image = read_picture(path)
            yield image if self.size_wh is None else resized(image, self.size_wh)


def find_images(
    folder: Path | None, size_wh: tuple[int, int] | None, limit: int | None = None
) -> Images:
    """Return the pictures of a folder, or views of the virtual street.

    :param folder: None for the street.
    :param size_wh: what to bring them to; None for the pictures' own size.
    :param limit: at most this many pictures, spread evenly over the folder.
    :raises DatasetError: if there is no such folder or it has no pictures.
    """
    if folder is None:
        names = tuple(f'street_{i}' for i in range(STREET_IMAGES))
        return Images('virtual street', names, size_wh or STREET_SIZE_WH)
    if not folder.is_dir():
        raise DatasetError(f'no folder {folder}: expected a folder of pictures')
    paths = pictures_in(folder)
    if limit and len(paths) > limit:
        paths = [paths[i] for i in np.linspace(0, len(paths) - 1, limit).round().astype(int)]
    return Images(str(folder), tuple(p.name for p in paths), size_wh, tuple(paths))


def save_images(images: Images, folder: Path, encoding: str) -> None:
    """Write the images as a camera sends them, for `load_images` in another process.

    :param encoding: ``raw`` or ``jpeg`` (quality 90).
    """
    for index, image in enumerate(images):
        name = folder / f'{index:03d}'
        if encoding == 'raw':
            np.save(name.with_suffix('.npy'), image)
            continue
        ok, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 90])
        assert ok
        name.with_suffix('.jpg').write_bytes(data.tobytes())


def load_images(folder: Path) -> list[UInt8Array]:
    """Return what `save_images` wrote, in memory, for `decode`."""
    return [
        np.load(p) if p.suffix == '.npy' else np.frombuffer(p.read_bytes(), np.uint8)
        for p in sorted(folder.iterdir())
    ]


def decode(data: UInt8Array) -> UInt8Array:
    """Return the image that a camera sent, uint8 (H, W, 3) BGR; a raw one is not copied."""
    if data.ndim == 3:
        return data
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _street(count: int, size_wh: tuple[int, int]) -> Iterator[UInt8Array]:
    street = Street(seed=1)
    scale = min(1.0, _STREET_WIDTH / size_wh[0])
    drawn_wh = (max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale)))
    for index in range(count):
        distance_m = street.length_m * (index + 0.5) / count
        yield resized(street.render(distance_m, drawn_wh).image_bgr, size_wh)
