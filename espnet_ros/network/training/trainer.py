"""The training loop: one epoch at a time; a kill loses no more than the epoch in progress."""

from __future__ import annotations

import copy
import json
import math
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pytorch_optimizer import SOAP
from torch import Tensor, nn

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import CheckpointError, DatasetError, ParameterError
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.network.espnet import ESPNet
from espnet_ros.network.training.arithmetic import Arithmetic
from espnet_ros.network.training.average import WeightAverage
from espnet_ros.network.training.batch_norm import freeze_statistics
from espnet_ros.network.training.curves import Curves
from espnet_ros.network.training.datasets import Sample, check_labelled, check_size
from espnet_ros.network.training.distillation import distillation_loss
from espnet_ros.network.training.failures import lost_readers, too_little_memory
from espnet_ros.network.training.loss import SegmentationLoss
from espnet_ros.network.training.normalization import Normalise
from espnet_ros.network.training.processes import Processes
from espnet_ros.network.training.recipe import Recipe, learning_rate_at
from espnet_ros.network.training.run_folder import RunFolder
from espnet_ros.network.training.start import Lent, fitting_tensors, passing_tensors
from espnet_ros.network.training.training_set import TrainingSet
from espnet_ros.network.training.views import Batch, epoch_batches
from espnet_ros.network.training.whole_image import mask_of
from espnet_ros.progress import bar, counter

DISTILLATION = 1.0


class Trained(NamedTuple):
    """The result of an epoch.

    :param network: averaged, on the CPU in evaluation mode.
    :param mean: per channel, BGR, in 0..255; the network gets (image - mean) / std.
    :param std: per channel, BGR, in 0..255.
    """

    network: nn.Module
    mean: list[float]
    std: list[float]


class Trainer:
    """Train a network from random initialisation, keeping an average of its weights.

    :param train: datasets to learn from; an epoch sees each sample once, or at most
        `recipe.per_epoch` of each dataset, drawn anew, in random order and view.
    :param val: samples for choosing the best epoch.
    :param classes: their names, in the order of their ids.
    :param work: folder of ``last.pt``, ``best.pt`` and ``log.jsonl``; a run found there continues.
    :param device: to train on; None for the CPU.
    :param processes: that train together, each with its own trainer on the same samples.
    :param workers: processes that make the views for this one; 0 for none.
    :param compiled: let TorchInductor compile the network.
    :raises CheckpointError: if the run found there has another recipe or other classes, or can't
        be read.
    :raises DatasetError: if there are too few samples, or none with a labelled pixel.
    :raises ParameterError: if the batch can't be shared.
    """

    def __init__(
        self, train: Sequence[Sequence[Sample]], val: Sequence[Sample], classes: Sequence[str],
        recipe: Recipe, work: Path, device: torch.device | None = None,
        processes: Processes | None = None, workers: int = 0, compiled: bool = False,
    ) -> None:  # fmt: skip
        self.training_set = TrainingSet(train, recipe, len(classes))
        _check_validation(val)
        self.val_samples = val
        self.classes, self.recipe = tuple(classes), recipe
        self.folder = RunFolder(work, recipe, self.classes)
        self.processes, self.workers = processes or Processes(), workers
        self.processes.check_batch(recipe.batch)
        # Gets the numbers of each epoch, if it is set.
        self.curves: Curves | None = None
        self.device = device or torch.device('cpu')
        self.arithmetic = Arithmetic(self.device)
        torch.manual_seed(recipe.seed)
        self._see(self.training_set.mean, self.training_set.std)
        self.network = recipe.network(len(classes)).to(
            self.device, memory_format=self.arithmetic.memory_format
        )  # type: ignore[call-overload]
        self.average = WeightAverage(self.network)
        self.loss = SegmentationLoss(self.training_set.frequencies).to(self.device)
        # Adam in the eigenbasis of each kernel's gradients (Vyas et al.: SOAP, 2024): a step takes
        # about as long as AdamW's here and gains more; docs/recipe.md has the comparison.
        self.optimizer = SOAP(
            self.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.epoch = 0
        # Of the model that the run started from; None if there was none.
        self.licence: str | None = None
        # False for files of earlier versions: then only the command tells the licence.
        self._is_licence_told = True
        # Class mIoU of the best epoch of this run on these validation images.
        self.best = -math.inf
        self._judged_by = _fingerprint(val)
        # The row of the last epoch, which a killed run may have saved but not logged.
        self._row: dict[str, Any] | None = None
        self._encoder_logits: Tensor | None = None
        if isinstance(self.network, ESPNet):
            self.network.encoder.classifier.register_forward_hook(self._keep_encoder_logits)
        if compiled:
            self.arithmetic.compile(self.network)
        state = self.folder.read_last(self.device)
        if state is not None:
            self._resume(state)
        self._shared_network = self.processes.share(self.network)

    def start_from(self, bundle: Bundle) -> Lent:
        """Begin with a model's weights and normalisation; a run that has begun keeps its own.

        It takes the tensors of the same name and shape: all except those of classes that the
        model does not know, only the encoder from an ESPNet-C, only the first modules for a deeper
        network. Modules that the model lacks start as identities, so a deeper network starts with
        the model's output.

        :returns: what is taken; nothing if the run has begun.
        :raises CheckpointError: if nothing fits.
        """
        if self.epoch > 0:
            if not self._is_licence_told:
                self.licence = bundle.licence
            return Lent({}, ())
        own = self.network.state_dict()
        lent = fitting_tensors(own, self.recipe.architecture, self.classes, bundle)
        begin = {**own, **passing_tensors(self.network, lent.tensors), **lent.tensors}
        self.network.load_state_dict(begin)
        self.average.network.load_state_dict(begin)
        # Training uses (x - mean) / std; the model may scale that by its input_scale.
        self._see(list(bundle.mean), [float(v) / bundle.input_scale for v in bundle.std])
        self.licence = bundle.licence
        return lent

    def run(self, epochs: int, validate_every: int) -> None:
        """Train until `epochs` are done, saving after each one; then close the curves.

        If all are done already and none was validated on these images, validate the last one.

        :raises ParameterError: if the loss becomes NaN or infinite; the last good epoch is saved.
        """
        self.folder.path.mkdir(parents=True, exist_ok=True)
        if self._row is not None:
            self._catch_up(self._row, epochs)
        while self.epoch < epochs:
            row: dict[str, Any] = {'epoch': self.epoch + 1, **self._train_epoch(epochs)}
            self._check_finite('loss', row['loss'])
            self.epoch += 1
            if self.epoch % validate_every == 0 or self.epoch == epochs:
                matrix = self.evaluate(self.val_samples)
                row['val_miou'] = round(matrix.miou(), 4)
                # JSON has no NaN, the IoU of a class that is not in the truth.
                row['val_iou'] = [
                    None if math.isnan(v) else round(float(v), 3) for v in matrix.iou()
                ]
                self._keep_best(matrix, row)
            self._save(self.folder.last, row)
            if self.processes.first:
                self._tell(row)
        if self.curves is not None:
            self.curves.close()

    def _catch_up(self, row: dict[str, Any], epochs: int) -> None:
        """Log or validate the epoch found here if a kill or other validation images require it."""
        first = self.processes.first
        if first and not self.folder.is_logged(row):
            self._tell(row)
        if self.epoch >= epochs and self.best == -math.inf:
            if first:
                print('no epoch is left to train: validating the last one, which is used')
            self._keep_best(self.evaluate(self.val_samples), row)

    def _check_finite(self, what: str, value: float) -> None:
        if math.isfinite(value):
            return
        cure = 'give a lower --learning-rate'
        if self.epoch:
            cure = f'{self.folder.path} holds the epoch before: {cure} and another --work'
        raise ParameterError(
            f'epoch {self.epoch + 1}: the {what} is {value}, because the learning rate '
            f'{self.recipe.learning_rate} is too high; {cure}'
        )

    def _keep_best(self, matrix: ConfusionMatrix, row: Mapping[str, Any]) -> None:
        if matrix.miou() > self.best:
            self.best = matrix.miou()
            self._save(self.folder.best, row)

    def _tell(self, row: dict[str, Any]) -> None:
        if self.curves is not None:
            self.curves.numbers(row, self.optimizer.param_groups[0]['lr'])
            if 'val_miou' in row:
                self.curves.pictures(self.epoch, self.val_samples, self.predict)
        self.folder.log(row)
        # The training continues even if nobody reads its output any more.
        with suppress(BrokenPipeError):
            print(json.dumps(row), flush=True)

    def evaluate(self, samples: Sequence[Sample]) -> ConfusionMatrix:
        """Return the confusion matrix of the averaged weights on whole images."""
        self.processes.as_first(self.average.network)
        matrix = ConfusionMatrix(len(self.classes))
        mine = samples[self.processes.rank :: self.processes.count]
        for sample in bar(mine, 'validate', shown=self.processes.first):
            matrix.update(self.predict(sample), sample.truth)
        counts = self.processes.sum(torch.from_numpy(matrix.counts).to(self.device))
        matrix.counts = counts.cpu().numpy()
        return matrix

    def predict(self, sample: Sample) -> npt.NDArray[np.uint8]:
        """Return the mask of the averaged weights, class_id, uint8 (H, W)."""
        images = torch.from_numpy(np.ascontiguousarray(sample.image[None])).to(self.device)
        return mask_of(self.average.network.eval(), self._normalise(images))

    def best_epoch(self) -> Trained:
        """Return the result of the best epoch.

        :raises CheckpointError: if no epoch has been validated yet, or its file can't be read.
        """
        state = self.folder.read_best() if self.best > -math.inf else None
        if state is None:
            raise CheckpointError(
                f'{self.folder.best} holds no epoch to use: none has been validated yet, or the '
                'file was removed; train on, or take the last epoch (--last)'
            )
        network = self.recipe.network(len(self.classes))
        network.load_state_dict(state['average'])
        return Trained(network.eval(), state['mean'], state['std'])

    def last_epoch(self) -> Trained:
        """Return the result of the last epoch."""
        network = copy.deepcopy(self.average.network).cpu().eval()
        return Trained(network, self.mean, self.std)

    def _train_epoch(self, epochs: int) -> dict[str, float]:
        """Return the mean loss, and the share of the time spent waiting for views."""
        learned = self.training_set
        batches = epoch_batches(
            learned.samples, learned.sizes, self.recipe, self.epoch, self.processes, self.workers,
            pinned=self.device.type == 'cuda',
        )  # fmt: skip
        steps = len(batches)
        total, waited = torch.zeros(1, device=self.device), 0.0
        self.network.train()
        if self.epoch >= self.recipe.freeze_at * epochs:
            freeze_statistics(self.network, self.average.network)
        start = since = time.perf_counter()
        with (
            counter(steps, f'epoch {self.epoch + 1}/{epochs}', self.processes.first) as done,
            too_little_memory(self.recipe),
            lost_readers(),
        ):
            for step, batch in enumerate(batches):
                waited += time.perf_counter() - since
                rate = learning_rate_at(
                    (self.epoch + step / steps) / epochs, self.recipe.learning_rate
                )
                for group in self.optimizer.param_groups:
                    group['lr'] = rate
                total += self._step(batch.to(self.device))
                if done.shown:
                    done.note(f'loss={float(total) / (step + 1):.3f}, lr={rate:.1e}')
                done.update()
                since = time.perf_counter()
        # The processes average their gradients, but each computes SOAP's bases itself: on unlike
        # processors, rounding differences would add up.
        self.processes.as_first(self.network)
        loss = float(self.processes.sum(total)) / self.processes.count / steps
        waiting = waited / (time.perf_counter() - start)
        return {'loss': round(loss, 4), 'waiting': round(waiting, 4)}

    def _step(self, batch: Batch) -> Tensor:
        with self.arithmetic():
            logits = self._shared_network(self._normalise(batch.images)).float()
        encoder = None if self._encoder_logits is None else self._encoder_logits.float()
        loss = self.loss(logits, encoder, batch.truth)
        if len(batch.taught):
            share = len(batch.taught) / len(batch.images)
            opinion = distillation_loss(logits[batch.taught], batch.opinion)
            loss = loss + DISTILLATION * share * opinion
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        try:
            self.optimizer.step()
        except torch.linalg.LinAlgError:
            # The first step computes bases from the gradients, which must be finite. Later steps
            # accept anything, and the loss of the epoch shows it.
            self._check_finite('loss', loss.item())
            self._check_finite('gradient', norm.item())
            raise
        self.average.update(self.network)
        return loss.detach()

    def _see(self, mean: list[float], std: list[float]) -> None:
        """Give the network (image - mean) / std from now on; per channel, BGR, in 0..255."""
        self.mean, self.std = mean, std
        self._normalised = Normalise(mean, std, device=self.device)

    def _normalise(self, images: Tensor) -> Tensor:
        normalised = self._normalised(images)
        return normalised.contiguous(memory_format=self.arithmetic.memory_format)

    def _keep_encoder_logits(self, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        self._encoder_logits = output

    def _save(self, file: Path, row: Mapping[str, Any]) -> None:
        if not self.processes.first:
            return
        self.folder.write(
            file,
            {
                'epoch': self.epoch, 'steps': self.average.steps, 'best': self.best,
                'mean': self.mean, 'std': self.std, 'licence': self.licence,
                'network': self.network.state_dict(),
                'average': self.average.network.state_dict(),
                'soap': self.optimizer.state_dict(),
                'row': json.dumps(row), 'val': self._judged_by,
            },
        )  # fmt: skip

    def _resume(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state['network'])
        self.average.network.load_state_dict(state['average'])
        self.optimizer.load_state_dict(state['soap'])
        # The normalisation stays the same even if the run continues with more data.
        self._see(state['mean'], state['std'])
        self.epoch, self.average.steps = state['epoch'], state['steps']
        self.licence, self._is_licence_told = state.get('licence'), 'licence' in state
        self._row = json.loads(state['row'])
        # Find out now, not after the last epoch, whether best.pt is damaged.
        best = self.folder.read_best()
        if best is None:
            return
        if not self.folder.is_of_this_run(best):
            whose = 'belongs to another run'
        elif best['val'] != self._judged_by:
            whose = 'was the best on other validation images'
        else:
            self.best = best['best']
            return
        if self.processes.first:
            print(f'{self.folder.best} {whose}: the best epoch from here on takes its place')


def _check_validation(samples: Sequence[Sample]) -> None:
    if not samples:
        raise DatasetError('training needs at least one sample for validation, got none')
    check_size(samples, 'validation')
    check_labelled(samples, 'the validation data')


def _fingerprint(samples: Sequence[Sample]) -> int:
    """Return a checksum of labelled images, to recognise the same set again."""
    number = 0
    for sample in samples:
        number = zlib.crc32(sample.truth.tobytes(), zlib.crc32(sample.image.tobytes(), number))
    return number
