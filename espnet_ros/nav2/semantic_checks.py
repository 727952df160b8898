"""Traps of kiwicampus' SemanticSegmentationLayer on the node's images and clouds."""

from __future__ import annotations

from collections.abc import Iterator

from espnet_ros.core.spelling import nearest
from espnet_ros.nav2.context import Context
from espnet_ros.nav2.costmaps import SEMANTIC_TOPICS, Layer, Source
from espnet_ros.nav2.views import Finding

# Raw costs: 255 is NO_INFORMATION.
HIGHEST_COST = 254


def class_types(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find missing `class_types` or classes: without them the layer ends the server, exit(-1)."""
    for source in layer.sources:
        names = source.texts('class_types')
        if not names:
            yield source.error(
                'class_types',
                f'{source.name} has no class_types: the layer ends the Nav2 server',
                'class_types: [traversable, danger], each with classes and costs',
            )
        for name in names:
            if not source.texts(f'{name}.classes'):
                yield source.error(
                    f'{name}.classes',
                    f'the class type {name} has no classes: it is skipped, and a layer without '
                    'any class ends the Nav2 server',
                    f'{name}: {{classes: [...]}}, or remove it from class_types',
                )
        for name in _groups(source):
            if names and name not in names:
                yield source.error(
                    f'{name}.classes',
                    f'{name} is not in class_types, so its classes are never marked',
                    f'class_types: [{", ".join([*names, name])}]',
                )


def class_names(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find names that do not match LabelInfo letter by letter: they are never marked."""
    if context.labels is None:
        return
    for source in layer.sources:
        for group in _groups(source):
            for name in source.texts(f'{group}.classes'):
                if name in context.labels.names:
                    continue
                near = nearest(name, context.labels.names)
                names = ', '.join(context.labels.names)
                yield source.error(
                    f'{group}.classes',
                    f'{name!r} is no class of {context.model}, so it is never marked',
                    repr(near) if near else f'one of {names}, or another --model',
                )


def class_unmapped(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find classes of LabelInfo that are in no class type: the layer skips them."""
    if context.labels is None:
        return
    for source in layer.sources:
        named = {n for group in _groups(source) for n in source.texts(f'{group}.classes')}
        kinds = ('ground', 'upright')
        missing = [c.name for c in context.labels if c.kind in kinds and c.name not in named]
        if named and missing:
            yield source.warning(
                'class_types',
                f'no class type holds {", ".join(missing)} of {context.model}: the layer never '
                'marks them',
                'add a class type for each of them',
            )


def class_twice(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find classes in two class types: the first one's costs count."""
    for source in layer.sources:
        first: dict[str, str] = {}
        for group in _groups(source):
            for name in source.texts(f'{group}.classes'):
                if first.setdefault(name, group) != group:
                    yield source.warning(
                        f'{group}.classes',
                        f'{name} is already in class type {first[name]}, whose costs count',
                        f'keep {name} in one class type only',
                    )


def cost_range(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find costs above 254 (255 is unknown) and a `mark_confidence` that nothing exceeds."""
    for source in layer.sources:
        for group in _groups(source):
            for key in ('base_cost', 'max_cost'):
                cost = source.number(f'{group}.{key}', 0)
                if cost is not None and not 0 <= cost <= HIGHEST_COST:
                    yield source.error(
                        f'{group}.{key}',
                        f'{key} is {cost:g}: costs are 0 (free) to {HIGHEST_COST} (lethal), 255 '
                        'means unknown',
                        f'{key}: {HIGHEST_COST} or less',
                    )
            confidence = source.number(f'{group}.mark_confidence', 0)
            if confidence is not None and not 0 <= confidence < 255:
                yield source.error(
                    f'{group}.mark_confidence',
                    f'mark_confidence is {confidence:g}: expected 0 to 254, because confidence '
                    'must exceed it for max_cost and is at most 255',
                    'mark_confidence: 128',
                )


def cost_order(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find a `base_cost` above `max_cost`, which replaces it after enough samples."""
    for source in layer.sources:
        for group in _groups(source):
            base, most = (source.number(f'{group}.{k}', 0) for k in ('base_cost', 'max_cost'))
            if base is not None and most is not None and base > most:
                given = source.given(f'{group}.max_cost')
                yield source.warning(
                    f'{group}.base_cost',
                    f'base_cost {base:g} is above max_cost, which is {most:g}'
                    f'{"" if given else " by default"}: the more certain {group} is, the less it '
                    'costs',
                    f'max_cost: {base:g} or more in {group}',
                )


def samples(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find a `samples_to_max_cost` without effect, or that no tile collects before it decays."""
    for source in layer.sources:
        seconds = source.number('tile_map_decay_time', 5.0)
        for group in _groups(source):
            key = f'{group}.samples_to_max_cost'
            count = source.number(key, 0)
            costs = {source.number(f'{group}.{k}', 0) for k in ('base_cost', 'max_cost')}
            if count is None or seconds is None or len(costs) == 1:
                continue
            most = seconds / context.cloud_period_s + 1
            if count < 0:
                yield source.warning(
                    key,
                    f'samples_to_max_cost is {count:g}: max_cost counts at once, as with 0',
                    'samples_to_max_cost: 3',
                )
            elif seconds > 0.0 and count > most:
                yield source.error(
                    key,
                    f'samples_to_max_cost is {count:g}, but a tile forgets after {seconds:g} s, '
                    f'and at most {int(most)} come in that time (grid.update_rate, '
                    'input.max_rate): max_cost is never reached',
                    'samples_to_max_cost: 3',
                )


def nothing_marked(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find distances with no point between them, and tiles that decay before they are marked.

    The layer drops what is older than `tile_map_decay_time` before it marks, and an image is
    always older than 0.0. It compares squares of distances, so their signs do not count.
    """
    for source in layer.sources:
        least = source.number('min_obstacle_distance', 0.3)
        most = source.number('max_obstacle_distance', 5.0)
        if least is not None and most is not None and abs(most) <= abs(least):
            given = source.given('max_obstacle_distance')
            yield source.error(
                'max_obstacle_distance' if given else 'min_obstacle_distance',
                f'max_obstacle_distance {most:g} is not above min_obstacle_distance {least:g}: '
                f'{source.name} marks nothing',
                'max_obstacle_distance: 6.0 and min_obstacle_distance: 0.3',
            )
        seconds = source.number('tile_map_decay_time', 5.0)
        if seconds is not None and seconds <= 0.0:
            yield source.error(
                'tile_map_decay_time',
                f'tile_map_decay_time is {seconds:g}: {source.name} forgets everything before it '
                'is marked',
                'tile_map_decay_time: 2.0',
            )


def combination_method(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find a `combination_method` that the layer does not know: it then merges nothing."""
    method = layer.number('combination_method', 1)
    if method is not None and method not in (0, 1):
        yield layer.error(
            'combination_method',
            f'combination_method is {method:g}, neither 0 nor 1: nothing of {layer.name} reaches '
            'the costmap',
            'combination_method: 1 (the maximum)',
        )


def fitting_topics(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find a mask, confidence and cloud that differ in size or camera.

    If mask and cloud differ in size, the layer drops every mask; a smaller confidence is read out
    of bounds.
    """
    for source in layer.sources:
        topics = source.topics
        for key in SEMANTIC_TOPICS:
            if key != 'confidence_topic' and not source.value(key):
                yield source.error(
                    key, f'{source.name} has no {key}', f'{key}: {_expected(source, key)}'
                )
        mask, cloud = topics.get('segmentation_topic'), topics.get('pointcloud_topic')
        if not mask:
            continue
        small = mask.output.startswith('nav/')
        ours = bool(cloud and cloud.output == 'nav/points')
        if source.value('pointcloud_topic') and small != ours:
            problem = f'{mask.text} and {source.value("pointcloud_topic")} differ in size'
            cure = 'nav/mask with nav/points, or mask with a cloud of the same size as the image'
            yield source.error('segmentation_topic', f'{problem}: every mask is dropped', cure)
        confidence = topics.get('confidence_topic')
        if confidence and confidence.output.startswith('nav/') != small:
            effect = 'it is that of other pixels' if small else 'memory is read out of bounds'
            yield source.error(
                'confidence_topic',
                f'{confidence.text} and {mask.text} differ in size: {effect}',
                f'confidence_topic: {_expected(source, "confidence_topic")}',
            )
        if len({t.camera for k, t in topics.items() if k != 'labels_topic'}) > 1:
            yield source.error(
                'segmentation_topic',
                f'{source.name} mixes topics of several cameras, whose stamps never match',
                'use one source for each camera',
            )


def no_effect(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find parameters that the layer never uses: Nav2 does not notice a dead segmenter."""
    for source in layer.sources:
        for key in ('expected_update_rate', 'observation_persistence'):
            if source.number(key, 0.0):
                yield source.warning(
                    key,
                    f'{key} does nothing in this layer: Nav2 does not notice a dead segmenter',
                    f'remove {key}; for a fail-safe add an ObstacleLayer source with '
                    'expected_update_rate (see config/nav2/obstacle_layer.yaml)',
                )


def _groups(source: Source) -> list[str]:
    """Return the class types with classes, the listed ones first in their order."""
    listed = source.texts('class_types')
    found = [key.partition('.')[0] for key in source.names() if key.endswith('.classes')]
    return list(dict.fromkeys([*(n for n in listed if n in found), *found]))


def _expected(source: Source, key: str) -> str:
    some = next(iter(source.topics.values()))
    strided = any(topic.output.startswith('nav/') for topic in source.topics.values())
    names = {'segmentation_topic': 'mask', 'confidence_topic': 'confidence'}
    if key in names:
        return some.beside(f'{"nav/" if strided else ""}{names[key]}')
    return some.beside({'labels_topic': 'label_info'}.get(key, 'nav/points'))


CHECKS = (
    class_types,
    class_names,
    class_unmapped,
    class_twice,
    cost_range,
    cost_order,
    samples,
    nothing_marked,
    combination_method,
    fitting_topics,
    no_effect,
)
