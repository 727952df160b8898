"""A model that is ready to segment images: loaded, on its backend, warmed up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from espnet_ros.backends import create_backend
from espnet_ros.backends.base import MAX_SHAPES, Backend
from espnet_ros.bundle import Bundle
from espnet_ros.core.pipeline import Segmenter


@dataclass(frozen=True)
class OpenModel:
    """A model that is ready.

    :param backend: entered, and warmed up at `size_wh`.
    :param segmenter: turns images of any size into masks.
    :param size_wh: of the network input.
    :param cameras: how many cameras the images come from.
    """

    bundle: Bundle
    backend: Backend
    segmenter: Segmenter
    size_wh: tuple[int, int]
    cameras: int

    @property
    def facts(self) -> dict[str, str]:
        """Return the facts of reports as text; backend auto may have moved on meanwhile."""
        width, height = self.size_wh
        return {
            'backend': self.backend.name,
            'device': self.backend.device,
            'precision': self.backend.precision,
            'model': self.bundle.name,
            'size_wh': f'{width}x{height}',
        }

    @property
    def images_at_once(self) -> int:
        """Return how many waiting images go into one batch; backend auto may have moved on."""
        # With more, the buffers of different batch sizes would keep replacing each other.
        return min(self.cameras, MAX_SHAPES) if self.backend.gains_by_batches else 1


@contextmanager
def open_model(
    model: Bundle | str | os.PathLike[str],
    backend: str = 'auto',
    device: str = 'auto',
    precision: str = 'auto',
    size_wh: tuple[int, int] | None = None,
    mask_size: str = 'image',
    min_confidence: float = 0.0,
    cameras: int = 1,
    on_progress: Callable[[str], None] | None = None,
    threads: int = 0,
) -> Iterator[OpenModel]:
    """Load a model and run it, so that backend auto has chosen and no image is slow.

    :param model: a shipped name, a folder, or a loaded `Bundle`.
    :param backend: like `device` and `precision`, see `create_backend`.
    :param size_wh: of the network input; None takes the model's own.
    :param mask_size: like `min_confidence`, see `Segmenter`.
    :param cameras: how many cameras the images come from; where batches pay, the model is warm
        for up to one image of each.
    :param on_progress: called with a sentence, from any thread, if loading takes long.
    :param threads: how many compute on the processor; 0 is one for each processor.
    :raises EspnetRosError: if model, backend, device, precision or size is not available.
    """
    bundle = Bundle.load(model) if isinstance(model, (str, os.PathLike)) else model
    size_wh = size_wh or bundle.size_wh
    created = create_backend(backend, bundle, device, precision)
    created.on_progress, created.threads = on_progress, threads
    with created:
        segmenter = Segmenter(created, bundle.labels, size_wh, mask_size, min_confidence)
        opened = OpenModel(bundle, created, segmenter, size_wh, cameras)
        # The largest batch first: TensorRT builds an engine for it that takes smaller ones, too.
        for batch in range(opened.images_at_once, 0, -1):
            # Backend auto may have moved on to the CPU.
            if batch <= opened.images_at_once:
                created.warm_up(size_wh, batch)
        yield opened
