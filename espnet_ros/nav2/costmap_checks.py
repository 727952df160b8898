"""Traps of a whole costmap, whatever kind of layer takes the node's topics."""

from __future__ import annotations

from collections.abc import Iterator

from espnet_ros.nav2.context import Context
from espnet_ros.nav2.topics import Topic
from espnet_ros.nav2.views import INFLATION, STATIC, Costmap, Finding, View

# Parameters by type; an integer for a double (or a string for either) stops the server.
_DOUBLES = (
    'cost_scaling_factor expected_update_rate inflation_radius max_obstacle_distance '
    'max_obstacle_height min_obstacle_distance min_obstacle_height observation_persistence '
    'obstacle_max_range obstacle_min_range origin_z publish_frequency raytrace_max_range '
    'raytrace_min_range resolution robot_radius tile_map_decay_time transform_tolerance '
    'update_frequency z_resolution'
)
_INTEGERS = (
    'base_cost combination_method height inscribed_obstacle_cost_value lethal_cost_threshold '
    'mark_confidence mark_threshold max_cost samples_to_max_cost unknown_cost_value '
    'unknown_threshold width z_voxels'
)
_BOOLEANS = (
    'always_send_full_costmap clearing dominant_priority enabled footprint_clearing_enabled '
    'inf_is_valid map_subscribe_transient_local marking publish_voxel_map rolling_window '
    'subscribe_to_updates track_unknown_space trinary_costmap use_approximate_time_sync '
    'use_cost_selection use_maximum visualize_tile_map'
)
_STRINGS = (
    'confidence_topic data_type global_frame labels_topic map_topic observation_sources plugin '
    'pointcloud_topic robot_base_frame segmentation_topic sensor_frame topic'
)
_LISTS = 'class_types classes plugins'
_TYPES = {
    name: (words, kind)
    for names, words, kind in (
        (_DOUBLES, 'a number with a point (1.0)', float),
        (_INTEGERS, 'a whole number without a point', int),
        (_BOOLEANS, 'true or false', bool),
        (_STRINGS, 'one string', str),
        (_LISTS, 'a list of strings', list),
    )
    for name in names.split()
}


def wrong_type(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find values of another type: rclcpp throws on them and the server does not start."""
    ours = tuple(layer.prefix for layer in costmap.ours)
    for key in costmap.names():
        words, kind = _TYPES.get(key.rpartition('.')[2], ('', None))
        value = costmap.value(key)
        relevant = '.' not in key or key.startswith(ours)
        # What launch fills in later ($(var x), UPPER_CASE) is a string until then.
        filled_in = isinstance(value, str) and (value.isupper() or '$' in value)
        if kind is None or type(value) is kind or filled_in or not relevant:
            continue
        yield costmap.error(key, f'{key} is {value!r}, not {words}', f'write {words}')


def not_in_plugins(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find layers that are not in `plugins`: Costmap2DROS loads no others."""
    for layer in costmap.unlisted:
        plugins = f'{layer.parent}.plugins' if layer.parent else 'plugins'
        problem = f'{layer.name} is not in {plugins}, so it is never loaded'
        yield layer.error('', problem, f'add it to {plugins}')


def source_not_listed(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find sources that are not in `observation_sources`: the layer subscribes to no others."""
    for layer in costmap.ours:
        for source in layer.unlisted_sources:
            yield source.error(
                '',
                f'{source.name} is not in observation_sources of {layer.name}, so nothing '
                'subscribes to it',
                f'observation_sources: {" ".join([*layer.source_names, source.name])}',
            )


def disabled(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find layers that are switched off: they subscribe and change nothing."""
    for layer in costmap.ours:
        if layer.value('enabled', True) is False:
            yield layer.warning('enabled', f'{layer.name} is switched off', 'enabled: true')


def overwritten(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find layers that overwrite earlier ones, obstacles with FREE included.

    StaticLayer does so unless `use_maximum`, the others with `combination_method: 0`.
    """
    for index, layer in enumerate(costmap.layers):
        earlier = [x for x in costmap.layers[:index] if x.parent == layer.parent]
        if not earlier or not any(x.is_ours for x in (layer, *earlier)):
            continue
        names = ', '.join(x.name for x in earlier)
        if layer.kind == STATIC and costmap.value('use_maximum', False) is False:
            says = costmap.says('use_maximum', False)
            yield costmap.error(
                'use_maximum',
                f'{says}: {layer.name} overwrites {names}, obstacles too',
                f'use_maximum: true, or {layer.name} first in plugins',
            )
        elif layer.value('combination_method') == 0 and layer.kind != STATIC:
            yield layer.error(
                'combination_method',
                f'{layer.name} overwrites {names}, obstacles too',
                'combination_method: 1 (the maximum)',
            )


def after_inflation(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find layers after the inflation, which grows only the lethal cells before it."""
    inflated = False
    for layer in costmap.layers:
        inflated = inflated or layer.kind in INFLATION
        if inflated and layer.is_ours:
            yield layer.error(
                '',
                f'{layer.name} comes after the inflation layer, so the robot may pass its '
                'obstacles with no distance',
                'the inflation layer last in plugins',
            )


def relative_topic(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find relative topics, which mean something else from release to release.

    Kilted and later join those of static and obstacle layers with the namespace above the
    costmap; on Humble and Jazzy, and in the semantic layer, they end below the costmap.
    """
    for layer in costmap.ours:
        topics: list[tuple[View, str, Topic]] = []
        for source in layer.sources:
            topics += [(source, key, topic) for key, topic in source.topics.items()]
        if layer.map_topic and layer.topic_key:
            topics.append((layer.topic_key, 'map_topic', layer.map_topic))
        for view, key, topic in topics:
            if not topic.is_absolute:
                below = f'{costmap.node.name.rpartition("/")[0]}/{topic.text}'
                yield view.error(
                    key,
                    f'{topic.text} is relative and means {below} on Humble and Jazzy and in the '
                    'semantic layer',
                    f'{key}: /{topic.text} (with the namespace of the node segmentation)',
                )


CHECKS = (
    wrong_type,
    not_in_plugins,
    source_not_listed,
    disabled,
    overwritten,
    after_inflation,
    relative_topic,
)
