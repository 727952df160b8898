"""Traps of a whole file: topics, the lifecycle manager, the node's own layers."""

from __future__ import annotations

from collections.abc import Iterator

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import Labels
from espnet_ros.core.layers import LayerSet, layers_from_dict
from espnet_ros.nav2.context import Context, layer_names, own_sections
from espnet_ros.nav2.parameter_file import ParameterFile
from espnet_ros.nav2.topics import CLOUD, NODE, PER_CAMERA, Topic, find_topic
from espnet_ros.nav2.views import Finding, View

# Parameter -> the outputs it can take.
OUTPUTS_FOR = {
    'map_topic': ('costmap', 'layers/<layer>'),
    'topic': ('points/<layer>', 'points/clear'),
    'segmentation_topic': ('nav/mask', 'mask'),
    'confidence_topic': ('nav/confidence', 'confidence'),
    'labels_topic': ('label_info',),
    'pointcloud_topic': ('nav/points',),
}


def topics(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find topics that nobody publishes, or of another type: they never connect, in silence."""
    for view in map(View, file.nodes()):
        for key in view.names():
            last = key.rpartition('.')[2]
            topic = find_topic(view.value(key)) if last.endswith('topic') else None
            fault = _fault(topic, last, context) if topic else None
            if topic and fault:
                yield view.error(key, f'{topic.text}: {fault[0]}', fault[1])


def _fault(topic: Topic, key: str, context: Context) -> tuple[str, str] | None:
    """Return what is wrong with a topic and the cure."""
    if not topic.output:
        return f'the node {NODE} has no such output', f'{topic.nearest}?'
    fitting = OUTPUTS_FOR.get(key, (topic.output,))
    if topic.output not in fitting:
        wanted = ' or '.join(f'{topic.head}{output}' for output in fitting)
        return f'is {topic.type}, not what {key} takes', f'{key}: {wanted}'
    if topic.layer and context.layers and topic.layer not in context.layers:
        return f'the node has no layer {topic.layer}', f'one of {", ".join(context.layers)}'
    cameras = context.cameras
    if topic.output in PER_CAMERA and cameras is not None:
        if not cameras and topic.camera:
            return 'the node has one camera without a name', f'{topic.head}{topic.name}'
        if cameras and topic.camera not in cameras:
            cure = ' or '.join(f'{topic.head}{camera}/{topic.name}' for camera in cameras)
            return f'the cameras of the node are {", ".join(cameras)}', cure
    return None


def bond(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find lifecycle managers that wait for a bond, which nodes in Python do not make."""
    for view in map(View, file.nodes()):
        timeout = view.number('bond_timeout', 4.0)
        if manages(view) and timeout is not None and timeout > 0.0:
            yield view.error(
                'bond_timeout' if view.given('bond_timeout') else 'node_names',
                f'{view.says("bond_timeout", 4.0)}: the manager waits for a bond that {NODE} does '
                'not make and then gives up',
                'bond_timeout: 0.0 in a lifecycle manager of its own',
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


def manages(view: View) -> bool:
    """Return whether a node is a lifecycle manager of the node."""
    return any(name.rpartition('/')[2] == NODE for name in view.texts('node_names'))


def collision_monitor(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find Collision Monitors that drop the points on the ground: below 0.05 m by default."""
    for view in map(View, file.nodes()):
        for key in view.names():
            source = key.rpartition('.')[0]
            topic = find_topic(view.value(key)) if key.endswith('.topic') else None
            if not topic or topic.type != CLOUD or view.value(f'{source}.type') != 'pointcloud':
                continue
            height = view.number(f'{source}.min_height', 0.05)
            if height is not None and height >= 0.0:
                yield view.error(
                    f'{source}.min_height',
                    f'{view.says(f"{source}.min_height", 0.05)}: the points on the ground are '
                    'dropped',
                    'min_height: -0.3',
                )


def duplicate_keys(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find keys given twice: the last one counts, in silence."""
    for duplicate in file.duplicates:
        yield Finding(
            'warning',
            duplicate.line,
            duplicate.name,
            f'given in line {duplicate.first_line} already; only the last one counts',
            'take one of them out',
        )


def layers(view: View, labels: Labels | None) -> Iterator[Finding]:
    """Find layers that the node refuses, and costs that Nav2 keeps for itself.

    :param view: a section of the node.
    """
    for name in layer_names(view):
        layer = View(view.node, f'layers.{name}.')
        problem = _refused(name, layer, labels)
        if problem:
            yield layer.error('', problem, 'mend it, or the node does not start')
        if layer.value('cost') == 99:
            yield layer.warning(
                'cost', 'cost is 99, which Nav2 takes for inscribed: sent as 98', 'cost: 98 or 100'
            )


def _refused(name: str, layer: View, labels: Labels | None) -> str:
    try:
        specs = layers_from_dict({name: {key: layer.value(key) for key in layer.names()}})
        if labels is not None:
            LayerSet(specs, labels)
    except ParameterError as error:
        return str(error).removeprefix('layers refused: ')
    return ''


CHECKS = (topics, bond, starts_twice, collision_monitor, duplicate_keys)
