"""Which classes make a layer of the costmap, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from espnet_ros.core.labels import UNLABELED, Labels
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


def layer_problems(layers: Sequence[LayerSpec], labels: Labels) -> Iterator[str]:
    """Yield what is wrong with the layers of a costmap for a model's labels."""
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


def _near(name: str, known: Sequence[str]) -> str:
    match = nearest(name, known)
    if match:
        return f' (did you mean {match!r}?)'
    return f' (known: {", ".join(sorted(known))})'
