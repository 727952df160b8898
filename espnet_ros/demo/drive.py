"""A drive on disk: all images rendered before the clock starts, so that nothing competes."""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import DatasetError
from espnet_ros.demo.sources import Shot, Source

# The report and the pictures made from it, beside images and masks.
_SPARE_BYTES = 64 << 20
# Costmaps at 5 Hz, a few grids of 200x200 cells each.
_GRID_BYTES_PER_S = 2 << 20


@dataclass(frozen=True)
class Plan:
    """What the camera and the consumer process are told, as JSON.

    :param images: file of uint8 (count, H, W, 3) BGR, raw; a live camera is recorded to it.
    :param masks: file of uint8 (n, H, W) class_id that the consumer writes.
    :param poses: T_odom_base, float64 (4, 4) each; empty where the source knows no motion.
    :param K: camera matrix, row by row.
    :param device: of a live camera, else None.
    :param pictures: file of what to show for the images, raw like them; mostly the same file.
    :param truth: file of the true masks and depths, see `truth_type`; '' where none are known.
    :param grids: file of occupancy grids, int8, that the consumer writes.
    :param grid_topics: of the occupancy grids to write, below the node's name.
    """

    images: str
    masks: str
    size_wh: tuple[int, int]
    count: int
    rate_hz: float
    K: list[list[float]]
    poses: list[list[list[float]]]
    device: str | None
    pictures: str
    truth: str = ''
    grids: str = ''
    grid_topics: tuple[str, ...] = ()

    def save(self, path: Path) -> None:
        """Write the JSON file that the two processes read."""
        path.write_text(json.dumps(asdict(self)))

    def picture_array(self, count: int) -> npt.NDArray[np.uint8]:
        """Map what to show for the first images, uint8 (count, H, W, 3) BGR."""
        width, height = self.size_wh
        return np.memmap(self.pictures, np.uint8, 'r', shape=(count, height, width, 3))

    def mask_array(self, count: int) -> npt.NDArray[np.uint8]:
        """Map the first masks, uint8 (count, H, W) class_id."""
        width, height = self.size_wh
        return np.memmap(self.masks, np.uint8, 'r', shape=(count, height, width))

    def truth_array(self) -> npt.NDArray[np.void]:
        """Map the truth about all images, (count,) of `truth_type`."""
        return np.memmap(self.truth, truth_type(self.size_wh), 'r', shape=(self.count,))


def truth_type(size_wh: tuple[int, int]) -> np.dtype[np.void]:
    """Return how the truth about an image is kept: ``mask`` and ``depth_m``, each (H, W)."""
    shape = (size_wh[1], size_wh[0])
    # Half precision is 4 mm at 8 m, and half the disk.
    return np.dtype([('mask', np.uint8, shape), ('depth_m', np.float16, shape)])


def prepare(
    source: Source,
    rate_hz: float,
    folder: Path,
    progress: Callable[[Iterable[Shot], int], Iterable[Shot]],
    grid_topics: Sequence[str] = (),
) -> Plan:
    """Write all images of a source into a folder, with the truth about them where it is known.

    :param progress: wraps the images and their number, e.g. in a progress bar.
    :param grid_topics: of the occupancy grids that the consumer shall write.
    :raises DatasetError: if the disk is too small.
    """
    needed = _needed_bytes(source, rate_hz)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DatasetError(_too_small(folder, needed, free))
    poses, count = [], 0
    try:
        # Written, not mapped: a full disk is an error here, but kills a process that maps.
        with _Files(folder) as files:
            for shot in progress(source.shots(), 0 if source.device else source.count):
                files.write(shot)
                count += 1
                if shot.T_odom_base is not None:
                    poses.append(np.asarray(shot.T_odom_base, float).tolist())
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DatasetError(_too_small(folder, needed, 0)) from error
    return Plan(
        images=str(folder / 'images.raw'),
        masks=str(folder / 'masks.raw'),
        size_wh=source.size_wh,
        count=source.count if source.device else count,
        rate_hz=rate_hz,
        K=np.asarray(source.K, float).tolist(),
        poses=poses,
        device=source.device,
        pictures=files.path_of('pictures', 'images'),
        truth=files.path_of('truth', ''),
        grids=str(folder / 'grids.raw'),
        grid_topics=tuple(grid_topics),
    )


class _Files(contextlib.ExitStack):
    """The raw files of a drive; only those that the source has data for are made."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        # The camera process expects this file even if a live camera is recorded to it.
        self._file('images')

    def __enter__(self) -> _Files:
        return self

    def write(self, shot: Shot) -> None:
        """Append one image and all that is known about it."""
        self._append('images', shot.image)
        if shot.picture is not None:
            self._append('pictures', shot.picture)
        if shot.mask is not None and shot.depth_m is not None:
            self._append('truth', shot.mask)
            self._append('truth', shot.depth_m.astype(np.float16))

    def path_of(self, name: str, otherwise: str) -> str:
        """Return the path of a file, or of another one if nothing was written to it."""
        name = name if name in self._files else otherwise
        return str(self._path(name)) if name else ''

    def _append(self, name: str, array: npt.NDArray[Any]) -> None:
        self._file(name).write(np.ascontiguousarray(array).data)

    def _file(self, name: str) -> BinaryIO:
        if name not in self._files:
            self._files[name] = self.enter_context(self._path(name).open('wb'))
        return self._files[name]

    def _path(self, name: str) -> Path:
        return self._folder / f'{name}.raw'


def _needed_bytes(source: Source, rate_hz: float) -> int:
    width, height = source.size_wh
    # Image and mask; picture, true mask and depth.
    each = 4 + (6 if source.class_at else 0)
    grids = source.count / rate_hz * _GRID_BYTES_PER_S if source.mount else 0
    return source.count * width * height * each + int(grids) + _SPARE_BYTES


def _too_small(folder: Path, needed: int, free: int) -> str:
    return (
        f'not enough disk: {needed / 1e6:.0f} MB needed in {folder.parent}, {free / 1e6:.0f} MB '
        'free; set TMPDIR to a larger disk, or lower --frames or --size'
    )
