"""The file from which a killed run goes on: whole or not there, whatever happens meanwhile."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from espnet_ros.core.errors import CheckpointError
from espnet_ros.network.training.recipe import Recipe

_KEYS = {
    'epoch', 'steps', 'best', 'mean', 'std', 'classes', 'network', 'average', 'soap', 'recipe',
}  # fmt: skip


def write_state(path: Path, recipe: Recipe, state: Mapping[str, Any]) -> None:
    """Replace the file in one step.

    :raises CheckpointError: if it can't be written, e.g. on a full disk; the last one stands.
    """
    content = io.BytesIO()
    torch.save({**state, 'recipe': json.dumps(asdict(recipe))}, content)
    partial = path.with_name(f'{path.name}.partial')
    try:
        with partial.open('wb') as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(
            f'{path} can not be written ({error.strerror}): the one of the epoch before stands; '
            'make room and give the same command again, training goes on from there'
        ) from error


def read_state(
    path: Path, recipe: Recipe, classes: Sequence[str], device: torch.device
) -> dict[str, Any]:
    """Read what `write_state` wrote.

    :param classes: names that it must be of, in this order.
    :raises CheckpointError: if it is no such file, of another recipe or of other classes.
    """
    try:
        state = torch.load(path, weights_only=True, map_location=device)
        missing = sorted(_KEYS - set(state))
    except Exception as error:
        raise CheckpointError(
            f'{path} can not be read ({error}): move it away to start anew'
        ) from error
    if missing:
        raise CheckpointError(f'{path} lacks {", ".join(missing)}: move it away to start anew')
    expected = json.dumps(asdict(recipe))
    if state['recipe'] != expected:
        raise CheckpointError(
            f'{path} is of another recipe: expected {expected}, got {state["recipe"]}; use its '
            'options or another work folder'
        )
    if state['classes'] != list(classes):
        raise CheckpointError(
            f'{path} is of other classes: expected {", ".join(classes)}, got '
            f'{", ".join(state["classes"])}, and the order counts; use another work folder'
        )
    return dict(state)
