"""The model that the node's parameters name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from espnet_ros.backends.open_model import OpenModel, open_model
from espnet_ros.core.config import NodeConfig

# What diagnostics say in place of `OpenModel.facts` while there is no model.
NO_FACTS = dict.fromkeys(('backend', 'device', 'precision', 'model', 'size_wh'), '')


def load_model(
    config: NodeConfig, on_progress: Callable[[str], None] | None = None
) -> AbstractContextManager[OpenModel]:
    """Return the model, which is loaded on entering; the parameters are those of `open_model`."""
    size_wh = config.input.size_wh
    return open_model(
        config.model,
        config.backend,
        config.device,
        config.precision,
        size_wh if any(size_wh) else None,
        config.mask.size,
        config.mask.min_confidence,
        len(config.camera_names),
        on_progress,
        config.threads,
    )
