"""What a data.yaml says: where images and labels lie, and what the labels mean.

docs/training.md has the form with examples.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from espnet_ros.network.training.label_files import LabelCode, pack_rgb

Pairs = list[tuple[Path, Path]]

_COMMON = ('layout', 'root', 'size_wh')
_CLASS_NEEDS = ('name', 'color_rgb', 'kind')
_CLASS_KEYS = (*_CLASS_NEEDS, 'ids', 'colors')
_SHOWN = 10
_LABELS = ('.png', '.bmp', '.webp', '.tif', '.tiff')
# Found, that they are refused for what they are and not called missing.
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
    :param size_wh: to which images and labels are brought, None for as they are.
    """

    name: str
    labels: Labels
    code: LabelCode
    pairs: Callable[[str], Pairs]
    size_wh: tuple[int, int] | None = None


def read_yaml(path: Path) -> Any:
    """Return what is in a YAML file.

    :raises DatasetError: if it can't be read.
    """
    try:
        with syntax_errors(path, DatasetError):
            text = path.read_text(encoding='utf-8')
            with value_errors():
                return yaml.safe_load(text)
    except OSError as error:
        raise DatasetError(f'{path} can not be read: {error.strerror}') from error


def read_description(path: Path) -> Description:
    """Read a data.yaml.

    :raises DatasetError: if it can't be read or does not fit; all offenders are listed.
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
        + (' (`layout: folders` has it)' if key in _FOLDER_KEYS else '')
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

    :param size_wh: as of `Description`.
    """

    def pairs(split: str) -> Pairs:
        _require_folder(folder / split, f'CamVid as {split}/, {split}annot/')
        images = [p for p in _listed(folder / split) if p.suffix.lower() == '.png']
        if not images:
            raise DatasetError(f'no *.png in {folder / split}')
        return _with_labels(images, folder / f'{split}annot', '', ('.png',))

    ids = {i: i for i in range(len(labels))} | {len(labels): UNLABELED, UNLABELED: UNLABELED}
    return Description(f'camvid:{folder}', labels, LabelCode(ids), pairs, size_wh)


def _camvid(
    _name: str, data: Mapping[str, Any], root: Path, size_wh: tuple[int, int] | None
) -> Description:
    labels = CAMVID
    if 'classes' in data:
        labels, code = _class_table(data)
        if code.colored or any(key != class_id for key, class_id in code.meaning.items()):
            raise DatasetError('layout camvid has ids in the order of the classes: use folders')
    return camvid(root, labels, size_wh)


def _cityscapes(
    name: str, _data: Mapping[str, Any], root: Path, size_wh: tuple[int, int] | None
) -> Description:
    def pairs(split: str) -> Pairs:
        folder, ending = root / 'leftImg8bit' / split, '_leftImg8bit.png'
        _require_folder(folder, 'the layout of Cityscapes')
        cities = [city for city in _listed(folder) if city.is_dir()]
        images = [p for city in cities for p in _listed(city) if p.name.endswith(ending)]
        if not images:
            raise DatasetError(f'no */*{ending} in {folder}')
        labels = root / 'gtFine' / split
        return [
            (i, labels / i.parent.name / i.name.replace(ending, '_gtFine_labelIds.png'))
            for i in images
        ]

    # -1, the licence plate, is 255 in a file of 8 bits.
    ids = dict.fromkeys([*range(34), UNLABELED], UNLABELED)
    ids.update({label_id: i for i, label_id in enumerate(_CITYSCAPES_IDS)})
    return Description(name, CITYSCAPES, LabelCode(ids), pairs, size_wh)


def _folders(
    name: str, data: Mapping[str, Any], root: Path, size_wh: tuple[int, int] | None
) -> Description:
    labels, code = _class_table(data)
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
        _require_folder(images, 'the images')
        folder = root / home_path(splits[split]['labels'])
        paths = [p for p in _listed(images) if p.suffix.lower() in ENDINGS]
        if folder.resolve() == images.resolve():
            if not suffix:
                raise DatasetError(
                    f'images and labels lie in one folder, {images}: expected a `label_suffix` '
                    'that tells them apart, or two folders'
                )
            paths = [p for p in paths if not p.stem.lower().endswith(suffix.lower())]
        named = [root / home_path(f) for s in splits.values() for f in s.values()]
        _refuse_subfolders(images, named)
        if not paths:
            raise DatasetError(f'no images ({" ".join(ENDINGS)}) in {images}')
        return _with_labels(paths, folder, suffix, (*_LABELS, *_LOSSY))

    return Description(name, labels, code, pairs, size_wh)


def _require_folder(folder: Path, expected: str) -> None:
    """Raise if a folder of images is not there, naming those that are beside it."""
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        raise DatasetError(f'expected {expected} in {folder.parent}, there is no such folder')
    beside = ', '.join(sorted(p.name for p in folder.parent.iterdir() if p.is_dir())) or 'none'
    raise DatasetError(
        f'expected {expected} in {folder.parent}, there is no folder {folder.name} (but {beside})'
    )


def _listed(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted; glob takes one that can't be read for an empty one."""
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except OSError as error:
        raise DatasetError(f'{folder} can not be read ({error.strerror})') from error


def _refuse_subfolders(images: Path, named: Iterable[Path]) -> None:
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
        listed = ', '.join(f'{count} in {folder}' for folder, count in sorted(found.items()))
        raise DatasetError(
            f'pictures in subfolders of {images} would be left out: {listed}; move them into it '
            'or out of it'
        )


def _with_labels(
    images: Iterable[Path], folder: Path, suffix: str, endings: tuple[str, ...]
) -> Pairs:
    """Return each image with its label: the best of `endings` that is there, in any case.

    A camera's ``000.JPG`` is labelled as 000.png by one tool, as 000.PNG by another.

    :raises DatasetError: if the folder is missing, or naming the images that share a label.
    """
    if not folder.is_dir():
        raise DatasetError(f'{folder} is missing, the folder of the labels')
    files = _listed(folder)
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


def _class_table(data: Mapping[str, Any]) -> tuple[Labels, LabelCode]:
    """Return the classes and what pixels mean, from ``classes``, ``labels`` and ``void``."""
    kind = data.get('labels', 'ids')
    if kind not in ('ids', 'colors'):
        raise DatasetError(f'labels must be ids or colors, got {kind!r}')
    rows = data['classes']
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DatasetError('classes must be a list of {name, color_rgb: [r, g, b], kind}')
    _check_rows(rows)
    labels = Labels.from_list(rows)
    own = [row.get(kind, [row['color_rgb']] if kind == 'colors' else [i]) for i, row in
           enumerate(rows)]  # fmt: skip
    void = data.get('void', [])
    meaning: dict[int, int] = {} if kind == 'colors' else {UNLABELED: UNLABELED}
    problems = [f'{row["name"]!r} has the unknown key {key!r}' for row in rows for key in row
                if key not in _CLASS_KEYS]  # fmt: skip
    for values, target in [(void, UNLABELED), *zip(own, range(len(labels)), strict=True)]:
        who = '`void`' if target == UNLABELED else repr(labels[target].name)
        for value in values if isinstance(values, list) else [values]:
            key = _key(value, kind)
            if key is None:
                problems.append(f'{who}: {value!r} is none of {kind}')
            elif meaning.setdefault(key, target) != target:
                problems.append(f'{who}: {value!r} is used twice')
    if problems:
        raise DatasetError('class table refused: ' + '; '.join(problems))
    return labels, LabelCode(meaning, kind == 'colors')


def _check_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    problems = []
    for class_id, row in enumerate(rows):
        missing = [key for key in _CLASS_NEEDS if key not in row]
        if missing:
            problems.append(f'class {class_id} lacks {", ".join(missing)}')
        elif row['kind'] == 'void':
            # A model may have one, as those of the paper's authors: what it says is left out.
            problems.append(
                f'{row["name"]!r}: kind void is not a class to learn: list its ids or colours '
                'under `void` (`layout: folders` has it)'
            )
    if problems:
        raise DatasetError('class table refused: ' + '; '.join(problems))


def _key(value: Any, kind: str) -> int | None:
    if kind == 'ids':
        return value if isinstance(value, int) and 0 <= value <= 255 else None
    ok = isinstance(value, list) and len(value) == 3
    ok = ok and all(isinstance(v, int) and 0 <= v <= 255 for v in value)
    return pack_rgb(tuple(value)) if ok else None


_Build = Callable[[str, Mapping[str, Any], Path, 'tuple[int, int] | None'], Description]
# Layout -> how it is read, the keys it needs and those it may have.
_LAYOUTS: dict[str, tuple[_Build, tuple[str, ...], tuple[str, ...]]] = {
    'camvid': (_camvid, (), ('classes',)),
    'cityscapes': (_cityscapes, (), ()),
    'folders': (_folders, ('classes', 'splits'), ('labels', 'void', 'label_suffix')),
}
_FOLDER_KEYS = (*_LAYOUTS['folders'][1], *_LAYOUTS['folders'][2])
