"""A model that is ready to segment images: loaded, on its backend, warmed up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from espnet_ros.backends import create_backend
from espnet_ros.backends.base import Backend
from espnet_ros.bundle import Bundle
from espnet_ros.core.pipeline import Segmenter


@dataclass(frozen=True)
class OpenModel:
    """A model that is ready.

    :param backend: entered, and warmed up at `size_wh`.
    :param segmenter: turns images of any size into masks.
    :param size_wh: of the network input.
    """

    bundle: Bundle
    backend: Backend
    segmenter: Segmenter
    size_wh: tuple[int, int]


@contextmanager
def open_model(
    model: Bundle | str | os.PathLike[str],
    backend: str = 'auto',
    device: str = 'auto',
    precision: str = 'auto',
    size_wh: tuple[int, int] | None = None,
    mask_size: str = 'image',
) -> Iterator[OpenModel]:
    """Load a model and run it once, so that backend auto has chosen and no image is slow.

    :param model: a shipped name, a folder, or a loaded `Bundle`.
    :param backend: like `device` and `precision`, see `create_backend`.
    :param size_wh: of the network input; None takes the model's own.
    :param mask_size: see `Segmenter`.
    :raises EspnetRosError: if model, backend, device, precision or size is not available.
    """
    bundle = Bundle.load(model) if isinstance(model, (str, os.PathLike)) else model
    size_wh = size_wh or bundle.size_wh
    with create_backend(backend, bundle, device, precision) as entered:
        entered.warm_up(size_wh)
        segmenter = Segmenter(entered, bundle.labels, size_wh, mask_size=mask_size)
        yield OpenModel(bundle, entered, segmenter, size_wh)
