"""Start the segmentation node and, if asked, RViz.

Written for the launch of Humble, so that one file serves every release since.
"""

from __future__ import annotations

import atexit
import difflib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from espnet_ros.core.config import parameter_specs
from espnet_ros.core.errors import EspnetRosError, ParameterError
from espnet_ros.core.names import NODE
from espnet_ros.core.parameter_file import read_parameter_file
from espnet_ros.core.parameter_overrides import known_values, overrides_text
from espnet_ros.core.paths import home_path
from espnet_ros.resources import layers_file, share_directory
from espnet_ros.ros.transport import large_image_environment

PARAMETERS = ('model', 'backend', 'device', 'autostart')
# Spelled both ways, because ROS users write either.
TRUE = ('true', 'True')
BOOLEANS = (*TRUE, 'false', 'False')
LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')
# launch_ros keeps what a group has pushed or set among the arguments, under these names.
PUSHED_NAMESPACE = 'ros_namespace'
OF_LAUNCH_ROS = (PUSHED_NAMESPACE, 'ros_remaps', 'global_params')
# If the node died of a lack of memory or of its GPU, these need a moment to recover.
RESPAWN_DELAY_S = 2.0


class Argument(NamedTuple):
    """An argument of this file; if it is given, but empty, its default counts."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()

    def declaration(self) -> DeclareLaunchArgument:
        """Return what tells launch of the argument."""
        return DeclareLaunchArgument(
            self.name,
            default_value=self.default,
            description=self.description,
            choices=['', *self.choices] if self.choices else None,
        )


def generate_launch_description() -> LaunchDescription:
    declared = [argument.declaration() for argument in arguments()]
    defaults = {argument.name: argument.default for argument in arguments()}
    return LaunchDescription([*declared, OpaqueFunction(function=start, args=[defaults])])


def arguments() -> list[Argument]:
    share = share_directory()
    specs = {spec.name: spec for spec in parameter_specs()}

    def parameter(name: str) -> Argument:
        spec = specs[name]
        choices = BOOLEANS if spec.type == 'bool' else spec.choices
        return Argument(
            name, '', f'{spec.description} Empty keeps the value of params_file.', choices
        )

    return [
        Argument(
            'namespace',
            '',
            'Namespace of the node; empty for none. A relative one is added to the namespace that '
            'a group has pushed.',
        ),
        Argument(
            'global_tf',
            'false',
            'Use /tf and /tf_static even in a namespace, instead of <namespace>/tf and '
            '<namespace>/tf_static, which nav2_bringup uses.',
            BOOLEANS,
        ),
        Argument(
            'params_file',
            str(share / 'config' / 'segmentation.yaml'),
            'YAML file with the parameters of the node.',
        ),
        Argument(
            'image_topic',
            'image',
            'Topic of the images; compressed ones are read from <image_topic>/compressed. With '
            'the parameter cameras, remap <camera>/image instead.',
        ),
        Argument(
            'camera_info_topic',
            '',
            'Topic of the camera calibration; empty means camera_info next to image_topic.',
        ),
        Argument('depth_topic', 'depth/image', 'Topic of depth images, if they are used.'),
        Argument('odometry_topic', 'odometry', 'Odometry, if tf is not used; often /odom.'),
        Argument(
            'layers',
            '',
            'Layers of the costmap: the name of a file in config/layers, without .yaml, or the '
            'path of a parameter file. They are added to those of params_file; empty adds none. '
            'The file is read when launch starts, and not again when the node is restarted.',
        ),
        *(parameter(name) for name in PARAMETERS),
        Argument(
            'use_sim_time',
            '',
            'Take the time from /clock. If empty, the node keeps the value of params_file, and '
            'RViz uses the wall clock.',
            BOOLEANS,
        ),
        Argument(
            'respawn',
            'false',
            f'Restart the node {RESPAWN_DELAY_S:g} s after it ends, for whatever reason. Use it '
            'with autostart; otherwise, nothing configures the restarted node.',
            BOOLEANS,
        ),
        Argument('rviz', 'false', 'Start RViz with a view of the node.', BOOLEANS),
        Argument(
            'log_level',
            'info',
            # Not as choices of launch, which would refuse the capitals that ROS takes.
            f'Lowest severity that the node logs: {", ".join(LEVELS)}.',
        ),
        Argument(
            'large_images',
            'true',
            'Let Fast DDS send large masks of the node through shared memory; the camera driver '
            'needs the same profile for its images (see config/fastdds_large_images.xml). Ignored '
            'if the environment already names a profile.',
            BOOLEANS,
        ),
    ]


def start(context: LaunchContext, defaults: dict[str, str]) -> list[LogInfo | Node]:
    given = context.launch_configurations
    values = {n: LaunchConfiguration(n).perform(context) or d for n, d in defaults.items()}
    values['params_file'] = parameter_file('params_file', values['params_file'])
    pushed = given.get(PUSHED_NAMESPACE, '')
    actions = misspelled(given, list(defaults)) + foreign(values['params_file'])
    actions += namespace_given_twice(pushed, values['namespace'])
    name = f'{full_namespace(pushed, values["namespace"])}/{NODE}'
    actions.append(segmentation(values, name, context.environment))
    return [*actions, rviz(values)] if values['rviz'] in TRUE else actions


def misspelled(given: Iterable[str], names: list[str]) -> list[LogInfo]:
    """Return warnings about arguments that look like one of ours, which launch takes silently.

    :param given: names of all arguments, including those of launch files that include this one.
        One of theirs may look like one of ours, so it is no error.
    :param names: names of the arguments of this file.
    """
    near = {name: difflib.get_close_matches(name, names, 1, 0.8) for name in given}
    return [
        LogInfo(msg=f'{name}:= is no argument of segment.launch.py: did you mean {match[0]}:= ?')
        for name, match in near.items()
        if match and name not in (*names, *OF_LAUNCH_ROS)
    ]


def namespace_given_twice(pushed: str, namespace: str) -> list[LogInfo]:
    """Return a warning if the argument repeats what the including launch file has pushed.

    launch takes over an argument of the same name, which that file may have pushed, too.
    """
    outer, inner = full_namespace('', pushed), full_namespace('', namespace)
    if not inner or namespace.startswith('/') or not outer.endswith(inner):
        return []
    return [LogInfo(
        msg=f'namespace:={namespace} is added to {outer}, which a group has pushed, so the node '
        f'is {outer}{inner}/{NODE}: if it should be {outer}/{NODE}, include segment.launch.py '
        'with an empty namespace'
    )]  # fmt: skip


def full_namespace(pushed: str, namespace: str) -> str:
    """Return the namespace that launch_ros makes of a pushed one and a node's; '' for none."""
    path = namespace if namespace.startswith('/') else f'{pushed}/{namespace}'
    return ''.join(f'/{part}' for part in path.split('/') if part)


def foreign(path: str) -> list[LogInfo]:
    """Return a warning if the file has no parameter for the node, which then keeps its defaults.

    launch takes over arguments of the same name from an including launch file, as from Nav2's.
    """
    try:
        sections = read_parameter_file(Path(path)).sections
    except ParameterError as error:
        return [LogInfo(msg=f'{error}; {NODE} keeps its defaults or refuses the file')]
    if any(section.last_name == NODE or section.is_for_many for section in sections):
        return []
    return [LogInfo(
        msg=f'params_file:={path} has parameters for {sections[0].name} and perhaps others, but '
        f'none for {NODE}, which keeps its defaults: if another launch file includes this one, '
        'let it set params_file'
    )]  # fmt: skip


def segmentation(values: dict[str, str], name: str, environment: dict[str, str]) -> Node:
    files = [values['params_file']]
    overrides: dict[str, Any] = {}
    if values['layers']:
        files.append(layers_path(values['layers']))
        # The order of the files alone does not let the last one win.
        overrides |= known_values(Path(files[-1]), name)
    overrides |= given_parameters(values)
    if overrides:
        files.append(temporary_file(overrides_text(overrides)))
    image, camera_info = camera_topics(values)
    named = [name for name in environment if name.endswith('_DEFAULT_PROFILES_FILE')]
    use_profile = values['large_images'] in TRUE and not named
    return Node(
        package='espnet_ros',
        executable='segmentation',
        name=NODE,
        namespace=values['namespace'],
        parameters=files,
        remappings=[
            ('image', image),
            ('image/compressed', f'{image}/compressed'),
            ('camera_info', camera_info),
            ('depth/image', values['depth_topic']),
            ('odometry', values['odometry_topic']),
            *tf_remappings(values),
        ],
        ros_arguments=log_levels(values['log_level']),
        additional_env=large_image_environment() if use_profile else {},
        respawn=values['respawn'] in TRUE,
        respawn_delay=RESPAWN_DELAY_S,
        output='screen',
    )


def camera_topics(values: dict[str, str]) -> tuple[str, str]:
    """Return the topics of the images and of their calibration."""
    image = values['image_topic'].rstrip('/')
    folder, slash, _ = image.rpartition('/')
    return image, values['camera_info_topic'] or f'{folder}{slash}camera_info'


def tf_remappings(values: dict[str, str]) -> list[tuple[str, str]]:
    """Return remappings that put tf2's topics, whose names are absolute, into the namespace."""
    if values['global_tf'] in TRUE:
        return []
    return [('/tf', 'tf'), ('/tf_static', 'tf_static')]


def log_levels(level: str) -> list[str]:
    """Return the ROS arguments for the severity that the node logs, in any case, as in ROS."""
    lower = level.lower()
    if lower not in LEVELS:
        raise RuntimeError(
            f'segment.launch.py: expected {", ".join(LEVELS[:-1])} or {LEVELS[-1]}, got '
            f'log_level:={level}'
        )
    levels = ['--log-level', lower]
    # Below info, ROS's own client library logs each wait: thousands of lines a second.
    return [*levels, '--log-level', 'rcl:=info'] if lower == 'debug' else levels


def layers_path(layers: str) -> str:
    """Return the path of a file in config/layers, given by its name, or of any other file."""
    try:
        return str(layers_file(layers))
    except EspnetRosError as error:
        raise RuntimeError(f'layers:={error}') from error


def parameter_file(argument: str, text: str) -> str:
    """Return the path of a file that must exist: launch itself would only warn if it did not."""
    path = home_path(text)
    if not path.is_file():
        raise RuntimeError(f'expected a YAML file, but there is none at {argument}:={path}')
    return str(path)


def given_parameters(values: dict[str, str]) -> dict[str, str | bool]:
    """Return the parameters given as arguments; the others keep the values of the files."""
    booleans = [s.name for s in parameter_specs() if s.type == 'bool'] + ['use_sim_time']
    return {
        name: values[name] in TRUE if name in booleans else values[name]
        for name in (*PARAMETERS, 'use_sim_time')
        if values[name]
    }


def temporary_file(text: str) -> str:
    """Return the path of a new file that stays until launch ends: a restarted node reads it."""
    with tempfile.NamedTemporaryFile(
        'w', encoding='utf-8', prefix='espnet_ros_', suffix='.yaml', delete=False
    ) as file:
        file.write(text)
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name


def rviz(values: dict[str, str]) -> Node:
    try:
        get_package_prefix('rviz2')
    except PackageNotFoundError as error:
        raise RuntimeError(
            'rviz:=true needs the package rviz2, which is not installed: install it or launch '
            'with rviz:=false'
        ) from error
    image, camera_info = camera_topics(values)
    # If it is empty, what a group has set with SetParameter stays.
    sim_time = values['use_sim_time']
    return Node(
        package='rviz2',
        executable='rviz2',
        # The topics in the view are relative.
        namespace=values['namespace'],
        remappings=[
            ('image', image),
            ('image/compressed', f'{image}/compressed'),
            # Next to the view's `image`, RViz looks for an absolute name, in any namespace.
            ('/camera_info', camera_info),
            *tf_remappings(values),
        ],
        arguments=['-d', str(share_directory() / 'rviz' / 'segmentation.rviz')],
        # RViz does not get params_file, which has parameters that RViz does not know.
        parameters=[{'use_sim_time': sim_time in TRUE}] if sim_time else [],
        output='screen',
    )
