"""Traps of a whole file: what ROS refuses, topics, keys given twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from espnet_ros.core.names import NODE
from espnet_ros.core.parameter_file import PARAMETERS, ParameterFile
from espnet_ros.core.topics import PER_CAMERA
from espnet_ros.nav2.context import Context
from espnet_ros.nav2.topics import OUTPUTS_FOR, Topic
from espnet_ros.nav2.value_types import is_filled_in
from espnet_ros.nav2.views import Finding, View


def refused(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find what makes rcl refuse the whole file, whichever node it is in: no node starts."""
    for view in map(View, file.sections):
        if view.node.no_mapping_line is not None:
            yield Finding(
                'error',
                view.node.no_mapping_line,
                view.name,
                f'{PARAMETERS} of {view.name} holds no names with values, so ROS refuses the '
                'whole file',
                'add parameters below it, or remove the node',
            )
        for key in view.names():
            value = view.value(key)
            if view.is_null(key):
                yield view.error(
                    key,
                    f'{key} has no value: ROS refuses the whole file, or takes it as the string '
                    'null',
                    'give it a value, or remove it',
                )
            elif isinstance(value, list) and not is_filled_in(value) and _are_mixed(value):
                yield view.error(
                    key,
                    f'{key} is {value!r}: ROS refuses the whole file for a list of several '
                    'types, with an empty element or of lists',
                    'use values of one type',
                )


def _are_mixed(values: list[Any]) -> bool:
    types = {type(value) for value in values}
    return len(types) > 1 or not types.isdisjoint((list, type(None)))


def topics(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find topics that nobody publishes, or of the wrong type: silently, they never connect."""
    for view in map(View, file.nodes()):
        for key, topic in view.node_topics.items():
            fault = _fault(topic, key.rpartition('.')[2], context)
            if fault:
                yield view.error(key, f'{topic.text}: {fault[0]}', fault[1])


def _fault(topic: Topic, key: str, context: Context) -> tuple[str, str] | None:
    """Return what is wrong with a topic and the cure."""
    if not topic.output:
        return f'the node {NODE} has no such output', f'perhaps {topic.nearest}'
    fitting = OUTPUTS_FOR.get(key, (topic.output,))
    if topic.output not in fitting:
        wanted = ' or '.join(f'{topic.head}{output}' for output in fitting)
        return f'has type {topic.type}, which {key} does not take', f'{key}: {wanted}'
    if topic.layer and context.layers and topic.layer not in context.layers:
        return f'the node has no layer {topic.layer}', f'use one of {", ".join(context.layers)}'
    cameras = context.cameras
    if topic.output in PER_CAMERA and cameras is not None:
        if not cameras and topic.camera:
            return 'the node has a single camera, without a name', f'{topic.head}{topic.name}'
        if cameras and topic.camera not in cameras:
            cure = ' or '.join(f'{topic.head}{camera}/{topic.name}' for camera in cameras)
            return f'the cameras of the node are {", ".join(cameras)}', cure
    return None


def duplicate_keys(file: ParameterFile, context: Context) -> Iterator[Finding]:
    """Find keys given twice: silently, only the last one counts."""
    for duplicate in file.duplicates:
        yield Finding(
            'warning',
            duplicate.line,
            duplicate.name,
            f'already given in line {duplicate.first_line}; only the last one counts',
            'remove one of them',
        )


# Also for files that do not use the node.
FOR_ALL = (refused,)
CHECKS = (topics, duplicate_keys)
