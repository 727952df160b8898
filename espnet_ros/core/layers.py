"""Which classes make a layer of the cost map, and what they cost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import Labels
from espnet_ros.core.names import LAYER
from espnet_ros.core.spelling import nearest

UNKNOWN, LETHAL = -1, 100
# ~/points has this beside the layers.
CLEAR = 'clear'
# Nav2 takes 99 for "inscribed", which inflation alone may say.
_HIGHEST = 98


@dataclass(frozen=True)
class LayerSpec:
    """One published grid for one group of classes.

    :param name: of the layer, a part of its topic.
    :param classes: names of the model's classes.
    :param cost: 0 (free) to 100 (lethal) for cells of these classes; 99 is published as 98.
    :param min_probability: what share of a cell's evidence the classes must have together,
        above 0 up to 1. The lower, the sooner a thing just seen counts.
    """

    name: str
    classes: tuple[str, ...]
    cost: int
    min_probability: float = 0.5


def published_cost(cost: int) -> int:
    """Return the occupancy of a cost: all but 99, which Nav2 keeps for itself."""
    return cost if cost == LETHAL else min(cost, _HIGHEST)


def layers_from_dict(layers: Mapping[str, Mapping[str, object]]) -> list[LayerSpec]:
    """Return the specifications of plain data, as YAML gives it.

    :param layers: name -> ``{classes: [..], cost: .., min_probability: ..}``.
    :raises ParameterError: if a key is missing or unknown or a value of another type; all
        offenders are listed.
    """
    specs, problems = [], []
    for name, values in layers.items():
        known = {'classes', 'cost', 'min_probability'}
        wrong = [f'unknown {key!r}{_near(key, known)}' for key in values if key not in known]
        wrong += [f'{key!r} is missing' for key in ('classes', 'cost') if key not in values]
        classes, cost = values.get('classes', ()), values.get('cost', 0)
        probability = values.get('min_probability', LayerSpec.min_probability)
        if not isinstance(classes, (list, tuple)) or not all(isinstance(c, str) for c in classes):
            wrong.append(f'classes must be a list of names, got {classes!r}')
        if isinstance(cost, bool) or not isinstance(cost, int):
            wrong.append(f'cost must be a whole number 0..100, got {cost!r}')
        if isinstance(probability, bool) or not isinstance(probability, (int, float)):
            wrong.append(f'min_probability must be a number, got {probability!r}')
        problems += [f'{name}: {what}' for what in wrong]
        problems += _name_problems(name)
        if not wrong:
            specs.append(LayerSpec(name, tuple(classes), cost, float(probability)))  # type: ignore[arg-type]
    if problems:
        raise ParameterError('layers refused: ' + '; '.join(problems))
    return specs


def layer_problems(layers: Sequence[LayerSpec], labels: Labels) -> Iterator[str]:
    """Yield what is wrong with layers of a cost map that is made with a model's labels."""
    if not layers:
        yield 'expected at least one layer'
    names = [layer.name for layer in layers]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f'layer name {name!r} is used {names.count(name)} times'
    on_map = {c.kind for c in labels} & {'ground', 'upright'}
    for layer in layers:
        yield from _name_problems(layer.name)
        if not layer.classes:
            yield f'{layer.name}: expected at least one class'
        for name in layer.classes:
            if name not in labels.names:
                yield f'{layer.name}: unknown class {name!r}{_near(name, labels.names)}'
        kinds = {c.kind for c in labels if c.name in layer.classes}
        # Of a model that has no others, its masks are wanted alone.
        if kinds and not kinds & on_map and on_map:
            yield (
                f'{layer.name}: nothing of kind {" or ".join(sorted(kinds))} comes to the map '
                f'({", ".join(layer.classes)}): name ground or upright classes'
            )
        if not 0 <= layer.cost <= LETHAL:
            yield f'{layer.name}: cost must be 0..{LETHAL}, got {layer.cost}'
        if not 0.0 < layer.min_probability <= 1.0:
            yield (
                f'{layer.name}: min_probability must be above 0, up to 1, '
                f'got {layer.min_probability}'
            )


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
