"""The demo's pictures: a contact sheet and a video of what the node answered."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.labels import Labels
from espnet_ros.core.picture_file import write_picture
from espnet_ros.core.visualize import classes_in, contact_sheet, video_picture

_SHEET_ROWS = 4


@dataclass(frozen=True)
class Answer:
    """One published image and what came back.

    :param image: uint8 (H, W, 3) BGR.
    :param mask: uint8 (H, W) class_id, None if it was lost.
    :param latency_ms: image stamp to mask received, None if it was lost.
    """

    image: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.uint8] | None
    latency_ms: float | None


def write_contact_sheet(path: Path, answers: Sequence[Answer], labels: Labels, title: str) -> None:
    """Write a PNG with a few answered images spread over the drive."""
    answered = [(a.image, a.mask) for a in answers if a.mask is not None]
    picks = np.unique(np.linspace(0, len(answered) - 1, _SHEET_ROWS).round().astype(int))
    images, masks = zip(*(answered[i] for i in picks), strict=True)
    write_picture(path, contact_sheet(images, masks, labels, title))


def overlay_pictures(
    answers: Sequence[Answer],
    labels: Labels,
    caption: str,
    progress: Callable[[Iterable[Answer], int], Iterable[Answer]],
) -> Iterator[npt.NDArray[np.uint8]]:
    """Draw each image beside its overlay, uint8 BGR.

    :param progress: wraps the answers and their number, e.g. in a progress bar.
    """
    class_ids = classes_in([a.mask for a in answers if a.mask is not None], labels)
    for answer in progress(answers, len(answers)):
        took = 'lost' if answer.latency_ms is None else f'{answer.latency_ms:.0f} ms'
        text = f'{caption}   image to mask: {took}'
        yield video_picture(answer.image, answer.mask, labels, class_ids, text)


def write_video(
    path: Path, pictures: Iterable[npt.NDArray[np.uint8]], rate_hz: float
) -> None:
    """Write an H.264 video that browsers and slides play.

    :param pictures: uint8 BGR with even sides, all of one size.
    """
    try:
        with av.open(str(path), 'w', options={'movflags': 'faststart'}) as container:
            stream: Any = None
            for picture in pictures:
                stream = stream or _stream(container, picture, rate_hz)
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format='bgr24')
                container.mux(stream.encode(frame))
            if stream is not None:
                container.mux(stream.encode())
    except av.error.FFmpegError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise EspnetRosError(
            f'not enough disk for {path}: free some, or name another --output'
        ) from error


def _stream(container: Any, picture: npt.NDArray[np.uint8], rate_hz: float) -> Any:
    rate = Fraction(rate_hz).limit_denominator(1000)
    stream = container.add_stream('h264', rate=rate)
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = 'yuv420p'
    stream.options = {'crf': '20', 'preset': 'veryfast'}
    return stream
