"""Where the demo's images come from: the virtual street, pictures, a video, a live camera."""

from __future__ import annotations

import functools
import itertools
import math
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.drawing import resized
from espnet_ros.core.errors import DatasetError
from espnet_ros.core.input_size import check_size_wh
from espnet_ros.core.paths import home_path
from espnet_ros.core.picture_file import pictures_in, read_picture
from espnet_ros.demo.request import DEFAULT_FRAMES, STREET_SIZE_WH, Request
from espnet_ros.evaluation.truth import ClassAt
from espnet_ros.sim import Camera, Street

# Horizontal field of view assumed for a camera about which nothing is known.
_HFOV_DEG = 60.0


@dataclass(frozen=True)
class Shot:
    """One image of a drive.

    :param image: uint8 (H, W, 3) BGR, as it is published.
    :param T_odom_base: float64 (4, 4), None where the source knows no motion.
    :param picture: what to show for it, uint8 (H, W, 3) BGR; None for the image itself.
    :param mask: the true classes, uint8 (H, W); None where the source does not know them.
    :param depth_m: float32 (H, W) along the optical axis, known where the mask is.
    """

    image: npt.NDArray[np.uint8]
    T_odom_base: npt.NDArray[np.float64] | None = None
    picture: npt.NDArray[np.uint8] | None = None
    mask: npt.NDArray[np.uint8] | None = None
    depth_m: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Source:
    """An opened source.

    :param size_wh: of every image it yields.
    :param count: the most images it yields; a video may end earlier.
    :param K: float64 (3, 3) camera matrix.
    :param shots: yields the images; empty for a live camera.
    :param device: path of a live camera, which the camera process reads itself.
    :param mount: where the camera sits on the robot; None where that is not known, and with it
        no costmap.
    :param class_at: what is on the ground at (N, 2) metres in odom, seconds after the first
        image: uint8 (N,). Known where the masks of the shots are.
    """

    name: str
    size_wh: tuple[int, int]
    count: int
    K: npt.NDArray[np.float64]
    shots: Callable[[], Iterator[Shot]] = field(repr=False)
    device: str | None = None
    mount: Camera | None = None
    class_at: ClassAt | None = field(default=None, repr=False)


def open_source(text: str, request: Request) -> Source:
    """Open what `--source` names.

    :param text: ``street``, a folder of pictures, a video file or ``/dev/videoN``.
    :raises DatasetError: if there is no such source, or it lacks images or true masks.
    """
    if request.true_masks and text != 'street':
        raise DatasetError(
            f"only the source 'street' knows true masks, {text!r} does not: leave out "
            '--true-masks or --source'
        )
    if text == 'street':
        return _street(request)
    path = home_path(text)
    if path.is_dir():
        return _pictures(path, request)
    if path.exists() and stat.S_ISCHR(path.stat().st_mode):
        return _live(path, request)
    if path.is_file():
        return _video(path, request)
    raise DatasetError(
        f"no source {text!r}: expected 'street', a folder of pictures, a video file or a camera "
        'such as /dev/video0'
    )


def pinhole(size_wh: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the K of a camera without distortion whose axis meets the image centre."""
    return Camera(hfov_rad=math.radians(_HFOV_DEG)).matrix(size_wh)


def _street(request: Request) -> Source:
    size_wh = request.size_wh or STREET_SIZE_WH
    if request.true_masks:
        # The network must get the masks as they are, so at their own size.
        check_size_wh(size_wh)
    count = request.frames or DEFAULT_FRAMES
    camera = Camera()
    # Built when it is first needed, because it takes a second and a progress bar shows by then.
    street = functools.cache(lambda: Street(seed=request.seed))

    def class_at(xy: npt.NDArray[np.floating], stamp_s: float) -> npt.NDArray[np.uint8]:
        return street().class_at(xy, stamp_s)

    def shots() -> Iterator[Shot]:
        for frame in street().drive(count, request.rate_hz, size_wh, camera):
            image, picture = frame.image_bgr, None
            if request.true_masks:
                image, picture = np.repeat(frame.mask[..., None], 3, axis=2), image
            yield Shot(image, frame.T_odom_base, picture, frame.mask, frame.depth)

    K = camera.matrix(size_wh)
    return Source('street', size_wh, count, K, shots, mount=camera, class_at=class_at)


def _pictures(folder: Path, request: Request) -> Source:
    paths = sorted(pictures_in(folder), key=_natural)
    paths = paths[: request.frames or DEFAULT_FRAMES]
    size_wh = request.size_wh or _size_wh(read_picture(paths[0]))

    def shots() -> Iterator[Shot]:
        for path in paths:
            yield Shot(resized(read_picture(path), size_wh))

    return Source(str(folder), size_wh, len(paths), pinhole(size_wh), shots)


def _video(path: Path, request: Request) -> Source:
    with _capture(str(path), f'{path} is not a video that OpenCV can read') as capture:
        ok, first = capture.read()
        fps = capture.get(cv2.CAP_PROP_FPS) or request.rate_hz
    if not ok:
        raise DatasetError(f'{path} holds no images that OpenCV can decode')
    size_wh = request.size_wh or _size_wh(first)
    count = request.frames or DEFAULT_FRAMES

    def shots() -> Iterator[Shot]:
        with _capture(str(path), f'{path} can no longer be read') as reader:
            # The video plays at its own speed, whatever the demo's rate.
            images = _every(reader, fps / request.rate_hz)
            for image in itertools.islice(images, count):
                yield Shot(resized(image, size_wh))

    return Source(str(path), size_wh, count, pinhole(size_wh), shots)


def _every(reader: Any, step: float) -> Iterator[Any]:
    """Yield each `step`-th image of a video; below 1, some of them several times."""
    place, image = -1, None
    for count in itertools.count():
        while place < int(count * step):
            ok, image = reader.read()
            if not ok:
                return
            place += 1
        yield image


def _live(path: Path, request: Request) -> Source:
    cure = 'check that no other program uses it and that you are in the group video'
    with _capture(str(path), f'camera {path} does not open: {cure}') as capture:
        ok, image = capture.read()
    if not ok:
        raise DatasetError(f'camera {path} gives no image: {cure}')
    size_wh = request.size_wh or _size_wh(image)
    count = request.frames or DEFAULT_FRAMES
    return Source(str(path), size_wh, count, pinhole(size_wh), lambda: iter(()), str(path))


@contextmanager
def _capture(name: str, complaint: str) -> Iterator[Any]:
    """Open a video or a camera, and release it at the end."""
    capture = cv2.VideoCapture(name)
    try:
        if not capture.isOpened():
            raise DatasetError(complaint)
        yield capture
    finally:
        capture.release()


def _size_wh(image: npt.NDArray[np.uint8]) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _natural(path: Path) -> list[Any]:
    """Sort 2.png before 10.png."""
    return [int(t) if t.isdecimal() else t for t in re.split(r'(\d+)', path.name)]
