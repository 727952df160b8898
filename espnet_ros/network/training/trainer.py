"""The training loop: one epoch at a time, resumable after any kill with nothing else lost."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import CheckpointError, DatasetError, ParameterError
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.espnet import STRIDE, ESPNet
from espnet_ros.network.training.augment import random_view
from espnet_ros.network.training.curves import Curves
from espnet_ros.network.training.datasets import (
    Sample,
    channel_statistics,
    check_size,
    class_frequencies,
)
from espnet_ros.network.training.distillation import Teacher, distillation_loss
from espnet_ros.network.training.loss import SegmentationLoss
from espnet_ros.network.training.recipe import Recipe, learning_rate_at
from espnet_ros.network.training.state import read_state, write_state

DISTILLATION = 1.0
EMA_DECAY = 0.995


class Trainer:
    """Train ESPNet from random initialisation, keeping an exponential average of its weights.

    :param train: samples to learn from; one epoch sees each once, in random order and view.
    :param val: samples for choosing the best epoch.
    :param classes: number of classes.
    :param device: to train on; None for the CPU.
    :param teacher: whose opinion of `taught` samples counts beside the truth, if any.
    :param work: folder of ``last.pt``, ``best.pt`` and ``log.jsonl``; a run found there goes on.
    :raises CheckpointError: if the run found there is of another recipe or can't be read.
    :raises DatasetError: if there are too few samples.
    :raises ParameterError: if the crop is not of multiples of 8.
    """

    def __init__(
        self, train: Sequence[Sample], val: Sequence[Sample], classes: int, recipe: Recipe,
        work: Path, device: torch.device | None = None, teacher: Teacher | None = None,
    ) -> None:  # fmt: skip
        if len(train) < recipe.batch or not val:
            raise DatasetError(
                f'training needs at least {recipe.batch} training samples (one batch) and one for '
                f'validation, got {len(train)} and {len(val)}'
            )
        if any(v % STRIDE for v in recipe.crop_wh):
            raise ParameterError(f'crop must be two multiples of {STRIDE}, got {recipe.crop_wh}')
        check_size(val, STRIDE)
        self.train_samples, self.val_samples = train, val
        self.classes, self.recipe, self.work, self.teacher = classes, recipe, work, teacher
        # Is told of each epoch, if there is one.
        self.curves: Curves | None = None
        self.device = device or torch.device('cpu')
        torch.manual_seed(recipe.seed)
        self.mean, self.std = channel_statistics(train)
        self.network = self._on_device(ESPNet(classes, recipe.alpha2, recipe.alpha3))
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.loss = SegmentationLoss(class_frequencies(train, classes)).to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.epoch = 0
        self.steps = 0
        self.best = 0.0
        self._encoder_logits: Tensor | None = None
        self.network.encoder.classifier.register_forward_hook(self._keep_encoder_logits)
        work.mkdir(parents=True, exist_ok=True)
        if (work / 'last.pt').exists():
            self._resume(work / 'last.pt')

    def start_from(self, bundle: Bundle) -> tuple[int, int]:
        """Begin with a model's weights and normalisation; a run that has begun keeps its own.

        Of a model with another number of classes all is taken but what ends in the classes.

        :returns: how many tensors were taken, and of how many.
        :raises CheckpointError: if the model is of another architecture.
        """
        own = self.average.state_dict()
        if self.epoch > 0:
            return 0, len(own)
        expected = {
            'name': 'espnet', 'alpha2': self.recipe.alpha2, 'alpha3': self.recipe.alpha3,
            'skip': 'joined',
        }  # fmt: skip
        if {k: v for k, v in bundle.architecture.items() if k != 'classes'} != expected:
            raise CheckpointError(
                f'{bundle.name} can not start this training: expected {expected}, '
                f'got {dict(bundle.architecture)}'
            )
        theirs = load_bundle(bundle).state_dict()
        # A decoder of fewer than five classes has fewer branches, too.
        taken = {n: t for n, t in theirs.items() if n in own and t.shape == own[n].shape}
        self.network.load_state_dict({**own, **taken})
        self.average.load_state_dict({**own, **taken})
        self.mean, self.std = list(bundle.mean), list(bundle.std)
        return len(taken), len(own)

    def run(self, epochs: int, validate_every: int) -> None:
        """Train until `epochs` are done, saving after each one."""
        while self.epoch < epochs:
            loss = self._train_epoch(epochs)
            self.epoch += 1
            row: dict[str, Any] = {'epoch': self.epoch, 'loss': round(loss, 4)}
            if self.epoch % validate_every == 0 or self.epoch == epochs:
                matrix = self.evaluate(self.val_samples)
                row['val_miou'] = round(matrix.miou(), 4)
                row['val_iou'] = [round(float(v), 3) for v in matrix.iou()]
                if matrix.miou() > self.best:
                    self.best = matrix.miou()
                    self._save('best.pt')
            self._save('last.pt')
            if self.curves is not None:
                self.curves.numbers(row, self.optimizer.param_groups[0]['lr'])
                if 'val_miou' in row:
                    self.curves.pictures(self.epoch, self.val_samples, self.predict)
            with (self.work / 'log.jsonl').open('a') as log:
                log.write(json.dumps(row) + '\n')
            tqdm.write(json.dumps(row))

    def evaluate(self, samples: Sequence[Sample]) -> ConfusionMatrix:
        """Return the confusion matrix of the averaged weights on whole images."""
        matrix = ConfusionMatrix(self.classes)
        for sample in tqdm(samples, desc='validate', leave=False, disable=None):
            matrix.update(self.predict(sample), sample.truth)
        return matrix

    def predict(self, sample: Sample) -> npt.NDArray[np.uint8]:
        """Return the mask of the averaged weights, class_id, uint8 (H, W)."""
        self.average.eval()
        with torch.inference_mode():
            logits = self.average(self._normalise(sample.image[None]))
            return np.asarray(logits.argmax(1).to(torch.uint8).cpu().numpy()[0], np.uint8)

    def best_network(self) -> ESPNet:
        """Return the averaged network of the best epoch, on the CPU.

        :raises CheckpointError: if no epoch has been validated yet.
        """
        path = self.work / 'best.pt'
        if not path.exists():
            raise CheckpointError(f'{path} is missing: no epoch has been validated yet, train on')
        network = ESPNet(self.classes, self.recipe.alpha2, self.recipe.alpha3)
        network.load_state_dict(torch.load(path, weights_only=True, map_location='cpu')['average'])
        return network.eval()

    def _train_epoch(self, epochs: int) -> float:
        # Seeded by the epoch, so a resumed run sees what an unbroken one would have seen.
        rng = np.random.default_rng((self.recipe.seed, self.epoch))
        order = rng.permutation(len(self.train_samples))
        batch = self.recipe.batch
        steps = len(order) // batch
        total = 0.0
        self.network.train()
        with tqdm(
            range(steps), desc=f'epoch {self.epoch + 1}/{epochs}', leave=False, disable=None
        ) as bar:
            for step in bar:
                rate = learning_rate_at(
                    (self.epoch + step / steps) / epochs, self.recipe.learning_rate
                )
                for group in self.optimizer.param_groups:
                    group['lr'] = rate
                total += self._step(order[step * batch : (step + 1) * batch], rng)
                bar.set_postfix(loss=f'{total / (step + 1):.3f}', lr=f'{rate:.1e}')
        return total / steps

    def _step(self, indices: Any, rng: np.random.Generator) -> float:
        samples = [self.train_samples[i] for i in indices]
        views = [random_view(sample, self.recipe.crop_wh, rng) for sample in samples]
        images = self._normalise(np.stack([image for image, _, _ in views]))
        truth = torch.from_numpy(np.stack([t for _, t, _ in views])).to(self.device).long()
        logits = self.network(images)
        assert self._encoder_logits is not None
        loss = self.loss(logits, self._encoder_logits, truth)
        taught = [i for i, sample in enumerate(samples) if sample.taught]
        if self.teacher is not None and taught:
            opinion = self.teacher.probabilities(np.stack([views[i][2] for i in taught]))
            share = len(taught) / len(samples)
            loss = loss + DISTILLATION * share * distillation_loss(logits[taught], opinion)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self._update_average()
        return float(loss.detach())

    def _update_average(self) -> None:
        self.steps += 1
        # The first steps count little: their weights are still near the random start.
        decay = min(EMA_DECAY, self.steps / (self.steps + 10))
        with torch.no_grad():
            for mine, theirs in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if mine.is_floating_point():
                    mine.lerp_(theirs, 1 - decay)
                else:
                    mine.copy_(theirs)

    def _normalise(self, images: Any) -> Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(self.device).permute(0, 3, 1, 2)
        mean = torch.tensor(self.mean, device=self.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=self.device).view(1, 3, 1, 1)
        return ((pixels.float() - mean) / std).contiguous(memory_format=torch.channels_last)

    def _on_device(self, network: ESPNet) -> ESPNet:
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def _keep_encoder_logits(self, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        self._encoder_logits = output

    def _save(self, name: str) -> None:
        write_state(
            self.work / name, self.recipe,
            {
                'epoch': self.epoch, 'steps': self.steps, 'best': self.best,
                'mean': self.mean, 'std': self.std,
                'network': self.network.state_dict(), 'average': self.average.state_dict(),
                'optimizer': self.optimizer.state_dict(),
            },
        )  # fmt: skip

    def _resume(self, path: Path) -> None:
        state = read_state(path, self.recipe, self.device)
        self.network.load_state_dict(state['network'])
        self.average.load_state_dict(state['average'])
        self.optimizer.load_state_dict(state['optimizer'])
        # The normalisation stays even if the run goes on with more data.
        self.mean, self.std = state['mean'], state['std']
        self.epoch, self.steps, self.best = state['epoch'], state['steps'], state['best']
