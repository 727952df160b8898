"""Traps of nav2_costmap_2d::StaticLayer on a grid of the node."""

from __future__ import annotations

import math
from collections.abc import Iterator

from espnet_ros.core.config import GridConfig
from espnet_ros.core.layers import LETHAL
from espnet_ros.nav2.context import Context
from espnet_ros.nav2.costmaps import CostmapSection, Layer
from espnet_ros.nav2.views import Finding

# Cell sizes that differ by no more than this are the same.
_SAME_M = 1e-6
# (server, seconds it waits for a costmap before it gives up).
_WAITS = {'local': ('controller_server', 0.3), 'global': ('planner_server', 1.0)}


def trinary_costmap(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find a trinary costmap, where everything but 100 becomes FREE (navigation2#2729).

    Layers that are free or lethal lose nothing by that.
    """
    costmap, topic, costs = layer.costmap, layer.map_topic, context.layer_costs
    names = [topic.layer] if topic and topic.layer else list(costs)
    lossless = bool(names) and {costs.get(name) for name in names} <= {0, LETHAL}
    if costmap.value('trinary_costmap', True) is True and not lossless:
        yield costmap.error(
            'trinary_costmap',
            f'{costmap.says("trinary_costmap", True)}: every cost of {layer.name} below 100 '
            'becomes free space',
            'trinary_costmap: false',
        )


def volatile_map(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find volatile subscriptions, which miss the latched grid sent before them."""
    if layer.value('map_subscribe_transient_local', True) is False:
        yield layer.error(
            'map_subscribe_transient_local',
            f'{layer.name} subscribes as volatile, so it is empty until the next grid',
            'map_subscribe_transient_local: true',
        )


def non_rolling(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find fixed costmaps, which each new grid resizes to its own window."""
    costmap = layer.costmap
    if costmap.is_fixed:
        yield costmap.error(
            'rolling_window',
            f'{costmap.says("rolling_window", False)}: each grid of {layer.name} resizes the '
            'whole costmap to its own window, in conflict with every other map',
            'rolling_window: true, or remove the layer from this costmap',
        )


def wrong_frame(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find costmaps in another frame than the grid.

    StaticLayer places a grid with the latest transform, not with that of its stamp, so the grid
    smears; and on Humble and Kilted the bounds of a rolling costmap are wrong.
    """
    costmap, frame = layer.costmap, context.grid_frame
    given = costmap.value('global_frame', 'map')
    if str(given).lstrip('/') != frame and '$' not in str(given):
        yield costmap.error(
            'global_frame',
            f'{costmap.says("global_frame", "map")}, but the grid of {layer.name} is in {frame} '
            'and would be moved by the latest transform, not by the one at its stamp',
            f'global_frame: {frame}, or grid.frame: {given} in the node segmentation',
        )


def coarse_costmap(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find costmaps coarser than the grid: Nav2 reads the grid only at the middle of their cells.

    What lies between is lost, and the node marks obstacles one cell thick. Only a rolling costmap
    reads this way; a fixed one takes the grid's resolution.
    """
    costmap, given_m = layer.costmap, context.grid_resolutions_m
    # With several robots in the files, it may be any of them.
    fine_m = max(given_m, default=GridConfig.resolution)
    side_m = costmap.number('resolution', 0.1)
    if side_m is not None and side_m > fine_m + _SAME_M and not costmap.is_fixed:
        found = costmap.error if given_m else costmap.warning
        yield found(
            'resolution',
            f'{costmap.says("resolution", 0.1)}, but the cells of {layer.name} are {fine_m:g} m'
            f'{"" if given_m else " by default"}: Nav2 reads one of them for each cell of the '
            'costmap, so whole walls can be missed',
            f'resolution: {fine_m:g}, or grid.resolution: {side_m:g} in the node segmentation',
        )


def unknown_beats_lethal(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find unknown (255) that wins over lethal (254): `use_maximum` before navigation2#6516."""
    costmap = layer.costmap
    unknown = costmap.value('track_unknown_space', False) is True
    if unknown and costmap.value('use_maximum', False) is True:
        yield costmap.error(
            'track_unknown_space',
            f'with use_maximum, what {layer.name} has not seen (255) wins over the obstacles of '
            'other layers (254)',
            'track_unknown_space: false',
        )


def special_values(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find changed meanings of values: 0..98 are graded, 100 lethal, -1 (255 as a byte) unknown.

    StaticLayer clamps the threshold to 0..100, and takes the lowest byte of the other values.
    """
    costmap = layer.costmap
    expected = {'lethal_cost_threshold': 100, 'unknown_cost_value': 255}
    # 99 is inscribed by default, and the node never sends it.
    expected['inscribed_obstacle_cost_value'] = 99
    meanings = {
        'lethal_cost_threshold': 'graded costs from there on become lethal',
        'unknown_cost_value': 'unseen cells become lethal, and cells of that cost unknown',
        'inscribed_obstacle_cost_value': 'that cost becomes an inscribed obstacle',
    }
    for key, value in expected.items():
        given = costmap.number(key, value)
        if given is None or not math.isfinite(given):
            continue
        taken = min(given, 100) if key == 'lethal_cost_threshold' else given % 256
        if taken != value:
            yield costmap.error(key, f'{key} is {given:g}: {meanings[key]}', f'{key}: {value}')


def slow_update(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find costmaps slower than the grids, each of which stalls Lyrical until the next cycle.

    A new grid makes the costmap "not current" until then (navigation2#5984); controller_server and
    planner_server wait for that and give up after `costmap_update_timeout` (0.30 s and 1.0 s).
    """
    costmap = layer.costmap
    rate = costmap.number('update_frequency', 5.0)
    server, seconds = _WAITS['global' if 'global' in costmap.name else 'local']
    timeout = context.number_of(server, 'costmap_update_timeout', seconds)
    if rate is None or timeout <= 0.0:  # then nobody waits
        return
    says = costmap.says('update_frequency', 5.0)
    wanted = 2 * max(context.grid_rate_hz, 1 / timeout)
    if rate * timeout <= 1:
        yield costmap.error(
            'update_frequency',
            f'{says}: on Lyrical {server} gives up waiting for {layer.name} ({timeout:g} s)',
            f'update_frequency: {wanted:.1f}, or no StaticLayer here',
        )
    elif rate < 2 * context.grid_rate_hz:
        yield costmap.warning(
            'update_frequency',
            f'{says}: on Lyrical {server} stalls until the next cycle after each grid of '
            f'{layer.name} (up to {context.grid_rate_hz:g} a second)',
            f'update_frequency: {wanted:.1f}',
        )


def no_updates(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find subscriptions to `<map_topic>_updates`, which nobody publishes."""
    if layer.value('subscribe_to_updates', False) is True:
        yield layer.warning(
            'subscribe_to_updates',
            f'the node segmentation sends no updates, so {layer.name} waits for nothing',
            'subscribe_to_updates: false',
        )


def stale_is_free(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find a dead camera that leaves the way free: StaticLayer keeps the last grid for ever.

    And without `track_unknown_space`, unknown cells are FREE.
    """
    on_stale = str(context.own_value('grid.on_stale', GridConfig().on_stale))
    tracks = layer.costmap.value('track_unknown_space', False) is True
    effect = {'hold': f'{layer.name} keeps the last grid for ever'}
    if not tracks:
        effect['unknown'] = 'unknown cells are free without track_unknown_space'
    if on_stale in effect:
        yield layer.error(
            'map_topic',
            f'grid.on_stale of the node segmentation is {on_stale}, and {effect[on_stale]}: the '
            'robot does not stop for a dead camera',
            'grid.on_stale: lethal',
        )


def map_topic_of_costmap(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find a costmap's own `map_topic`: only Humble and Jazzy pass it to static layers."""
    if isinstance(layer.topic_key, CostmapSection):
        yield layer.costmap.error(
            'map_topic',
            f'only Humble and Jazzy pass the map_topic of the costmap on to {layer.name}',
            f'put the map_topic inside {layer.name}',
        )


CHECKS = (
    trinary_costmap,
    volatile_map,
    non_rolling,
    wrong_frame,
    coarse_costmap,
    unknown_beats_lethal,
    special_values,
    slow_update,
    no_updates,
    stale_is_free,
    map_topic_of_costmap,
)
