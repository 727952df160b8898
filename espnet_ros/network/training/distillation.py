"""Learning from another model's opinion of each pixel, besides the truth.

Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, at temperature 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from espnet_ros.bundle import Bundle
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import DatasetError
from espnet_ros.core.labels import Labels
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.training.datasets import Sample, check_size
from espnet_ros.network.training.description import read_yaml
from espnet_ros.network.training.normalization import Normalise
from espnet_ros.network.training.processes import Processes
from espnet_ros.network.training.whole_image import logits_of
from espnet_ros.progress import counter


class Teacher:
    """A model that gives its opinion and is not trained.

    :param bundle: a model with the same classes, in any order and among others; or, with
        `classes`, with different ones.
    :param labels: the classes that are learned.
    :param classes: learned class -> names of the teacher's classes that make it up, see
        `read_classes`; its remaining classes are ignored.
    :raises DatasetError: naming each class that is missing, has no teacher class or is used twice.
    """

    def __init__(
        self, bundle: Bundle, labels: Labels, device: torch.device,
        classes: Mapping[str, Sequence[str]] | None = None,
    ) -> None:  # fmt: skip
        names = _members(bundle, labels, classes)
        self._members = [[bundle.labels.names.index(name) for name in row] for row in names]
        self._network = load_bundle(bundle).to(device)
        self._device = device
        self._normalise = Normalise(bundle.mean, bundle.std, bundle.input_scale, device)

    def teach(self, samples: Sequence[Sample], processes: Processes) -> list[Sample]:
        """Return the samples with this teacher's opinion; it looks at each sample once.

        :param processes: they share the work.
        :raises DatasetError: if the networks can't take images of this size whole.
        """
        check_size(samples, 'taught')
        # Allocate the results before the network's large temporary tensors: in between, they would
        # fragment the memory, which took 16 times the size of the opinions themselves.
        height, width = samples[0].truth.shape
        share = -(-len(samples) // processes.count)
        shape = (share, height // 2, width // 2, len(self._members))
        places = iter(list(np.empty(shape, np.uint8)))
        with counter(len(samples), 'ask the teacher', processes.first) as asked:

            def ask(sample: Sample) -> UInt8Array:
                asked.update(processes.count)
                place: UInt8Array = next(places)
                place[:] = self.opinion(sample.image)
                return place

            opinions = processes.map(ask, samples)
        return [
            dataclasses.replace(sample, opinion=opinion)
            for sample, opinion in zip(samples, opinions, strict=True)
        ]

    def opinion(self, image: UInt8Array) -> UInt8Array:
        """Return how likely each class is in every 2 x 2 pixels, 0..255, (H / 2, W / 2, C).

        This is the mean over the image and its mirror image, which is right more often.

        :param image: uint8 (H, W, 3) BGR, H and W multiples of 8.
        """
        mirrored = self.probabilities(np.ascontiguousarray(image[None, :, ::-1])).flip(3)
        mean = (self.probabilities(image[None]) + mirrored) / 2
        levels = functional.avg_pool2d(mean, 2)[0].movedim(0, 2) * 255
        return np.asarray(levels.round().to(torch.uint8).cpu().numpy(), np.uint8)

    @torch.no_grad()
    def probabilities(self, images: UInt8Array) -> Tensor:
        """Return how likely each learned class is, float32 (B, C, H, W), summing to 1.

        :param images: uint8 (B, H, W, 3) BGR.
        """
        pixels = self._normalise(torch.from_numpy(images).to(self._device))
        logits = logits_of(self._network, pixels)
        # The probability of a merged class is the sum over its members.
        merged = [logits[:, ids].logsumexp(1) for ids in self._members]
        return torch.stack(merged, 1).softmax(1)


def read_classes(path: Path) -> dict[str, list[str]]:
    """Read which teacher classes make up each learned class, in YAML: ``Road: [road, lane]``.

    :raises DatasetError: if the file can't be read or has another form.
    """
    data = read_yaml(path)
    rows: dict[Any, Any] = data if isinstance(data, dict) else {None: None}
    for name, members in rows.items():
        names = members if isinstance(members, list) else [None]
        if not all(isinstance(value, str) for value in (name, *names)):
            raise DatasetError(
                f'{path}: expected a line for each learned class, e.g. `Road: [road, lane]` '
                f'(true, false, yes, no, null and numbers in quotes), got {name!r}: {members!r}'
            )
    return rows


def _members(
    bundle: Bundle, labels: Labels, classes: Mapping[str, Sequence[str]] | None
) -> list[Sequence[str]]:
    """Return the names of the teacher's classes that make up each learned class."""
    if classes is None:
        missing = [name for name in labels.names if name not in bundle.labels.names]
        if missing:
            raise DatasetError(
                f'the teacher {bundle.name} does not know {", ".join(missing)}: it must have all '
                f'of {", ".join(labels.names)}, or --teacher-classes must say which of its '
                f'classes make up each of them; it has {", ".join(bundle.labels.names)}'
            )
        return [[name] for name in labels.names]
    used = [name for names in classes.values() for name in names]
    problems = [f'{name} is not learned' for name in classes if name not in labels.names]
    problems += [f'{name} has no teacher class' for name in labels.names if not classes.get(name)]
    problems += [f'it has no {name}' for name in used if name not in bundle.labels.names]
    problems += [f'{name} is used twice' for name in sorted(set(used)) if used.count(name) > 1]
    if problems:
        raise DatasetError(
            f'classes of the teacher {bundle.name} refused: {"; ".join(problems)}; the learned '
            f'classes are {", ".join(labels.names)}; it has {", ".join(bundle.labels.names)}'
        )
    return [classes[name] for name in labels.names]


def distillation_loss(logits: Tensor, opinion: Tensor) -> Tensor:
    """Return the mean cross-entropy between a teacher's probabilities and the pupil's logits.

    :param logits: (B, C, H, W), or (B, C, H / 8, W / 8) from an encoder alone.
    :param opinion: 0..255, (B, H / 2, W / 2, C), see `Sample`.
    """
    probabilities = opinion.movedim(3, 1).to(logits.dtype)
    finer = logits.shape[2] // probabilities.shape[2]
    if finer:
        logits = functional.avg_pool2d(logits, finer)
    else:
        coarser = probabilities.shape[2] // logits.shape[2]
        probabilities = functional.avg_pool2d(probabilities, coarser)
    # Rounded and warped, they no longer sum to 1.
    probabilities = probabilities / probabilities.sum(1, keepdim=True).clamp(min=1)
    return -(probabilities * logits.log_softmax(1)).sum(1).mean()
