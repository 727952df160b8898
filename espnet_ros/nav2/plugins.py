"""The layers that Nav2 can load, by their pluginlib names."""

from __future__ import annotations

from espnet_ros.core.spelling import nearest

# nav2_costmap_2d names its plugins after their types, so with `::` and no slash.
_NAV2 = 'nav2_costmap_2d::'
STATIC, OBSTACLE, VOXEL = f'{_NAV2}StaticLayer', f'{_NAV2}ObstacleLayer', f'{_NAV2}VoxelLayer'
CONTAINER = f'{_NAV2}PluginContainerLayer'
SEMANTIC = 'semantic_segmentation_layer::SemanticSegmentationLayer'
RANGE = f'{_NAV2}RangeSensorLayer'
DENOISE = f'{_NAV2}DenoiseLayer'
INFLATION = tuple(f'{_NAV2}{kind}InflationLayer' for kind in ('', 'Legacy', 'Asymmetric'))
_OTHERS = (
    'KeepoutFilter',
    'SpeedFilter',
    'BinaryFilter',
    'ZoneParameterFilter',
)
PLUGINS = (
    STATIC,
    OBSTACLE,
    VOXEL,
    CONTAINER,
    SEMANTIC,
    RANGE,
    DENOISE,
    *INFLATION,
    *(f'{_NAV2}{name}' for name in _OTHERS),
)

# What Costmap2DROS loads where `plugins` is not given.
DEFAULT_PLUGINS = {
    'static_layer': STATIC,
    'obstacle_layer': OBSTACLE,
    'inflation_layer': INFLATION[0],
}


def plugin_meant(text: str) -> str:
    """Return the plugin that a name means, even if misspelled; empty for somebody else's."""
    if text in PLUGINS:
        return text
    package = text.replace('/', '::').rpartition('::')[0]
    packages = {plugin.rpartition('::')[0] for plugin in PLUGINS}
    is_known = not package or nearest(package, packages, 0.85)
    return _alike(text, 0.75) if is_known else ''


def nearest_plugin(text: str) -> str:
    """Return the plugin with the most similar class name."""
    return _alike(text, 0.0)


def _alike(text: str, least: float) -> str:
    name = text.replace('/', '::').rpartition('::')[2]
    by_name = {plugin.rpartition('::')[2]: plugin for plugin in PLUGINS}
    return by_name.get(nearest(name, by_name, least), '')
