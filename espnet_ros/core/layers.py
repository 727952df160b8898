"""Which classes make a layer of the cost map, and what they cost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import UNLABELED, Labels
from espnet_ros.core.names import LAYER
from espnet_ros.core.spelling import nearest

UNKNOWN, LETHAL = -1, 100
# The cloud in ~/points beside those of the layers.
CLEAR = 'clear'
# Nav2 reads 99 as "inscribed", which only its inflation may set.
_HIGHEST = 98


@dataclass(frozen=True)
class LayerSpec:
    """One published grid for one group of classes.

    :param name: of the layer, a part of its topic.
    :param classes: names of the model's classes.
    :param cost: 0 (free) to 100 (lethal) for cells of these classes; 99 is published as 98.
    :param min_probability: the share of a cell's evidence that the classes must have together,
        above 0, up to 1. The lower it is, the sooner a thing just seen counts.
    """

    name: str
    classes: tuple[str, ...]
    cost: int
    min_probability: float = 0.5


def published_cost(cost: int) -> int:
    """Return the occupancy of a cost: the same, except for 99, which Nav2 reserves."""
    return cost if cost == LETHAL else min(cost, _HIGHEST)


def layers_from_dict(layers: Mapping[str, Mapping[str, object]]) -> list[LayerSpec]:
    """Return the layers that plain data from YAML specify.

    :param layers: name -> ``{classes: [..], cost: .., min_probability: ..}``.
    :raises ParameterError: if a key is missing or unknown, or a value has the wrong type; all
        offenders are listed.
    """
    problems = [f'{n}: {p}' for n, values in layers.items() for p in plain_problems(n, values)]
    if problems:
        raise ParameterError('layers refused: ' + '; '.join(problems))
    return [_from_plain(name, values) for name, values in layers.items()]


def plain_problems(name: str, values: Mapping[str, object]) -> Iterator[str]:
    """Yield why plain data, see `layers_from_dict`, do not specify a layer.

    :param name: of the layer.
    """
    known = {'classes', 'cost', 'min_probability'}
    yield from (f'unknown {key!r}{_near(key, known)}' for key in values if key not in known)
    yield from (f'{key!r} is missing' for key in ('classes', 'cost') if key not in values)
    classes, cost = values.get('classes', ()), values.get('cost', 0)
    probability = values.get('min_probability', LayerSpec.min_probability)
    if not isinstance(classes, (list, tuple)) or not all(isinstance(c, str) for c in classes):
        yield f'classes must be a list of names, got {classes!r}'
    if isinstance(cost, bool) or not isinstance(cost, int):
        yield f'cost must be a whole number 0..100, got {cost!r}'
    if isinstance(probability, bool) or not isinstance(probability, (int, float)):
        yield f'min_probability must be a number, got {probability!r}'
    yield from _name_problems(name)


def layer_problems(layers: Sequence[LayerSpec], labels: Labels) -> Iterator[str]:
    """Yield what is wrong with the layers of a cost map for a model's labels."""
    if not layers:
        yield 'expected at least one layer'
    names = [layer.name for layer in layers]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f'layer name {name!r} is used {names.count(name)} times'
    for layer in layers:
        yield from (f'{layer.name}: {problem}' for problem in problems_of(layer, labels))


def problems_of(layer: LayerSpec, labels: Labels | None) -> Iterator[str]:
    """Yield what is wrong with one layer.

    :param labels: of the model; None leaves the names of classes unchecked.
    """
    yield from _name_problems(layer.name)
    if not layer.classes:
        yield 'expected at least one class'
    yield from _count_problems(layer) if labels is None else _class_problems(layer, labels)
    if not 0 <= layer.cost <= LETHAL:
        yield f'cost must be 0..{LETHAL}, got {layer.cost}'
    if not 0.0 < layer.min_probability <= 1.0:
        yield f'min_probability must be above 0, up to 1, got {layer.min_probability}'


def _count_problems(layer: LayerSpec) -> Iterator[str]:
    count = len(set(layer.classes))
    # Class ids are 0 to UNLABELED - 1.
    if count > UNLABELED:
        yield f'expected at most {UNLABELED} classes, as no model has more, got {count}'


def _class_problems(layer: LayerSpec, labels: Labels) -> Iterator[str]:
    for name in layer.classes:
        if name not in labels.names:
            yield f'unknown class {name!r}{_near(name, labels.names)}'
    on_map = {c.kind for c in labels} & {'ground', 'upright'}
    kinds = {c.kind for c in labels if c.name in layer.classes}
    # A model without ground and upright classes is used for its masks only.
    if kinds and not kinds & on_map and on_map:
        yield (
            f'no class of kind {" or ".join(sorted(kinds))} gets onto the map '
            f'({", ".join(layer.classes)}): name ground or upright classes'
        )


def _from_plain(name: str, values: Mapping[str, Any]) -> LayerSpec:
    probability = float(values.get('min_probability', LayerSpec.min_probability))
    return LayerSpec(name, tuple(values['classes']), values['cost'], probability)


def _name_problems(name: str) -> Iterator[str]:
    if not re.fullmatch(LAYER, name):
        yield f'layer name {name!r} must be lower case letters, digits and _'
    if name == CLEAR:
        yield f'layer name {CLEAR!r} is taken by ~/points/{CLEAR}, the free ground'


def _near(name: str, known: Sequence[str] | set[str]) -> str:
    match = nearest(name, known)
    if match:
        return f' (did you mean {match!r}?)'
    return f' (known: {", ".join(sorted(known))})'
