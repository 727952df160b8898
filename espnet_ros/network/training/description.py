"""What a data.yaml says: where images and labels are, and what the labels mean.

docs/training.md shows its form with examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from espnet_ros.core.errors import BundleError, DatasetError
from espnet_ros.core.input_size import LARGEST, STRIDE, is_size_wh
from espnet_ros.core.labels import CAMVID, CITYSCAPES, UNLABELED, Labels
from espnet_ros.core.paths import home_path
from espnet_ros.core.picture_file import ENDINGS
from espnet_ros.core.yaml_file import syntax_errors, value_errors
from espnet_ros.network.training.class_table import class_table
from espnet_ros.network.training.image_folders import (
    Pairs,
    listed,
    refuse_subfolders,
    require_folder,
    with_labels,
)
from espnet_ros.network.training.label_files import LabelCode

_COMMON = ('layout', 'root', 'size_wh')
_LABELS = ('.png', '.bmp', '.webp', '.tif', '.tiff')
# Looked up, too, so that the error says they are JPEGs and not that labels are missing.
_LOSSY = ('.jpg', '.jpeg')
# labelIds of Cityscapes in trainId order, from its labels.py; 0..33 are all there are.
_CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


@dataclass(frozen=True)
class Description:
    """A dataset before its files are read.

    :param name: for messages.
    :param labels: its classes.
    :param code: what the pixels of its label images mean.
    :param pairs: split -> image and label files, sorted.
    :param size_wh: images and labels are resized to it; None leaves them as they are.
    """

    name: str
    labels: Labels
    code: LabelCode
    pairs: Callable[[str], Pairs]
    size_wh: tuple[int, int] | None = None


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    :raises DatasetError: if it can't be read.
    """
    try:
        with syntax_errors(path, DatasetError):
            text = path.read_text(encoding='utf-8')
            with value_errors():
                return yaml.safe_load(text)
    except OSError as error:
        raise DatasetError(f'{path} cannot be read: {error.strerror}') from error


def read_description(path: Path) -> Description:
    """Read a data.yaml.

    :raises DatasetError: if it can't be read or does not fit; it lists all problems.
    """
    data = read_yaml(path)
    layout = data.get('layout') if isinstance(data, dict) else None
    if not isinstance(layout, str) or layout not in _LAYOUTS:
        raise DatasetError(f'{path}: layout must be one of {", ".join(_LAYOUTS)}, got {layout!r}')
    build, needed, optional = _LAYOUTS[layout]
    allowed = (*_COMMON, *needed, *optional)
    problems = [f'{key} is missing' for key in needed if key not in data]
    problems += [
        f'unknown key {key!r}, expected {", ".join(allowed)}'
        + (' (it is a key of `layout: folders`)' if key in _FOLDER_KEYS else '')
        for key in data
        if key not in allowed
    ]
    size = data.get('size_wh')
    if size is not None and not is_size_wh(size):
        problems.append(
            f'size_wh must be [width, height], multiples of {STRIDE} up to {LARGEST}, got {size!r}'
        )
    problems += [
        f'{key} must be text, got {data[key]!r}'
        for key in ('root', 'label_suffix')
        if key in data and key in allowed and not isinstance(data[key], str)
    ]
    if not problems:
        root = path.parent / home_path(data.get('root', '.'))
        try:
            return build(path.name, data, root, tuple(size) if size else None)
        except (BundleError, DatasetError) as error:
            problems.append(str(error))
    raise DatasetError(f'{path} refused: {"; ".join(problems)}')


def camvid(
    folder: Path, labels: Labels = CAMVID, size_wh: tuple[int, int] | None = None
) -> Description:
    """Describe ``DIR/split/*.png`` with ids in ``DIR/splitannot/*.png``, void one above the last.

    :param size_wh: see `Description`.
    """

    def pairs(split: str) -> Pairs:
        require_folder(folder / split, f'CamVid as {split}/, {split}annot/')
        images = [p for p in listed(folder / split) if p.suffix.lower() == '.png']
        if not images:
            raise DatasetError(f'no *.png in {folder / split}')
        return with_labels(images, folder / f'{split}annot', '', ('.png',))

    ids = {i: i for i in range(len(labels))} | {len(labels): UNLABELED, UNLABELED: UNLABELED}
    return Description(f'camvid:{folder}', labels, LabelCode(ids), pairs, size_wh)


def _camvid(
    _name: str, data: Mapping[str, Any], root: Path, size_wh: tuple[int, int] | None
) -> Description:
    labels = CAMVID
    if 'classes' in data:
        labels, code = class_table(data)
        if code.colored or any(key != class_id for key, class_id in code.meaning.items()):
            raise DatasetError(
                'layout camvid takes ids in the order of the classes only: use layout folders'
            )
    return camvid(root, labels, size_wh)


def _cityscapes(
    name: str, _data: Mapping[str, Any], root: Path, size_wh: tuple[int, int] | None
) -> Description:
    def pairs(split: str) -> Pairs:
        folder, ending = root / 'leftImg8bit' / split, '_leftImg8bit.png'
        require_folder(folder, 'the layout of Cityscapes')
        cities = [city for city in listed(folder) if city.is_dir()]
        images = [p for city in cities for p in listed(city) if p.name.endswith(ending)]
        if not images:
            raise DatasetError(f'no */*{ending} in {folder}')
        labels = root / 'gtFine' / split
        return [
            (i, labels / i.parent.name / i.name.replace(ending, '_gtFine_labelIds.png'))
            for i in images
        ]

    # The licence plate, -1, is 255 in an 8-bit file.
    ids = dict.fromkeys([*range(34), UNLABELED], UNLABELED)
    ids.update({label_id: i for i, label_id in enumerate(_CITYSCAPES_IDS)})
    return Description(name, CITYSCAPES, LabelCode(ids), pairs, size_wh)


def _folders(
    name: str, data: Mapping[str, Any], root: Path, size_wh: tuple[int, int] | None
) -> Description:
    labels, code = class_table(data)
    splits, suffix = data['splits'], data.get('label_suffix', '')
    if not isinstance(splits, dict) or not all(
        isinstance(name, str)
        and isinstance(split, dict)
        and set(split) == {'images', 'labels'}
        and all(isinstance(folder, str) for folder in split.values())
        for name, split in splits.items()
    ):
        raise DatasetError(
            f'splits must be {{train: {{images: DIR, labels: DIR}}, val: ...}}, got {splits!r}'
        )

    def pairs(split: str) -> Pairs:
        if split not in splits:
            raise DatasetError(f'{name} has no split {split!r}, only {", ".join(splits)}')
        images = root / home_path(splits[split]['images'])
        require_folder(images, 'the images')
        folder = root / home_path(splits[split]['labels'])
        paths = [p for p in listed(images) if p.suffix.lower() in ENDINGS]
        if folder.resolve() == images.resolve():
            if not suffix:
                raise DatasetError(
                    f'images and labels lie in one folder, {images}: expected a `label_suffix` '
                    'that tells them apart, or two folders'
                )
            paths = [p for p in paths if not p.stem.lower().endswith(suffix.lower())]
        named = [root / home_path(f) for s in splits.values() for f in s.values()]
        refuse_subfolders(images, named)
        if not paths:
            raise DatasetError(f'no images ({" ".join(ENDINGS)}) in {images}')
        return with_labels(paths, folder, suffix, (*_LABELS, *_LOSSY))

    return Description(name, labels, code, pairs, size_wh)


_Build = Callable[[str, Mapping[str, Any], Path, 'tuple[int, int] | None'], Description]
# Layout -> the function that reads it, the keys it needs, its optional keys.
_LAYOUTS: dict[str, tuple[_Build, tuple[str, ...], tuple[str, ...]]] = {
    'camvid': (_camvid, (), ('classes',)),
    'cityscapes': (_cityscapes, (), ()),
    'folders': (_folders, ('classes', 'splits'), ('labels', 'void', 'label_suffix')),
}
_FOLDER_KEYS = (*_LAYOUTS['folders'][1], *_LAYOUTS['folders'][2])
