"""A model that is loaded and warm."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from espnet_ros.backends import create_backend
from espnet_ros.bundle import Bundle
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.labels import Labels
from espnet_ros.core.pipeline import Segmenter


@dataclass(frozen=True)
class LoadedModel:
    """What `load_model` made; `close` frees it.

    :param segmenter: ready for images.
    :param labels: classes of its masks.
    :param facts: what diagnostics say about it.
    """

    segmenter: Segmenter
    labels: Labels
    facts: dict[str, Any]
    _resources: ExitStack

    def close(self) -> None:
        """Free the backend."""
        self._resources.close()


def load_model(config: NodeConfig) -> LoadedModel:
    """Load the model that the config names and run it once, so that the first image is fast.

    :raises EspnetRosError: if the model folder or the backend can't be used.
    """
    bundle = Bundle.load(config.model)
    size_wh = config.input.size_wh if any(config.input.size_wh) else bundle.size_wh
    with ExitStack() as resources:
        backend = resources.enter_context(
            create_backend(config.backend, bundle, config.device, config.precision)
        )
        backend.warm_up(size_wh)
        facts = {
            'backend': backend.name,
            'device': backend.device,
            'precision': backend.precision,
            'model': bundle.name,
            'size_wh': f'{size_wh[0]}x{size_wh[1]}',
        }
        mask = config.mask
        min_confidence = round(255 * mask.min_confidence)
        segmenter = Segmenter(backend, bundle.labels, size_wh, mask.size, min_confidence)
        return LoadedModel(segmenter, bundle.labels, facts, resources.pop_all())
