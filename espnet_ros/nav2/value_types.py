"""Types of Nav2's parameters: rclcpp throws on a value of another one, and the server dies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from espnet_ros.nav2.views import Finding, View

_DOUBLES = (
    'bond_heartbeat_period bond_respawn_max_duration bond_timeout cost_scaling_factor '
    'expected_update_rate inflation_radius max_height max_obstacle_distance max_obstacle_height '
    'min_height min_obstacle_distance min_obstacle_height min_range observation_persistence '
    'obstacle_max_range obstacle_min_range origin_z publish_frequency raytrace_max_range '
    'raytrace_min_range resolution robot_radius service_timeout source_timeout '
    'tile_map_decay_time transform_tolerance update_frequency z_resolution'
)
_INTEGERS = (
    'base_cost combination_method height inscribed_obstacle_cost_value lethal_cost_threshold '
    'mark_confidence mark_threshold max_cost samples_to_max_cost unknown_cost_value '
    'unknown_threshold width z_voxels'
)
_BOOLEANS = (
    'always_send_full_costmap attempt_respawn_reconnection autostart clearing dominant_priority '
    'enabled footprint_clearing_enabled inf_is_valid map_subscribe_transient_local marking '
    'publish_voxel_map rolling_window subscribe_to_updates track_unknown_space trinary_costmap '
    'use_approximate_time_sync use_cost_selection use_maximum visualize_tile_map'
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


def wrong_types(view: View, keys: Iterable[str]) -> Iterator[Finding]:
    """Find values of another type than Nav2 declares, an integer for a double among them."""
    for key in keys:
        words, kind = _TYPES.get(key.rpartition('.')[2], ('', None))
        value = view.value(key)
        # What launch fills in later ($(var x), UPPER_CASE) is a string until then.
        filled_in = isinstance(value, str) and (value.isupper() or '$' in value)
        if kind is None or type(value) is kind or filled_in:
            continue
        yield view.error(key, f'{key} is {value!r}, not {words}', f'write {words}')
