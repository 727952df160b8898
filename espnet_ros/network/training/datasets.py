"""Labelled images: CamVid folders and the virtual street, decoded once and kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.labels import UNLABELED, Labels

Array = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Sample:
    """An image and its truth.

    :param name: file name or scene, for messages.
    :param image: uint8 (H, W, 3) BGR.
    :param truth: uint8 (H, W) class_id, UNLABELED where void.
    :param taught: whether the teacher's opinion counts beside the truth.
    """

    name: str
    image: Array
    truth: Array
    taught: bool = False


def load_dataset(spec: str, split: str, labels: Labels) -> list[Sample]:
    """Load ``camvid:DIR`` or ``street:COUNT``.

    :param split: ``train`` or ``val``; the street's splits are streets of other seeds.
    :raises DatasetError: for another form, or as the loaders say.
    """
    kind, _, argument = spec.partition(':')
    if kind == 'camvid' and argument:
        return load_camvid(Path(argument), split, labels)
    if kind == 'street' and argument.isdigit() and int(argument) > 0:
        return render_street(int(argument), split)
    raise DatasetError(f'dataset must be camvid:DIR or street:COUNT, got {spec!r}')


def load_camvid(folder: Path, split: str, labels: Labels) -> list[Sample]:
    """Load a split laid out as ``DIR/split/*.png`` with ``DIR/splitannot/*.png``.

    :raises DatasetError: if the split is empty, or listing every image without a label, label of
        another size, label that is no single-channel image and label id out of range.
    """
    images = sorted((folder / split).glob('*.png'))
    if not images:
        raise DatasetError(
            f'no *.png in {folder / split}: expected CamVid as {split}/, {split}annot/'
        )
    samples, problems = [], []
    for path in tqdm(images, desc=f'{folder.name} {split}', leave=False, disable=None):
        try:
            samples.append(_read(path, folder / f'{split}annot' / path.name, len(labels)))
        except DatasetError as error:
            problems.append(str(error))
    if problems:
        raise DatasetError('dataset refused:\n  ' + '\n  '.join(problems))
    return samples


def _read(image_path: Path, truth_path: Path, classes: int) -> Sample:
    image = cv2.imread(str(image_path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f'{image_path}: not a readable image')
    truth = cv2.imread(str(truth_path), cv2.IMREAD_UNCHANGED)
    if truth is None:
        raise DatasetError(f'{image_path.name}: its label {truth_path} is missing or unreadable')
    if truth.ndim != 2 or truth.dtype != np.uint8:
        raise DatasetError(
            f'{truth_path}: expected one channel of 8-bit class ids, got shape {truth.shape} '
            f'of {truth.dtype}'
        )
    if truth.shape != image.shape[:2]:
        raise DatasetError(f'{truth_path}: label is {truth.shape}, image is {image.shape[:2]}')
    wrong = np.setdiff1d(truth, [*range(classes + 1), UNLABELED])
    if len(wrong):
        raise DatasetError(
            f'{truth_path}: class ids {wrong.tolist()} are not 0..{classes - 1}, '
            f'{classes} or {UNLABELED} (void)'
        )
    ids: Array = np.where(truth == classes, UNLABELED, truth).astype(np.uint8)
    return Sample(image_path.name, np.asarray(image, np.uint8), ids)


def render_street(count: int, split: str) -> list[Sample]:
    """Render images of the virtual street with CamVid ids: a few places from many short streets.

    Each image is seen by another camera, as mounts differ from robot to robot.
    """
    from espnet_ros.sim import Camera, Street

    per_street = 4
    first_seed = {'train': 1_000, 'val': 2_000}[split]
    samples: list[Sample] = []
    with tqdm(total=count, desc=f'street {split}', leave=False, disable=None) as bar:
        for seed in range(first_seed, first_seed + -(-count // per_street)):
            street = Street(seed=seed, length_m=80.0)
            rng = np.random.default_rng(seed)
            for place in rng.uniform(0, street.length_m, per_street)[: count - len(samples)]:
                camera = Camera(
                    height_m=rng.uniform(0.8, 1.6),
                    pitch_rad=rng.uniform(0.03, 0.2),
                    yaw_rad=rng.uniform(-0.3, 0.3),
                )
                frame = street.render(float(place), camera=camera)
                name = f'street {seed} at {place:.1f} m'
                samples.append(Sample(name, frame.image_bgr, frame.mask))
                bar.update()
    return samples


def channel_statistics(samples: Sequence[Sample]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each BGR channel over all pixels, 0..255."""
    sums, squares, pixels = np.zeros(3), np.zeros(3), 0
    for sample in samples:
        flat = sample.image.reshape(-1, 3).astype(np.float64)
        sums += flat.sum(0)
        squares += (flat**2).sum(0)
        pixels += len(flat)
    mean = sums / pixels
    std = np.sqrt(squares / pixels - mean**2)
    return [round(float(v), 4) for v in mean], [round(float(v), 4) for v in std]


def class_frequencies(samples: Sequence[Sample], classes: int) -> npt.NDArray[np.float64]:
    """Return each class's share of the labelled pixels, (classes,)."""
    counts = sum(np.bincount(s.truth.ravel(), minlength=256)[:classes] for s in samples)
    return np.asarray(counts / np.sum(counts), np.float64)
