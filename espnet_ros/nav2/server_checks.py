"""Traps of other nodes of Nav2: lifecycle managers and Collision Monitors."""

from __future__ import annotations

from collections.abc import Iterator

from espnet_ros.core.depth_projection import HeightBand
from espnet_ros.core.names import NODE
from espnet_ros.core.parameter_file import ParameterFile
from espnet_ros.core.topics import CLEAR_CLOUD
from espnet_ros.nav2.context import Context, own_sections
from espnet_ros.nav2.topics import OUTPUTS_FOR, Topic
from espnet_ros.nav2.value_types import wrong_types
from espnet_ros.nav2.views import Finding, View

# A Collision Monitor's default for the least height of an obstacle.
MIN_HEIGHT_M = 0.05


def manages(view: View) -> bool:
    """Return whether a node is a lifecycle manager of the node `segmentation`."""
    return any(name.rpartition('/')[2] == NODE for name in view.texts('node_names'))


def bond(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find lifecycle managers that wait for a bond, which nodes in Python do not make."""
    for view in map(View, file.nodes()):
        timeout = view.number('bond_timeout', 4.0)
        if manages(view) and timeout is not None and timeout > 0.0:
            yield view.error(
                'bond_timeout' if view.given('bond_timeout') else 'node_names',
                f'{view.says("bond_timeout", 4.0)}: the manager waits for a bond that {NODE} does '
                'not make and then gives up',
                'bond_timeout: 0.0 in a separate lifecycle manager',
            )


def starts_twice(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find a managed node that starts itself, so that the manager's configure is refused.

    The lifecycle manager gives up on all its nodes when one transition is refused.
    """
    managers = [view for view in map(View, file.nodes()) if manages(view)]
    waits = any(view.value('autostart') is False for view in context.own)
    # Without a section of the node, its parameters are somewhere else.
    if managers and own_sections(file.nodes()) and not waits:
        yield managers[0].warning(
            'node_names',
            f'the manager starts {NODE}, which starts itself (autostart is true by default)',
            f'autostart: false in {NODE}',
        )


def wrong_type(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find values of the wrong type: rclcpp throws on them and the node does not start."""
    for view in map(View, file.nodes()):
        if manages(view):
            yield from wrong_types(view, view.names())
    for source, _ in _monitored(file):
        yield from wrong_types(source, source.names())


def ground_stops(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find heights that let free ground into a Collision Monitor, which stops for its points."""
    # Measured points count as ground up to some height; the margin is for another base frame.
    least = HeightBand().ground_m + 0.05 if context.has_depth else MIN_HEIGHT_M
    for source, topic in _monitored(file):
        height = source.number('min_height', MIN_HEIGHT_M)
        if topic.output == CLEAR_CLOUD and height is not None and height < least:
            yield source.error(
                'min_height',
                f'{source.says("min_height", MIN_HEIGHT_M)}: points of the free ground count as '
                'obstacles, and the robot stops for them',
                f'min_height: {least:g}, so that the robot stops only when no cloud comes',
            )


def ground_is_dropped(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find layers in a Collision Monitor whose points are too low to count: they lie at 0 m.

    From Jazzy on, the monitor still stops when no cloud comes, which may be all it is for.
    With depth, points have their measured height.
    """
    for source, topic in _monitored(file):
        height = source.number('min_height', MIN_HEIGHT_M)
        if topic.layer and not context.has_depth and height is not None and height >= 0.0:
            yield source.warning(
                'min_height',
                f'{source.says("min_height", MIN_HEIGHT_M)}: the points lie on the ground and are '
                'dropped, so the robot stops only when no cloud comes',
                'min_height: -0.3 to stop for obstacles, or, to watch for silence alone, topic: '
                f'{topic.beside(CLEAR_CLOUD)}',
            )


def _monitored(file: ParameterFile) -> Iterator[tuple[View, Topic]]:
    """Yield the sources of Collision Monitors that subscribe to a cloud of the node."""
    for view in map(View, file.nodes()):
        for key, topic in view.node_topics.items():
            source = View(view.node, key.removesuffix('topic'))
            is_cloud = topic.output in OUTPUTS_FOR['topic']
            if key.endswith('.topic') and is_cloud and source.value('type') == 'pointcloud':
                yield source, topic


CHECKS = (bond, starts_twice, wrong_type, ground_stops, ground_is_dropped)
