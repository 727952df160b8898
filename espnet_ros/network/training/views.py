"""Random views of the samples as batches, made by worker processes if the device is fast."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from espnet_ros.network.training.augment import AS_SEEN, VARIED, View, paste_things, random_view
from espnet_ros.network.training.datasets import Sample
from espnet_ros.network.training.processes import Processes
from espnet_ros.network.training.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """The input of one training step of one process.

    :param images: uint8 (B, H, W, 3) BGR.
    :param truth: int64 (B, H, W) class_id, UNLABELED where void.
    :param taught: int64 (T,), indices of the images that have a teacher's opinion.
    :param opinion: uint8 (T, H / 2, W / 2, C), see `espnet_ros.network.training.datasets.Sample`.
    """

    images: Tensor
    truth: Tensor
    taught: Tensor
    opinion: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        fields = {
            field.name: getattr(self, field.name).to(device, non_blocking=True)
            for field in dataclasses.fields(self)
        }
        return Batch(**fields)


class Views(Dataset):  # type: ignore[type-arg]
    """The view of a sample in an epoch; it is the same in whichever process makes it.

    :param samples: of all datasets.
    :param recipe: has size, framing, seed and the share of views with pasted things.
    :param drawn: indices of this epoch's samples, from which things are pasted.
    """

    def __init__(self, samples: Sequence[Sample], recipe: Recipe, drawn: Sequence[int]) -> None:
        self._samples = samples
        self._recipe = recipe
        self._drawn = drawn

    def __getitem__(self, key: tuple[int, int]) -> View:
        """Return the view of an (epoch, index)."""
        rng, size_wh = np.random.default_rng((self._recipe.seed, *key)), self._recipe.crop_wh
        framing = AS_SEEN if self._recipe.as_seen else VARIED
        view = random_view(self._samples[key[1]], size_wh, rng, framing)
        if view.opinion is not None or rng.random() >= self._recipe.paste:
            return view
        other = self._samples[self._drawn[int(rng.integers(len(self._drawn)))]]
        return paste_things(view, random_view(other, size_wh, rng, framing), rng)


def epoch_order(sizes: Sequence[int], recipe: Recipe, epoch: int) -> npt.NDArray[np.int64]:
    """Return the indices of the samples of an epoch, in random order.

    Seeded by the epoch, so that a resumed run sees what an unbroken one would have seen.

    :param sizes: of the datasets, whose samples are numbered one after the other.
    :param epoch: counted from 0.
    """
    order = np.random.default_rng((recipe.seed, epoch)).permutation(sum(sizes))
    if recipe.per_epoch is None:
        return order
    dataset = np.repeat(np.arange(len(sizes)), sizes)[order]
    drawn = [np.flatnonzero(dataset == i)[: recipe.per_epoch] for i in range(len(sizes))]
    return order[np.sort(np.concatenate(drawn))]


def epoch_batches(
    samples: Sequence[Sample], sizes: Sequence[int], recipe: Recipe, epoch: int,
    processes: Processes, workers: int, pinned: bool,
) -> DataLoader[Batch]:  # fmt: skip
    """Return this process's share of an epoch: samples in random order and view.

    :param samples: of all datasets.
    :param sizes: of the datasets.
    :param epoch: counted from 0.
    :param workers: processes that make views; 0 makes them here, between the steps.
    :param pinned: put batches in memory that a GPU can copy from while it computes.
    """
    order = epoch_order(sizes, recipe, epoch)
    steps = len(order) // recipe.batch
    whole = order[: steps * recipe.batch].reshape(steps, recipe.batch)
    mine = whole[:, processes.rank :: processes.count]
    return DataLoader(
        Views(samples, recipe, sorted(order)),
        batch_sampler=[[(epoch, int(index)) for index in row] for row in mine],
        num_workers=workers,
        # Forked workers share the decoded images; any other way would copy them to each worker.
        multiprocessing_context='fork' if workers else None,
        collate_fn=collate,
        pin_memory=pinned,
        worker_init_fn=_one_thread,
    )


def collate(views: Sequence[View]) -> Batch:
    """Stack views into a batch."""
    opinions = {i: view.opinion for i, view in enumerate(views) if view.opinion is not None}
    opinion = np.stack(list(opinions.values())) if opinions else np.empty((0, 0, 0, 0), np.uint8)
    return Batch(
        torch.from_numpy(np.stack([view.image for view in views])),
        torch.from_numpy(np.stack([view.truth for view in views])).long(),
        torch.tensor(list(opinions), dtype=torch.int64),
        torch.from_numpy(opinion),
    )


def _one_thread(_worker: int) -> None:
    # As many workers as cores keep all of them busy.
    cv2.setNumThreads(0)
