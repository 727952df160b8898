"""Traps of a whole file: topics, keys given twice, the node's own layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from espnet_ros.core.config import parameter_spec, unknown_name
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import Labels
from espnet_ros.core.layers import layers_from_dict
from espnet_ros.core.occupancy import LayerSet
from espnet_ros.core.parameter_file import NODE, OF_ROS, PARAMETERS, ParameterFile
from espnet_ros.nav2.context import Context, layer_names
from espnet_ros.nav2.topics import OUTPUTS_FOR, PER_CAMERA, Topic
from espnet_ros.nav2.value_types import is_filled_in, ros_type
from espnet_ros.nav2.views import Finding, View


def refused(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find what rcl refuses the whole file for, whichever node it is in: none of them starts."""
    root = yaml.compose(file.path.read_text(encoding='utf-8'), Loader=yaml.SafeLoader)
    for name, line in _no_mappings(root, ''):
        yield Finding(
            'error',
            line,
            name,
            f'{PARAMETERS} of {name} holds no names with values, and ROS refuses the whole file',
            'parameters below it, or take the node out',
        )
    for view in map(View, file.sections):
        for key in view.names():
            value = view.value(key)
            if value is None:
                yield view.error(
                    key,
                    f'{key} has no value: ROS refuses the whole file, or takes it for the string '
                    'null',
                    'a value, or take it out',
                )
            elif isinstance(value, list) and not is_filled_in(value) and _are_mixed(value):
                yield view.error(
                    key,
                    f'{key} is {value!r}: ROS refuses the whole file for a list of several '
                    'types or of lists',
                    'values of one type',
                )


def _are_mixed(values: list[Any]) -> bool:
    return len({ros_type(value) for value in values}) > 1 or list in map(type, values)


def _no_mappings(node: yaml.Node | None, name: str) -> Iterator[tuple[str, int]]:
    """Yield the nodes whose parameters are no names with values, with the line."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value != PARAMETERS:
            yield from _no_mappings(value, f'{name}/{key.value.strip("/")}')
        elif not isinstance(value, yaml.MappingNode):
            yield name or '/', key.start_mark.line + 1


def topics(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find topics that nobody publishes, or of another type: they never connect, in silence."""
    for view in map(View, file.nodes()):
        for key, topic in view.node_topics.items():
            fault = _fault(topic, key.rpartition('.')[2], context)
            if fault:
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


def parameters(view: View, own_names: set[str]) -> Iterator[Finding]:
    """Find parameters that the node refuses; `layers` looks at those of its layers.

    :param view: a section of the node.
    :param own_names: of its parameters, but for those that a pattern gives to other nodes, too.
    """
    cure = 'mend it, or the node does not start'
    for name in view.names():
        if name.startswith('layers.') or OF_ROS.fullmatch(name):
            continue
        spec = parameter_spec(name)
        if spec is None and name in own_names:
            yield view.error(name, unknown_name(name), cure)
        value = view.value(name)
        problem = spec.problem(value) if spec and not is_filled_in(value) else None
        if problem:
            yield view.error(name, problem, cure)


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


# Of files that take nothing of the node, too.
FOR_ALL = (refused,)
CHECKS = (topics, duplicate_keys)
