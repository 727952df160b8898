"""Start the segmentation node and, if asked, RViz.

Written for the launch of Humble, so that one file serves every release since.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from espnet_ros.core.config import parameter_specs
from espnet_ros.core.errors import EspnetRosError, ParameterError
from espnet_ros.core.names import NODE
from espnet_ros.core.parameter_file import read_parameter_file
from espnet_ros.resources import layers_file, share_directory
from espnet_ros.ros.transport import large_image_environment

PARAMETERS = ('model', 'backend', 'device', 'autostart')
# Spelled both ways, because ROS users write either.
TRUE = ('true', 'True')
BOOLEANS = (*TRUE, 'false', 'False')
# What frees the GPU or the memory that the node died of needs a moment.
RESPAWN_DELAY_S = 2.0


def generate_launch_description() -> LaunchDescription:
    declared = arguments()
    names = [argument.name for argument in declared]
    return LaunchDescription([*declared, OpaqueFunction(function=start, args=[names])])


def arguments() -> list[DeclareLaunchArgument]:
    share = share_directory()
    specs = {spec.name: spec for spec in parameter_specs()}

    def argument(
        name: str, default: str, description: str, choices: tuple[str, ...] = ()
    ) -> DeclareLaunchArgument:
        return DeclareLaunchArgument(
            name, default_value=default, description=description, choices=list(choices) or None
        )

    def parameter(name: str) -> DeclareLaunchArgument:
        spec = specs[name]
        choices = BOOLEANS if spec.type == 'bool' else spec.choices
        description = f'{spec.description} Empty keeps the value of params_file.'
        return argument(name, '', description, ('', *choices) if choices else ())

    return [
        argument('namespace', '', 'Namespace of the node; empty for none.'),
        argument(
            'global_tf',
            'false',
            'Take tf from /tf and /tf_static in a namespace, too, and not from <namespace>/tf and '
            '<namespace>/tf_static, where nav2_bringup has it.',
            BOOLEANS,
        ),
        argument(
            'params_file',
            str(share / 'config' / 'segmentation.yaml'),
            'YAML file with the parameters of the node.',
        ),
        argument(
            'image_topic',
            'image',
            'Topic of the images; compressed ones are taken from <image_topic>/compressed. With '
            'the parameter cameras, remap <camera>/image instead.',
        ),
        argument(
            'camera_info_topic',
            '',
            'Topic of the camera calibration; empty takes camera_info beside image_topic.',
        ),
        argument('depth_topic', 'depth/image', 'Topic of depth images, if they are used.'),
        argument('odometry_topic', 'odometry', 'Odometry, often /odom, where tf is not used.'),
        argument(
            'layers',
            '',
            'Layers of the cost map: a file of config/layers by its name, without .yaml, or the '
            'path of a parameter file. They are added to those of params_file; empty adds none.',
        ),
        *(parameter(name) for name in PARAMETERS),
        argument(
            'use_sim_time',
            '',
            'Take the time from /clock. Empty keeps the value of params_file for the node, and '
            'the wall clock for RViz.',
            ('', *BOOLEANS),
        ),
        argument(
            'respawn',
            'false',
            f'Start the node again {RESPAWN_DELAY_S:g} s after it has ended, for whatever reason. '
            'Of use with autostart, because nobody else would configure it.',
            BOOLEANS,
        ),
        argument('rviz', 'false', 'Start RViz with a view of the node.', BOOLEANS),
        argument(
            'log_level',
            'info',
            'Least severity that the node logs.',
            ('debug', 'info', 'warn', 'error', 'fatal'),
        ),
        argument(
            'large_images',
            'true',
            'Have Fast DDS pass large masks of the node through shared memory; the camera driver '
            'needs the same profile for its images (see config/fastdds_large_images.xml). Ignored '
            'where the environment names a profile already.',
            BOOLEANS,
        ),
    ]


def start(context: LaunchContext, names: list[str]) -> list[LogInfo | Node]:
    values = {name: LaunchConfiguration(name).perform(context) for name in names}
    actions = misspelled(context.launch_configurations, names)
    actions += foreign(values['params_file'])
    actions.append(segmentation(values, context.environment))
    return [*actions, rviz(values)] if values['rviz'] in TRUE else actions


def misspelled(given: Iterable[str], names: list[str]) -> list[LogInfo]:
    """Return what is said of arguments that look like one of these, which launch takes silently.

    :param given: names of all arguments, those of including launch files among them: no error,
        as one of theirs may look like one of these.
    :param names: of the arguments of this file.
    """
    near = {name: difflib.get_close_matches(name, names, 1, 0.8) for name in given}
    return [
        LogInfo(msg=f'{name}:= is no argument of segment.launch.py: did you mean {match[0]}:= ?')
        for name, match in near.items()
        if match and name not in names
    ]


def foreign(params_file: str) -> list[LogInfo]:
    """Return what is said of a file without a parameter for the node, which starts with defaults.

    Of an including launch file, launch takes over the arguments of the same name: Nav2's has one.
    """
    path = parameter_file('params_file', params_file)
    try:
        sections = read_parameter_file(Path(path)).sections
    except ParameterError as error:
        return [LogInfo(msg=str(error))]
    if any(section.last_name == NODE or section.is_for_many for section in sections):
        return []
    return [LogInfo(
        msg=f'params_file:={path} has parameters of {sections[0].name} and of others maybe, but '
        f'none of {NODE}, which keeps its defaults: where another launch file includes this one, '
        'give params_file'
    )]  # fmt: skip


def segmentation(values: dict[str, str], environment: dict[str, str]) -> Node:
    files = [values['params_file']]
    if values['layers']:
        files.append(layers_path(values['layers']))
    image, camera_info = camera_topics(values)
    named = [name for name in environment if name.endswith('_DEFAULT_PROFILES_FILE')]
    use_profile = values['large_images'] in TRUE and not named
    return Node(
        package='espnet_ros',
        executable='segmentation',
        name='segmentation',
        namespace=values['namespace'],
        parameters=[*files, *overrides(values)],
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
    """Return what brings tf2's topics, whose names are absolute, into the namespace."""
    if values['global_tf'] in TRUE:
        return []
    return [('/tf', 'tf'), ('/tf_static', 'tf_static')]


def log_levels(level: str) -> list[str]:
    """Return the ROS arguments for the severity that the node logs."""
    levels = ['--log-level', level]
    # Below info, ROS's own client library tells of each wait: thousands of lines a second.
    return [*levels, '--log-level', 'rcl:=info'] if level == 'debug' else levels


def layers_path(layers: str) -> str:
    """Return the path of a file of config/layers, by its name, or of any other."""
    try:
        return str(layers_file(layers))
    except EspnetRosError as error:
        raise RuntimeError(f'layers:={error}') from error


def parameter_file(argument: str, path: str) -> str:
    """Return the path of a file, which launch would only warn of if it is missing."""
    if not Path(path).is_file():
        raise RuntimeError(f'expected a YAML file, there is none at {argument}:={path}')
    return path


def overrides(values: dict[str, str]) -> list[dict[str, object]]:
    """Return the parameters given as arguments; the others keep the values of the file."""
    booleans = [s.name for s in parameter_specs() if s.type == 'bool'] + ['use_sim_time']
    given: dict[str, object] = {}
    for name in (*PARAMETERS, 'use_sim_time'):
        if values[name]:
            # The type is given, so that a model named 123 is still a string.
            text = ParameterValue(values[name], value_type=str)
            given[name] = values[name] in TRUE if name in booleans else text
    return [given] if given else []


def rviz(values: dict[str, str]) -> Node:
    try:
        get_package_prefix('rviz2')
    except PackageNotFoundError as error:
        raise RuntimeError(
            'rviz:=true needs the package rviz2, which is not installed: install it or launch '
            'with rviz:=false'
        ) from error
    image, camera_info = camera_topics(values)
    return Node(
        package='rviz2',
        executable='rviz2',
        # The topics in the view are relative.
        namespace=values['namespace'],
        remappings=[
            ('image', image),
            ('image/compressed', f'{image}/compressed'),
            # Beside the view's `image` RViz looks for an absolute name, in any namespace.
            ('/camera_info', camera_info),
            *tf_remappings(values),
        ],
        arguments=['-d', str(share_directory() / 'rviz' / 'segmentation.rviz')],
        # It does not read params_file, whose other names are not its own.
        parameters=[{'use_sim_time': values['use_sim_time'] in TRUE}],
        output='screen',
    )
