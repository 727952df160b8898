"""Traps of nav2_costmap_2d::ObstacleLayer, and so of VoxelLayer, on the node's point clouds."""

from __future__ import annotations

from collections.abc import Iterator

from espnet_ros.core.layers import LETHAL
from espnet_ros.core.topics import CLEAR_CLOUD, CLOUD
from espnet_ros.nav2.context import Context
from espnet_ros.nav2.costmaps import Layer, Source
from espnet_ros.nav2.views import Finding, View

# After this many seconds without a cloud, a robot has driven too far.
LONGEST_GAP_S = 3.0


def max_height(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find maximum heights of 0.0, a source's default: all points above the ground are dropped."""
    views: list[tuple[View, float]] = [(layer, 2.0), *((s, 0.0) for s in layer.sources)]
    for view, default in views:
        height = view.number('max_obstacle_height', default)
        if height is not None and height <= 0.0:
            yield view.error(
                'max_obstacle_height',
                f'{view.says("max_obstacle_height", default)}: points above it are dropped',
                f'max_obstacle_height: {_height(view)} in {view.name}',
            )


def min_height(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find minimum heights of 0.0, the default of layer and source: ground points straddle z = 0.

    With depth, only points of free ground do; the others have the height that was measured.
    """
    views: list[View] = [layer, *layer.sources]
    for view in views:
        if context.has_depth and not _is_clear(view):
            continue
        height = view.number('min_obstacle_height', 0.0)
        if height is not None and height >= 0.0:
            share = 'half of the' if height == 0.0 else 'the'
            yield view.error(
                'min_obstacle_height',
                f'{view.says("min_obstacle_height", 0.0)}: {share} points on the ground lie below '
                'it and are dropped',
                f'min_obstacle_height: -0.3 in {view.name}',
            )


def empty_range(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find minimum ranges and heights that are not below the maximum: no point lies between."""
    views: list[View] = [layer, *layer.sources]
    for view in views:
        least = view.number('min_obstacle_height', 0.0)
        most = view.number('max_obstacle_height', 2.0 if view is layer else 0.0)
        # `max_height` finds maximum heights of 0.0 and less.
        if least is not None and most is not None and least >= most > 0.0:
            yield view.error(
                'min_obstacle_height',
                f'min_obstacle_height {least:g} is not below max_obstacle_height {most:g}: '
                f'{view.name} drops every point',
                'min_obstacle_height: -0.3',
            )
    for source in layer.sources:
        for use, is_used, name, default in (
            ('marking', True, 'obstacle', 2.5),
            ('clearing', False, 'raytrace', 3.0),
        ):
            low, high = f'{name}_min_range', f'{name}_max_range'
            least, most = source.number(low, 0.0), source.number(high, default)
            uses = source.value(use, is_used) is True
            if uses and least is not None and most is not None and least >= most:
                key = high if most <= 0.0 else low
                yield source.error(
                    key,
                    f'{low} {least:g} is not below {high} {most:g}: {source.name} '
                    f'{"marks" if use == "marking" else "clears"} nothing',
                    f'{key}: {"6.0" if key == high else "0.0"}',
                )


def data_type(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find clouds declared as LaserScan, the default: topics of another type never connect."""
    for source in layer.sources:
        is_cloud = source.topics['topic'].type == CLOUD
        if is_cloud and source.value('data_type', 'LaserScan') != 'PointCloud2':
            yield source.error(
                'data_type',
                f'{source.says("data_type", "LaserScan")}, but {source.topics["topic"].text} '
                'carries point clouds',
                'data_type: PointCloud2',
            )


def marking_and_clearing(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find clouds of free ground that mark or do not clear: by default, sources only mark."""
    for source in layer.sources:
        wanted = {'marking': not source.is_clear}
        wanted |= {'clearing': True} if source.is_clear else {}
        for key, value in wanted.items():
            default = key == 'marking'
            if source.value(key, default) is (not value):
                effect = 'makes free ground lethal' if key == 'marking' else 'clears nothing'
                yield source.error(
                    key,
                    f'{source.says(key, default)}: {source.name} '
                    + (effect if source.is_clear else 'marks nothing'),
                    f'{key}: {str(value).lower()}',
                )


def graded_layer(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find clouds of layers that may be driven on: an ObstacleLayer only marks LETHAL."""
    for source in layer.sources:
        topic = source.topics['topic']
        cost = context.layer_cost(topic.layer)
        if cost is not None and cost < LETHAL and source.value('marking', True) is True:
            yield source.error(
                'topic',
                f'the layer {topic.layer} costs {cost}, but every point of it becomes lethal',
                f'use a StaticLayer on {topic.beside(f"layers/{topic.layer}")}: it keeps the cost',
            )


def nothing_clears(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find layers without a clearing source: only the rays of one remove marks."""
    if not any(source.value('clearing', False) is not False for source in layer.all_sources):
        topic = [*layer.sources, *layer.unlisted_sources][0].topics['topic']
        yield layer.error(
            'observation_sources',
            f'no source of {layer.name} clears: marked obstacles stay for ever',
            f'add a source with topic: {topic.beside(CLEAR_CLOUD)}, marking: false, '
            'clearing: true',
        )


def short_clearing(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find marks (`obstacle_max_range`, 2.5) that no ray (`raytrace_max_range`, 3.0) reaches."""
    clears = [s for s in layer.sources if s.value('clearing', False) is True]
    marks = [s for s in layer.sources if s.value('marking', True) is True]
    reach = max((s.number('raytrace_max_range', 3.0) or 0.0 for s in clears), default=None)
    for source in marks:
        marked = source.number('obstacle_max_range', 2.5)
        if reach is not None and marked is not None and marked > reach:
            yield clears[0].warning(
                'raytrace_max_range',
                f'{source.name} marks up to {marked:g} m, but nothing clears beyond {reach:g} m',
                f'raytrace_max_range: {marked + 1.0} in {clears[0].name}',
            )


def no_fail_safe(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find `expected_update_rate` 0.0, the default: a dead segmenter looks like free space.

    Above 0.0, the costmap stops being current and the robot stops: the best stock fail-safe.
    """
    rates = [source.number('expected_update_rate', 0.0) for source in layer.sources]
    if rates and all(rate == 0.0 for rate in rates):
        source = layer.sources[0]
        yield source.warning(
            'expected_update_rate',
            f'{source.says("expected_update_rate", 0.0)}: the robot drives on when the camera or '
            'the node dies',
            'expected_update_rate: 1.0 (the longest gap in seconds)',
        )


def update_rate_is_a_time(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find an `expected_update_rate` given in hertz: it is the longest gap in seconds."""
    for source in layer.sources:
        seconds = source.number('expected_update_rate', 0.0)
        if seconds is not None and seconds > LONGEST_GAP_S:
            yield source.warning(
                'expected_update_rate',
                f'expected_update_rate is a time: the robot drives on for {seconds:g} s without a '
                'cloud',
                'expected_update_rate: 1.0',
            )


def never_current(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find an `expected_update_rate` below the time between two clouds: each stops the robot."""
    period = context.cloud_period_s
    for source in layer.sources:
        seconds = source.number('expected_update_rate', 0.0)
        if seconds is not None and seconds != 0.0 and seconds <= period:
            yield source.error(
                'expected_update_rate',
                f'expected_update_rate is {seconds:g} s, but clouds come every {period:g} s at '
                'best (grid.update_rate, input.max_rate): in between the costmap is not current '
                'and the robot stops',
                'expected_update_rate: 1.0',
            )


def _height(view: View) -> str:
    return '0.3' if _is_clear(view) else '2.0'


def _is_clear(view: View) -> bool:
    return isinstance(view, Source) and view.is_clear


CHECKS = (
    max_height,
    min_height,
    empty_range,
    data_type,
    marking_and_clearing,
    graded_layer,
    nothing_clears,
    short_clearing,
    no_fail_safe,
    update_rate_is_a_time,
    never_current,
)
