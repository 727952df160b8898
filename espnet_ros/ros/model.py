"""A model that is loaded and warm."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from espnet_ros.backends import create_backend
from espnet_ros.backends.base import MAX_SHAPES, Backend
from espnet_ros.bundle import Bundle
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.labels import Labels
from espnet_ros.core.pipeline import Segmenter


@dataclass(frozen=True)
class _Facts:
    """What diagnostics say about a model, as text."""

    backend: str = ''
    device: str = ''
    precision: str = ''
    model: str = ''
    size_wh: str = ''


# Reported while there is no model.
NO_FACTS: dict[str, str] = asdict(_Facts())


@dataclass(frozen=True)
class LoadedModel:
    """What `load_model` made; `close` frees it.

    :param segmenter: ready for images.
    :param labels: classes of its masks.
    """

    segmenter: Segmenter
    labels: Labels
    _backend: Backend
    _size_wh: tuple[int, int]
    _cameras: int
    _resources: ExitStack

    @property
    def facts(self) -> dict[str, str]:
        """Return what diagnostics say about it; backend auto may have moved on meanwhile."""
        backend = self._backend
        facts = _Facts(
            backend=backend.name,
            device=backend.device,
            precision=backend.precision,
            model=backend.bundle.name,
            size_wh=f'{self._size_wh[0]}x{self._size_wh[1]}',
        )
        return asdict(facts)

    @property
    def images_at_once(self) -> int:
        """Return how many waiting images go into one batch; backend auto may have moved on."""
        return _largest_batch(self._backend, self._cameras)

    def close(self) -> None:
        """Free the backend."""
        self._resources.close()


def load_model(
    config: NodeConfig, on_progress: Callable[[str], None] | None = None
) -> LoadedModel:
    """Load the model that the config names and run it, so that the first image is fast.

    :param on_progress: called with a sentence, from any thread, if loading takes long.
    :raises EspnetRosError: if the model folder or the backend can't be used.
    """
    bundle = Bundle.load(config.model)
    size_wh = config.input.size_wh if any(config.input.size_wh) else bundle.size_wh
    with ExitStack() as resources:
        backend = create_backend(config.backend, bundle, config.device, config.precision)
        backend.on_progress = on_progress
        resources.enter_context(backend)
        cameras = len(config.camera_names)
        _warm_up(backend, size_wh, cameras)
        mask = config.mask
        min_confidence = round(255 * mask.min_confidence)
        segmenter = Segmenter(backend, bundle.labels, size_wh, mask.size, min_confidence)
        return LoadedModel(
            segmenter, bundle.labels, backend, size_wh, cameras, resources.pop_all()
        )


def _largest_batch(backend: Backend, cameras: int) -> int:
    # With more, the buffers of different batch sizes would keep replacing each other.
    return min(cameras, MAX_SHAPES) if backend.gains_by_batches else 1


def _warm_up(backend: Backend, size_wh: tuple[int, int], cameras: int) -> None:
    # The largest batch first: TensorRT builds an engine for it that takes the smaller ones, too.
    for batch in range(_largest_batch(backend, cameras), 0, -1):
        # Backend auto may have moved on to the CPU.
        if batch <= _largest_batch(backend, cameras):
            backend.warm_up(size_wh, batch)
