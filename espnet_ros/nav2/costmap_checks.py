"""Traps of a whole costmap, whatever kind of layer subscribes to the node's topics."""

from __future__ import annotations

from collections.abc import Iterator

from espnet_ros.core.layers import LETHAL
from espnet_ros.nav2.context import Context
from espnet_ros.nav2.costmaps import CostmapSection, Layer
from espnet_ros.nav2.plugins import (
    CONTAINER,
    DENOISE,
    INFLATION,
    OBSTACLE,
    RANGE,
    SEMANTIC,
    STATIC,
    VOXEL,
)
from espnet_ros.nav2.value_types import wrong_types
from espnet_ros.nav2.views import Finding

# A cost of Nav2; a DenoiseLayer ignores lower ones.
_INSCRIBED = 253
# The last part of a frame's name (robot1/odom).
_OF_ROBOT = ('base_link', 'base_footprint')
_OF_WORLD = ('map', 'odom')


def wrong_type(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find values of the wrong type: rclcpp throws on them and the server does not start."""
    # A RangeSensorLayer has parameters of the same names but other types.
    known = tuple(la.prefix for la in costmap.layers if la.kind and la.kind != RANGE)
    relevant = [key for key in costmap.names() if '.' not in key or key.startswith(known)]
    yield from wrong_types(costmap, relevant)


def fixed_window(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find costmaps that neither roll nor hold a map: they stay behind when the robot leaves.

    A costmap with a size, and a place that does not drift, is meant to be fixed.
    """
    frame = str(costmap.value('global_frame', 'map'))
    has_size = costmap.given('width') and costmap.given('height')
    has_place = costmap.given('origin_x') or costmap.given('origin_y')
    on_purpose = has_size and (has_place or _last(frame) != 'odom')
    if costmap.is_fixed and not costmap.has_size_of_map and not on_purpose:
        yield costmap.error(
            'rolling_window',
            f'{costmap.says("rolling_window", False)}: the costmap stays at the origin of {frame} '
            'when the robot leaves it, so the robot then sees nothing',
            'rolling_window: true; or, if the robot stays in one area, the width, height, '
            'origin_x and origin_y of that area',
        )


def frames(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find frames in which the robot never moves, so that marks move with it or are misplaced.

    Nav2 takes the pose of `robot_base_frame` in `global_frame` as the robot's.
    """
    frame = str(costmap.value('global_frame', 'map'))
    base = str(costmap.value('robot_base_frame', 'base_link'))
    if _last(frame) in _OF_ROBOT:
        yield costmap.error(
            'global_frame',
            f'{costmap.says("global_frame", "map")}: marked obstacles move along with the robot',
            'global_frame: odom, or map in a global costmap',
        )
    elif frame == base or _last(base) in _OF_WORLD:
        yield costmap.error(
            'robot_base_frame',
            f'{costmap.says("robot_base_frame", "base_link")}: to Nav2, the robot always stands '
            f'at the origin of {base}',
            'robot_base_frame: base_link',
        )


def never_updated(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find an `update_frequency` of 0.0: Nav2 waits for the first update before it is active."""
    rate = costmap.number('update_frequency', 5.0)
    if rate is not None and rate <= 0.0:
        yield costmap.error(
            'update_frequency',
            f'{costmap.says("update_frequency", 5.0)}: the costmap is never updated, and Nav2 '
            'does not start',
            'update_frequency: 10.0',
        )


def no_cells(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find sizes without a cell, where nothing can be marked; Nav2 accepts them at start."""
    resolution = costmap.number('resolution', 0.1)
    if resolution is None:
        return
    least = {'resolution': (0.1, 0.0)}
    if not costmap.has_size_of_map:
        least |= dict.fromkeys(('width', 'height'), (5, resolution))
    for key, (default, limit) in least.items():
        given = costmap.number(key, default)
        if given is not None and (given <= 0.0 or given < limit):
            yield costmap.error(
                key,
                f'{costmap.says(key, default)}: the costmap has no cells',
                f'{key}: {"0.1" if key == "resolution" else "10"} (metres)',
            )


def disabled(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find layers that are switched off: they subscribe and change nothing."""
    for layer in costmap.ours:
        if layer.value('enabled', True) is False:
            yield layer.warning('enabled', f'{layer.name} is switched off', 'enabled: true')


def overwritten(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find layers that overwrite earlier ones, obstacles with FREE included.

    StaticLayer does so unless `use_maximum` is true, others if `combination_method` is 0.
    """
    for index, layer in enumerate(costmap.layers):
        beside = [x for x in costmap.layers[:index] if x.parent == layer.parent]
        earlier = [x for x in beside if x.makes_known]
        if not earlier or not any(x.brings_ours for x in (layer, *earlier)):
            continue
        names = ', '.join(x.name for x in earlier)
        if layer.kind == STATIC and costmap.value('use_maximum', False) is False:
            says = costmap.says('use_maximum', False)
            yield costmap.error(
                'use_maximum',
                f'{says}: {layer.name} overwrites {names}, including obstacles',
                f'use_maximum: true, or list {layer.name} first in plugins',
            )
        elif layer.value('combination_method') == 0 and layer.kind != STATIC:
            yield layer.error(
                'combination_method',
                f'{layer.name} overwrites {names}, including obstacles',
                'combination_method: 1 (the maximum)',
            )


def combination_method(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find a `combination_method` that keeps a layer out of the costmap.

    Humble knows only 0 and 1. From Jazzy on, 2 is the maximum where the costmap is already known,
    and others count as 1. (Humble has no containers; kiwicampus' layer has its own rule.)
    """
    for layer in costmap.layers:
        method = layer.number('combination_method', 1)
        merges = layer.kind in (OBSTACLE, VOXEL, CONTAINER) and layer.brings_ours
        if not merges or method is None or method in (0, 1):
            continue
        cure = 'combination_method: 1 (the maximum)'
        if method == 2 and _starts_unknown(layer):
            yield layer.error(
                'combination_method',
                f'combination_method is 2, which leaves unknown cells unknown, and no layer '
                f'before {layer.name} makes cells known: it marks nothing',
                cure,
            )
        elif layer.kind != CONTAINER:
            yield layer.warning(
                'combination_method',
                f'combination_method is {method:g}: on Humble nothing of {layer.name} reaches '
                'the costmap',
                cure,
            )


def after_inflation(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find layers after the inflation layer, which inflates only what comes before it."""
    inflated = False
    for layer in costmap.layers:
        inflated = inflated or layer.kind in INFLATION
        if inflated and layer.is_ours:
            yield layer.error(
                '',
                f'{layer.name} comes after the inflation layer, so the robot may pass its '
                'obstacles without clearance',
                'list the inflation layer last in plugins',
            )


def denoised(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find layers before a DenoiseLayer, which clears small groups of lethal cells.

    It clears groups of fewer than `minimal_group_size` (2) cells; a thin pole's contact is one.
    """
    for index, layer in enumerate(costmap.layers):
        size = layer.number('minimal_group_size', 2)
        if layer.kind != DENOISE or layer.value('enabled', True) is False or size is None:
            continue
        # Inside a container it sees only what the container's layers marked.
        scope = layer.prefix.removesuffix(f'{layer.name}.')
        before = [la for la in costmap.layers[:index] if la.prefix.startswith(scope)]
        names = ', '.join(la.name for la in before if la.is_ours and _may_be_lethal(la, context))
        if names and size > 1:
            yield layer.warning(
                'minimal_group_size',
                f'{layer.says("minimal_group_size", 2)}: {layer.name} clears smaller groups of '
                f'lethal cells of {names}, such as a thin pole',
                f'list {layer.name} before {names} in plugins, or minimal_group_size: 1',
            )


def _may_be_lethal(layer: Layer, context: Context) -> bool:
    if layer.map_topic:
        cost = context.layer_cost(layer.map_topic.layer)
        return cost is None or cost >= LETHAL
    if layer.kind != SEMANTIC:
        return bool(layer.marking_sources)
    costs = [
        source.number(f'{group}.{key}', 0)
        for source in layer.sources
        for group in source.texts('class_types')
        for key in ('base_cost', 'max_cost')
    ]
    return any(cost is None or cost >= _INSCRIBED for cost in costs)


def _starts_unknown(layer: Layer) -> bool:
    """Return whether the costmap, or the layer's container, is all unknown before the layer."""
    layers = [la for la in layer.costmap.layers if la.parent == layer.parent]
    before = layers[: [la.prefix for la in layers].index(layer.prefix)]
    fills = [la for la in before if la.value('enabled', True) is not False and la.makes_known]
    tracks = layer.costmap.value('track_unknown_space', False) is True
    return not fills and (tracks or bool(layer.parent))


def _last(frame: str) -> str:
    return frame.rpartition('/')[2]


# Also for costmaps that do not use the node: Nav2 starts with all of them or not at all.
FOR_ALL = (wrong_type,)
CHECKS = (
    fixed_window,
    frames,
    never_updated,
    no_cells,
    disabled,
    overwritten,
    combination_method,
    after_inflation,
    denoised,
)
