"""What is fitted after training, on pixels of labelled images: temperature and class biases."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.class_bias import ClassBias, ScoredPixels, fit_class_bias
from espnet_ros.core.confidence import calibration_error, fit_temperature
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import UNLABELED, Labels
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.core.model_description import ModelDescription
from espnet_ros.core.resize import image_at, mask_at
from espnet_ros.network.espnet import ESPNet
from espnet_ros.network.training.datasets import Dataset, Sample
from espnet_ros.network.training.normalization import Normalise
from espnet_ros.network.training.whole_image import logits_of
from espnet_ros.progress import bar

# Enough pixels to fit one number, and few enough to hold the logits of all.
PIXELS = 200_000
# More, because the rarest classes have one pixel in a hundred, and biases move their borders.
BIAS_PIXELS = 500_000


@dataclass(frozen=True)
class Calibration:
    """The result of a calibration.

    :param temperature: confidence should be the maximum of softmax(logits / temperature).
    :param ece_before: expected calibration error at temperature 1, 0..1.
    :param ece_after: the same at `temperature`.
    :param miou: class mIoU on the whole samples, at the size of the network input, void ignored;
        it does not depend on the temperature.
    """

    temperature: float
    ece_before: float
    ece_after: float
    miou: float

    @property
    def metrics(self) -> dict[str, float]:
        """Return the metrics for `model.yaml`."""
        return {
            'val_miou_void_ignored': round(self.miou, 4), 'val_ece': round(self.ece_after, 4),
        }  # fmt: skip

    def __str__(self) -> str:
        return (
            f'confidence calibrated: temperature {self.temperature}, expected calibration error '
            f'{self.ece_before:.4f} -> {self.ece_after:.4f}'
        )


def in_classes_of(labels: Labels, dataset: Dataset) -> list[Sample]:
    """Return the samples with the truth in a model's class ids.

    :raises DatasetError: listing the classes of the dataset that the model lacks.
    """
    labels.check_knows(dataset.labels)
    lut = dataset.labels.lut_to(labels)
    return [dataclasses.replace(sample, truth=lut[sample.truth]) for sample in dataset.samples]


def calibrate(
    network: nn.Module, samples: Sequence[Sample], description: ModelDescription
) -> Calibration:
    """Fit the temperature on random labelled pixels of the samples; measure class mIoU on all.

    :param network: on the CPU, in evaluation mode.
    :param description: its size, to which the samples are resized, and normalisation.
    :raises DatasetError: if no pixel of the samples has a class.
    """
    pixels, miou = _score(network, samples, description, PIXELS)
    temperature = fit_temperature(pixels.logits, pixels.truth)
    before, after = (
        calibration_error(pixels.logits, pixels.truth, t) for t in (1.0, temperature)
    )
    return Calibration(temperature, before, after, miou)


def add_class_bias(
    network: nn.Module, datasets: Sequence[Sequence[Sample]], description: ModelDescription
) -> ClassBias:
    """Fit a network's class biases; they replace those that it has.

    :param network: on the CPU, in evaluation mode; changed in place. If no bias helps on images
        that it was not fitted on, the network has none afterwards.
    :param datasets: each counts the same, whatever its size.
    :param description: as for `calibrate`.
    :raises ParameterError: if the network is an encoder alone.
    :raises DatasetError: if no pixel of a dataset has a class.
    """
    whole = check_takes_bias(network)
    whole.up1.bias = None
    found = fit_class_bias([
        _score(network, samples, description, BIAS_PIXELS)[0] for samples in datasets
    ])
    if found.bias.any():
        whole.up1.bias = nn.Parameter(torch.tensor(found.bias, dtype=torch.float32))
    return found


def check_takes_bias(network: nn.Module) -> ESPNet:
    """Return the network as an `ESPNet`, which can have class biases.

    :raises ParameterError: if it is an encoder alone.
    """
    if not isinstance(network, ESPNet):
        raise ParameterError('class biases need the whole ESPNet, this model is an encoder alone')
    return network


def _score(
    network: nn.Module, samples: Sequence[Sample], description: ModelDescription, pixels: int
) -> tuple[ScoredPixels, float]:
    """Return about `pixels` random labelled pixels, and the class mIoU on all."""
    size_wh = description.size_wh
    normalise = Normalise(
        description.mean, description.std, description.input_scale, dtype=torch.float64
    )
    rng = np.random.default_rng(0)
    share = -(-pixels // len(samples))
    rows, classes = [], []
    matrix = ConfusionMatrix(UNLABELED)  # room for any class_id
    for sample in bar(samples, 'calibrate'):
        logits = _logits(network, normalise, image_at(sample.image, size_wh))
        truth = mask_at(sample.truth, size_wh).ravel()
        matrix.update(logits.argmax(0).flatten().byte().numpy(), truth)
        known = np.flatnonzero(truth != UNLABELED)
        chosen = rng.choice(known, min(share, len(known)), replace=False)
        rows.append(logits.flatten(1)[:, torch.from_numpy(chosen)].T.numpy())
        classes.append(truth[chosen])
    return ScoredPixels(np.concatenate(rows), np.concatenate(classes)), matrix.miou()


@torch.inference_mode()
def _logits(network: nn.Module, normalise: Normalise, image: UInt8Array) -> Tensor:
    """Return the scores of each pixel, float32 (C, H, W).

    :param image: uint8 (H, W, 3) BGR.
    """
    images = torch.from_numpy(np.ascontiguousarray(image[None]))
    # Channels last would round sums differently from the figures of the shipped models.
    return logits_of(network, normalise(images).contiguous())[0]
