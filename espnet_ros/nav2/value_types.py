"""Types of Nav2's parameters: rclcpp throws on a value of the wrong type, and the server dies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from espnet_ros.nav2.views import Finding, View

_DOUBLES = (
    'bond_heartbeat_period bond_respawn_max_duration bond_timeout cost_scaling_factor '
    'cost_scaling_factor_left cost_scaling_factor_right custom_inscribed_radius '
    'expected_update_rate footprint_padding goal_distance_threshold inflation_radius '
    'initial_transform_timeout map_vis_z max_height max_obstacle_distance max_obstacle_height '
    'min_height min_obstacle_distance min_obstacle_height min_range observation_persistence '
    'obstacle_max_range obstacle_min_range origin_x origin_y origin_z publish_frequency '
    'raytrace_max_range raytrace_min_range resolution robot_radius service_timeout '
    'source_timeout tf_filter_tolerance tile_map_decay_time transform_tolerance '
    'update_frequency z_resolution'
)
_INTEGERS = (
    'base_cost combination_method group_connectivity_type height inscribed_obstacle_cost_value '
    'lethal_cost_threshold mark_confidence mark_threshold max_cost minimal_group_size '
    'num_threads samples_to_max_cost unknown_cost_value unknown_threshold width z_voxels'
)
_BOOLEANS = (
    'allow_parameter_qos_overrides always_send_full_costmap attempt_respawn_reconnection '
    'autostart clearing dominant_priority enabled footprint_clearing_enabled '
    'inf_is_valid inflate_around_unknown inflate_unknown map_subscribe_transient_local marking '
    'publish_debug_topics publish_voxel_map restore_cleared_footprint rolling_window '
    'subscribe_to_stamped_footprint subscribe_to_updates track_unknown_space trinary_costmap '
    'use_approximate_time_sync use_cost_selection use_maximum visualize_tile_map'
)
_STRINGS = (
    'confidence_topic data_type footprint global_frame labels_topic map_topic '
    'observation_sources plugin pointcloud_topic robot_base_frame segmentation_topic '
    'sensor_frame topic transport_type'
)
_LISTS = 'class_types classes filters plugins'
_TYPES = {
    name: (words, kind)
    for names, words, kind in (
        (_DOUBLES, 'a number with a decimal point (1.0)', float),
        (_INTEGERS, 'a whole number without a decimal point', int),
        (_BOOLEANS, 'true or false', bool),
        (_STRINGS, 'one string', str),
        (_LISTS, 'a list of strings', list),
    )
    for name in names.split()
}


def is_filled_in(value: Any) -> bool:
    """Tell whether launch replaces the value: ``$(var x)``, or UPPER_CASE."""
    return '$' in str(value) or (isinstance(value, str) and value.isupper())


def wrong_types(view: View, keys: Iterable[str]) -> Iterator[Finding]:
    """Find values of another type than Nav2 declares, such as an integer for a double.

    And nan, which has the right type but fails every comparison.
    """
    for key in keys:
        words, kind = _TYPES.get(key.rpartition('.')[2], ('', None))
        value = view.value(key)
        if kind is None or value is None or view.is_null(key) or is_filled_in(value):
            continue
        fits = all(isinstance(v, str) for v in value) if isinstance(value, list) else True
        if type(value) is not kind or not fits or value != value:
            yield view.error(key, f'{key} is {value!r}, not {words}', f'write {words}')
