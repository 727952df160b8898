"""Labelled images from files or the virtual street, decoded once and kept in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import DatasetError
from espnet_ros.core.input_size import STRIDE
from espnet_ros.core.labels import CAMVID, UNLABELED, Labels
from espnet_ros.core.paths import home_path
from espnet_ros.core.picture_file import UNTURNED, is_turned, read_picture, turned_note
from espnet_ros.core.resize import image_at, mask_at
from espnet_ros.network.training.description import (
    Description,
    camvid,
    read_description,
)
from espnet_ros.network.training.image_folders import capped
from espnet_ros.network.training.label_files import read_truth
from espnet_ros.progress import bar, counter

# The step between neighbouring values of a channel: a smaller deviation is only rounding, which
# normalisation must not amplify.
LEVEL = 1.0


@dataclass(frozen=True)
class Sample:
    """An image and its truth.

    :param name: file name or scene, for messages.
    :param image: uint8 (H, W, 3) BGR.
    :param truth: uint8 (H, W) class_id, UNLABELED where void.
    :param opinion: a teacher's probability of each class for every 2 x 2 pixels, 0..255, uint8
        (H / 2, W / 2, C); None where only the truth counts.
    """

    name: str
    image: UInt8Array
    truth: UInt8Array
    opinion: UInt8Array | None = None


@dataclass(frozen=True)
class Dataset:
    """A split of a dataset.

    :param labels: its classes.
    :param samples: images and truths, all of one size.
    :param note: what a user should know about them, '' for nothing.
    """

    labels: Labels
    samples: list[Sample]
    note: str = ''


def load_dataset(spec: str, split: str) -> Dataset:
    """Load ``camvid:DIR``, ``street:COUNT`` or a data.yaml.

    :param split: ``train``, ``val`` or ``test``; for the street, each has streets of other seeds.
    :raises DatasetError: for another form, an empty split, or naming the files that can't be
        used: image without a label, label of another size, class ids or colours that the class
        table does not name, images of several sizes without ``size_wh``.
    """
    kind, _, argument = spec.partition(':')
    if spec.endswith(('.yaml', '.yml')):
        return _load(read_description(home_path(spec)), split)
    if kind == 'camvid' and argument:
        return _load(camvid(home_path(argument)), split)
    if kind == 'street' and argument.isdecimal() and int(argument) > 0:
        return Dataset(CAMVID, render_street(int(argument), split))
    inside = [home_path(spec) / f'data{ending}' for ending in ('.yaml', '.yml')]
    if found := next((path for path in inside if path.is_file()), None):
        raise DatasetError(f'dataset {spec!r} is a folder: name its data.yaml, {found}')
    raise DatasetError(
        f'dataset must be camvid:DIR, street:COUNT or the path of a data.yaml, got {spec!r}'
    )


def _load(description: Description, split: str) -> Dataset:
    samples, read, turned, problems = [], [], [], []
    pairs = description.pairs(split)
    for image, truth in bar(pairs, f'{description.name} {split}'):
        try:
            samples.append(_read(image, truth, description))
            read.append(image)
            if is_turned(image):
                turned.append(image)
        except DatasetError as error:
            problems.append(str(error))
    problems = capped(problems) + _mixed_sizes(read, samples)
    if problems:
        raise DatasetError('dataset refused:\n  ' + '\n  '.join(problems))
    # The labels may have been drawn on the turned pictures.
    note = turned_note(turned, len(read), f'pictures of {description.name} {split}')
    return Dataset(description.labels, samples, note)


def _read(image_path: Path, truth_path: Path, description: Description) -> Sample:
    image = read_picture(image_path)
    if not truth_path.exists():
        raise DatasetError(f'{image_path}: its label {truth_path} is missing')
    truth = read_truth(truth_path, description.code)
    if truth.shape != image.shape[:2]:
        (label_h, label_w), (height, width) = truth.shape, image.shape[:2]
        exif = f', with an EXIF orientation, {UNTURNED}' if is_turned(image_path) else ''
        raise DatasetError(
            f'{truth_path}: label is {label_w}x{label_h}, image is {width}x{height}{exif}'
        )
    if description.size_wh is not None:
        # Resized as the node does it, else the model would learn from other pixels.
        image = image_at(image, description.size_wh)
        truth = mask_at(truth, description.size_wh)
    return Sample(image_path.name, image, truth)


def _mixed_sizes(paths: Sequence[Path], samples: Sequence[Sample]) -> list[str]:
    """Return the images of another size than most, and what to do; nothing if all agree."""
    counts = Counter(sample.truth.shape for sample in samples)
    if len(counts) < 2:
        return []
    (height, width), _ = counts.most_common(1)[0]
    problems = [
        f'{path}: {s.truth.shape[1]}x{s.truth.shape[0]}, most images are {width}x{height}'
        for path, s in zip(paths, samples, strict=True)
        if s.truth.shape != (height, width)
    ]
    cure = 'give `size_wh: [WIDTH, HEIGHT]` in a data.yaml to bring all to one size'
    return [*capped(problems), cure]


def render_street(count: int, split: str) -> list[Sample]:
    """Render images of the virtual street with CamVid ids: a few places from many short streets.

    Each image has a different camera, because mounts differ from robot to robot.
    """
    from espnet_ros.sim import Camera, Street

    per_street, streets = 4, 1_000
    first_seeds = {'train': 1_000, 'val': 2_000, 'test': 3_000}
    if split not in first_seeds:
        raise DatasetError(f'the street has the splits train, val or test, got {split!r}')
    if count > streets * per_street:
        raise DatasetError(
            f'the street has {streets * per_street} images in each split, got {count}: more would '
            'come from the streets of another split'
        )
    first_seed = first_seeds[split]
    samples: list[Sample] = []
    with counter(count, f'street {split}') as rendered:
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
                rendered.update()
    return samples


def check_size(samples: Sequence[Sample], what: str) -> None:
    """Refuse images that the networks can't take whole.

    :param what: what they are for, e.g. ``validation``, for the message.
    :raises DatasetError: if height or width is no multiple of 8.
    """
    shape = samples[0].truth.shape
    if any(v % STRIDE for v in shape):
        height, width = (STRIDE * max(1, round(v / STRIDE)) for v in shape)
        raise DatasetError(
            f'width and height of {what} images must be multiples of {STRIDE}, got '
            f'{shape[1]}x{shape[0]}: write `size_wh: [{width}, {height}]` into a data.yaml'
        )


def check_labelled(samples: Sequence[Sample], source: str) -> None:
    """Refuse images without a single labelled pixel.

    :param source: of the images, for the message, e.g. ``data.yaml val``.
    :raises DatasetError: if every pixel of all of them is void.
    """
    if all(np.all(sample.truth == UNLABELED) for sample in samples):
        raise _unlabelled(samples, source)


def _unlabelled(samples: Sequence[Sample], source: str) -> DatasetError:
    return DatasetError(
        f'no image of {source} has a labelled pixel ({len(samples)} looked at, e.g. '
        f'{samples[0].name}): expected pixels that are not void (255, or `void` of a data.yaml)'
    )


def channel_statistics(
    samples: Sequence[Sample], weights: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each BGR channel over all pixels, 0..255.

    A channel that is the same everywhere, as from a camera with fewer channels, gets a deviation
    of one level: normalised, it is 0 and teaches nothing.

    :param weights: how much each sample counts.
    :raises DatasetError: if all pixels have one colour.
    """
    sums, squares, pixels = np.zeros(3), np.zeros(3), 0.0
    for sample, weight in zip(samples, weights, strict=True):
        flat = sample.image.reshape(-1, 3).astype(np.float64)
        sums += weight * flat.sum(0)
        squares += weight * (flat**2).sum(0)
        pixels += weight * len(flat)
    mean = sums / pixels
    # For a constant channel, rounding may give a value below 0.
    std = np.sqrt(np.maximum(squares / pixels - mean**2, 0))
    if np.all(std < LEVEL):
        raise DatasetError(
            f'all pixels of the {len(samples)} training images have one colour, to within one '
            f'level of 255, e.g. {samples[0].name}: expected pictures that show something'
        )
    std = np.maximum(std, LEVEL)
    return [round(float(v), 4) for v in mean], [round(float(v), 4) for v in std]


def class_frequencies(
    samples: Sequence[Sample], weights: Sequence[float], classes: int
) -> npt.NDArray[np.float64]:
    """Return each class's share of the labelled pixels, (classes,).

    :param samples: to learn from.
    :param weights: how much each of them counts.
    :raises DatasetError: if they have no labelled pixel.
    """
    counts = np.zeros(classes)
    for sample, weight in zip(samples, weights, strict=True):
        counts += weight * np.bincount(sample.truth.ravel(), minlength=256)[:classes]
    if not counts.any():
        raise _unlabelled(samples, 'the training data')
    return counts / counts.sum()
