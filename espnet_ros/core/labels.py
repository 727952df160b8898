"""Class tables: what a class_id in a mask means, how it is drawn, how it is projected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import BundleError, DatasetError

# vision_msgs/VisionClass reserves the largest id for "no label"; masks are uint8.
UNLABELED = 255

# How a class relates to the ground: 'ground' lies on it, 'upright' stands on it and hides what is
# behind, 'sky' and 'void' say nothing about it.
KINDS = ('ground', 'upright', 'sky', 'void')


@dataclass(frozen=True)
class LabelClass:
    """One class of a model.

    :param name: as published in vision_msgs/LabelInfo.
    :param color_rgb: drawing colour, three values 0..255.
    :param kind: one of `KINDS`.
    """

    name: str
    color_rgb: tuple[int, int, int]
    kind: str


class Labels(Sequence[LabelClass]):
    """The ordered classes of a model: index == class_id.

    :raises BundleError: if there are no classes or more than 255, a name is used twice, a
        colour is not three values 0..255 or a kind is unknown; all offenders are listed.
    """

    def __init__(self, classes: Sequence[LabelClass]) -> None:
        self._classes = tuple(classes)
        problems = list(_problems(self._classes))
        if problems:
            raise BundleError('class table refused: ' + '; '.join(problems))

    def __getitem__(self, index: Any) -> Any:
        return self._classes[index]

    def __len__(self) -> int:
        return len(self._classes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and self._classes == other._classes

    def __hash__(self) -> int:
        return hash(self._classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the class names in class_id order."""
        return tuple(c.name for c in self._classes)

    @cached_property
    def palette_bgr(self) -> npt.NDArray[np.uint8]:
        """Return the drawing colours, uint8 (256, 3) BGR; ids without a class are black."""
        palette = np.zeros((256, 3), np.uint8)
        palette[: len(self)] = [c.color_rgb[::-1] for c in self._classes]
        palette.setflags(write=False)
        return palette

    @cached_property
    def mask_lut(self) -> npt.NDArray[np.uint8]:
        """Return uint8 (256,): raw class_id -> published id, UNLABELED for void and unused ids."""
        lut = np.full(256, UNLABELED, np.uint8)
        for class_id, label in enumerate(self._classes):
            if label.kind != 'void':
                lut[class_id] = class_id
        lut.setflags(write=False)
        return lut

    def of_kind(self, kind: str) -> npt.NDArray[np.bool_]:
        """Return bool (256,): whether each class_id is of this kind, one of `KINDS`."""
        table = np.zeros(256, bool)
        table[: len(self)] = [label.kind == kind for label in self._classes]
        return table

    def lut_to(self, other: Labels) -> npt.NDArray[np.uint8]:
        """Return uint8 (256,): class_id -> that of the same name in another table, else UNLABELED.

        The two tables may differ in order, and each may have classes that the other lacks.
        """
        lut = np.full(256, UNLABELED, np.uint8)
        for class_id, name in enumerate(self.names):
            if name in other.names:
                lut[class_id] = other.names.index(name)
        return lut

    def check_knows(self, dataset: Labels) -> None:
        """Refuse a dataset with classes that this model's table lacks.

        :raises DatasetError: listing them.
        """
        missing = [name for name in dataset.names if name not in self.names]
        if missing:
            raise DatasetError(
                f'the model does not know {", ".join(missing)} of the dataset: it knows '
                f'{", ".join(self.names)}; use a model that was trained on these classes, or '
                'a dataset of classes that it knows'
            )

    def to_list(self) -> list[dict[str, Any]]:
        """Return plain data for YAML, the inverse of `from_list`."""
        return [
            {'name': c.name, 'color_rgb': list(c.color_rgb), 'kind': c.kind} for c in self._classes
        ]

    def differences(self, other: Labels) -> list[str]:
        """Return a description of each class_id that differs from another table."""
        return [
            f'class {i} is {_shown(theirs)}, not {_shown(mine)}'
            for i, (mine, theirs) in enumerate(zip_longest(self, other))
            if mine != theirs
        ]

    @classmethod
    def from_list(cls, items: Sequence[Mapping[str, Any]]) -> Labels:
        """Build from plain data: a list of ``{name, color_rgb: [r, g, b], kind}``.

        :raises BundleError: if it is not such a list, or for the reasons of the constructor.
        """
        try:
            return cls([_class_from_dict(item) for item in items])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BundleError(
                'class table refused: expected a list of {name, color_rgb: [r, g, b], kind}, '
                f'got {items!r} ({error!r})'
            ) from error


def _class_from_dict(item: Mapping[str, Any]) -> LabelClass:
    name, color, kind = item['name'], item['color_rgb'], item['kind']
    # YAML reads `no` as a bool, and without this check a list would pass as a name.
    if not isinstance(name, str) or not isinstance(kind, str):
        raise TypeError(f'name and kind must be text, got {name!r} and {kind!r}: use quotes')
    if not isinstance(color, (list, tuple)) or not all(map(_is_whole, color)):
        raise TypeError(f'color_rgb must be a list of three whole numbers, got {color!r}')
    return LabelClass(name, tuple(int(v) for v in color), kind)  # type: ignore[arg-type]


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _shown(label: LabelClass | None) -> str:
    if label is None:
        return 'none'
    return f'{label.name} ({label.kind}, {" ".join(map(str, label.color_rgb))})'


def _problems(classes: tuple[LabelClass, ...]) -> Iterator[str]:
    if not 1 <= len(classes) <= UNLABELED:
        yield f'expected 1 to {UNLABELED} classes, got {len(classes)}'
    names = [c.name for c in classes]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f'class name {name!r} is used {names.count(name)} times'
    if '' in names:
        yield f'class {names.index("")} has an empty name'
    for c in classes:
        if len(c.color_rgb) != 3 or not all(0 <= v <= 255 for v in c.color_rgb):
            yield f'{c.name!r}: color_rgb must be three values 0..255, got {list(c.color_rgb)}'
        if c.kind not in KINDS:
            yield f'{c.name!r}: kind must be one of {", ".join(KINDS)}, got {c.kind!r}'


def _table(text: str) -> Labels:
    rows = [line.split() for line in text.strip().splitlines()]
    return Labels([LabelClass(n, (int(r), int(g), int(b)), k) for n, r, g, b, k in rows])


# CamVid's 11 classes and colours as in the SegNet tutorial's split; annotations mark void as 11.
CAMVID = _table("""
    Sky         128 128 128  sky
    Building    128   0   0  upright
    Pole        192 192 128  upright
    Road        128  64 128  ground
    Pavement     60  40 222  ground
    Tree        128 128   0  upright
    SignSymbol  192 128 128  upright
    Fence        64  64 128  upright
    Car          64   0 128  upright
    Pedestrian   64  64   0  upright
    Bicyclist     0 128 192  upright
""")

# The 19 train ids of Cityscapes with the colours of its labels.py.
CITYSCAPES = _table("""
    road           128  64 128  ground
    sidewalk       244  35 232  ground
    building        70  70  70  upright
    wall           102 102 156  upright
    fence          190 153 153  upright
    pole           153 153 153  upright
    traffic_light  250 170  30  upright
    traffic_sign   220 220   0  upright
    vegetation     107 142  35  upright
    terrain        152 251 152  ground
    sky             70 130 180  sky
    person         220  20  60  upright
    rider          255   0   0  upright
    car              0   0 142  upright
    truck            0   0  70  upright
    bus              0  60 100  upright
    train            0  80 100  upright
    motorcycle       0   0 230  upright
    bicycle        119  11  32  upright
""")


def with_void(labels: Labels) -> Labels:
    """Return the labels plus a last class ``Void``, as the official checkpoints output it."""
    return Labels([*labels, LabelClass('Void', (0, 0, 0), 'void')])
