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
    """Raise if a folder of images is missing; the error names the folders beside it."""
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        raise DatasetError(f'expected {expected} in {folder.parent}, which does not exist')
    beside = ', '.join(sorted(p.name for p in folder.parent.iterdir() if p.is_dir())) or 'none'
    raise DatasetError(
        f'expected {expected} in {folder.parent}, got no folder {folder.name} (only {beside})'
    )


def listed(folder: Path) -> list[Path]:
    """Return the paths in a folder, sorted; glob would take an unreadable one for empty."""
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except OSError as error:
        raise DatasetError(f'{folder} cannot be read ({error.strerror})') from error


def refuse_subfolders(images: Path, named: Iterable[Path]) -> None:
    """Raise if there are pictures in subfolders, because they would not be read.

    :param named: folders that the data.yaml names; the pictures in them are accounted for.
    """
    # Links count as subfolders, too; skip known folders, or a link to a parent would never end.
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
            f'pictures in subfolders of {images} would be left out: {places}; move them into the '
            'folder itself or out of it'
        )


def with_labels(
    images: Iterable[Path], folder: Path, suffix: str, endings: tuple[str, ...]
) -> Pairs:
    """Return each image with its label: the first of `endings` that exists, upper or lower case.

    One tool labels a camera's ``000.JPG`` as 000.png, another as 000.PNG.

    :raises DatasetError: if the folder is missing, or if images share a label; it names them.
    """
    if not folder.is_dir():
        raise DatasetError(f'the label folder {folder} is missing')
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
    """Raise if images share a label, because it can belong to only one of them."""
    images: dict[Path, list[str]] = {}
    for image, label in pairs:
        images.setdefault(label, []).append(image.name)
    shared = [
        f'{" and ".join(names)} have {label}' for label, names in images.items() if len(names) > 1
    ]
    if shared:
        raise DatasetError(
            f'images share a label: {"; ".join(capped(shared))}: give each image its own name and '
            'label'
        )


def capped(problems: Sequence[str]) -> list[str]:
    """Return the first problems and the number of the remaining ones."""
    more = len(problems) - _SHOWN
    return [*problems[:_SHOWN], *([f'and {more} more'] if more > 0 else [])]
