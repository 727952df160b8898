"""Pictures and their labels in the folders of a dataset."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.picture_file import ENDINGS

# Image and label files.
Pairs = list[tuple[Path, Path]]

_SHOWN = 10


def require_folder(folder: Path, expected: str) -> None:
    """Raise if a folder of images is not there, naming those that are beside it."""
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        raise DatasetError(f'expected {expected} in {folder.parent}, there is no such folder')
    beside = ', '.join(sorted(p.name for p in folder.parent.iterdir() if p.is_dir())) or 'none'
    raise DatasetError(
        f'expected {expected} in {folder.parent}, there is no folder {folder.name} (but {beside})'
    )


def listed(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted; glob takes one that can't be read for an empty one."""
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except OSError as error:
        raise DatasetError(f'{folder} can not be read ({error.strerror})') from error


def refuse_subfolders(images: Path, named: Iterable[Path]) -> None:
    """Raise if there are pictures in subfolders, which are not taken.

    :param named: folders of which the data.yaml speaks; what is in them is accounted for.
    """
    # A link is a subfolder as any other; one to where it lies itself would have no end.
    accounted = {images.resolve(), *images.resolve().parents, *(f.resolve() for f in named)}
    counts = Counter[str]()
    for at, folders, files in os.walk(images, followlinks=True):
        new = {(Path(at) / name).resolve(): name for name in folders if name[0] not in '.@'}
        folders[:] = [name for folder, name in new.items() if folder not in accounted]
        accounted |= new.keys()
        if Path(at) != images:
            counts[at] = sum(Path(name).suffix.lower() in ENDINGS for name in files)
    if found := {folder: count for folder, count in counts.items() if count}:
        places = ', '.join(f'{count} in {folder}' for folder, count in sorted(found.items()))
        raise DatasetError(
            f'pictures in subfolders of {images} would be left out: {places}; move them into it '
            'or out of it'
        )


def with_labels(
    images: Iterable[Path], folder: Path, suffix: str, endings: tuple[str, ...]
) -> Pairs:
    """Return each image with its label: the best of `endings` that is there, in any case.

    A camera's ``000.JPG`` is labelled as 000.png by one tool, as 000.PNG by another.

    :raises DatasetError: if the folder is missing, or naming the images that share a label.
    """
    if not folder.is_dir():
        raise DatasetError(f'{folder} is missing, the folder of the labels')
    files = listed(folder)
    exact = {(p.stem, p.suffix.lower()): p for p in files}
    lowered = {(p.stem.lower(), p.suffix.lower()): p for p in files}

    def label_of(image: Path) -> Path:
        stem = f'{image.stem}{suffix}'
        found = [exact.get((stem, ending)) for ending in endings]
        found += [lowered.get((stem.lower(), ending)) for ending in endings]
        return next((path for path in found if path), folder / f'{stem}{endings[0]}')

    pairs = [(image, label_of(image)) for image in images]
    _refuse_shared(pairs)
    return pairs


def _refuse_shared(pairs: Pairs) -> None:
    """Raise if images have one label: at most one of them is what it shows."""
    images: dict[Path, list[str]] = {}
    for image, label in pairs:
        images.setdefault(label, []).append(image.name)
    shared = [
        f'{" and ".join(names)} have {label}' for label, names in images.items() if len(names) > 1
    ]
    if shared:
        raise DatasetError(
            f'images share a label: {"; ".join(capped(shared))}: give each a name and a label of '
            'its own'
        )


def capped(problems: Sequence[str]) -> list[str]:
    """Return the first problems, and how many there are besides."""
    more = len(problems) - _SHOWN
    return [*problems[:_SHOWN], *([f'and {more} more'] if more > 0 else [])]
