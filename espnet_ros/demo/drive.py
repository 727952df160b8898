"""A drive on disk: all images rendered before the clock starts, so that nothing competes."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import DatasetError
from espnet_ros.demo.sources import Shot, Source

# The report and the pictures made from it, beside images and masks.
_SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class Plan:
    """What the camera and the consumer process are told, as JSON.

    :param images: file of uint8 (count, H, W, 3) BGR, raw; a live camera is recorded to it.
    :param masks: file of uint8 (n, H, W) class_id that the consumer writes.
    :param poses: T_odom_base, float64 (4, 4) each; empty where the source knows no motion.
    :param K: camera matrix, row by row.
    :param device: of a live camera, else None.
    """

    images: str
    masks: str
    size_wh: tuple[int, int]
    count: int
    rate_hz: float
    K: list[list[float]]
    poses: list[list[list[float]]]
    device: str | None

    def save(self, path: Path) -> None:
        """Write the JSON file that the two processes read."""
        path.write_text(json.dumps(asdict(self)))

    def image_array(self, count: int) -> npt.NDArray[np.uint8]:
        """Map the first images, uint8 (count, H, W, 3) BGR."""
        width, height = self.size_wh
        return np.memmap(self.images, np.uint8, 'r', shape=(count, height, width, 3))

    def mask_array(self, count: int) -> npt.NDArray[np.uint8]:
        """Map the first masks, uint8 (count, H, W) class_id."""
        width, height = self.size_wh
        return np.memmap(self.masks, np.uint8, 'r', shape=(count, height, width))


def prepare(
    source: Source,
    rate_hz: float,
    folder: Path,
    progress: Callable[[Iterable[Shot], int], Iterable[Shot]],
) -> Plan:
    """Write all images of a source into a folder.

    :param progress: wraps the images and their number, e.g. in a progress bar.
    :raises DatasetError: if the disk is too small.
    """
    width, height = source.size_wh
    needed = source.count * width * height * 4 + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DatasetError(_too_small(folder, needed, free))
    images, poses, count = folder / 'images.raw', [], 0
    try:
        # Written, not mapped: a full disk is an error here, but kills a process that maps.
        with images.open('wb') as file:
            for shot in progress(source.shots(), 0 if source.device else source.count):
                file.write(np.ascontiguousarray(shot.image).data)
                count += 1
                if shot.T_odom_base is not None:
                    poses.append(np.asarray(shot.T_odom_base, float).tolist())
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DatasetError(_too_small(folder, needed, 0)) from error
    return Plan(
        images=str(images),
        masks=str(folder / 'masks.raw'),
        size_wh=source.size_wh,
        count=source.count if source.device else count,
        rate_hz=rate_hz,
        K=np.asarray(source.K, float).tolist(),
        poses=poses,
        device=source.device,
    )


def _too_small(folder: Path, needed: int, free: int) -> str:
    return (
        f'not enough disk: {needed / 1e6:.0f} MB needed in {folder.parent}, {free / 1e6:.0f} MB '
        'free; set TMPDIR to a larger disk, or lower --frames or --size'
    )
