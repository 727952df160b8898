"""Labelled images that a verb is given."""

from __future__ import annotations

import sys
from typing import Any


def load_told(spec: str, split: str) -> Any:
    """Return a dataset, as `load_dataset` does, and print its note for the user to stderr."""
    from espnet_ros.network.training.datasets import load_dataset

    dataset = load_dataset(spec, split)
    if dataset.note:
        print(dataset.note, file=sys.stderr)
    return dataset
