"""What the launch file declares, and what it makes of its arguments."""

from __future__ import annotations

import ast
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from launch_file import HUMBLE, LAUNCH_FILE, described

from espnet_ros.core.config import parameter_specs

ARGUMENTS = {
    'namespace': '',
    'global_tf': 'false',
    'params_file': None,
    'image_topic': 'image',
    'camera_info_topic': '',
    'depth_topic': 'depth/image',
    'odometry_topic': 'odometry',
    'layers': '',
    'model': '',
    'backend': '',
    'device': '',
    'autostart': '',
    'use_sim_time': '',
    'respawn': 'false',
    'rviz': 'false',
    'log_level': 'info',
    'large_images': 'true',
}


def test_only_what_humble_has_is_imported():
    tree = ast.parse(LAUNCH_FILE.read_text(encoding='utf-8'))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    taken = {n.module: {a.name for a in n.names} for n in imports if n.module in HUMBLE}
    assert taken == HUMBLE
    tops = {(n.module or '').partition('.')[0] for n in imports} - set(sys.stdlib_module_names)
    assert tops == {'ament_index_python', 'espnet_ros', 'launch', 'launch_ros'}


@pytest.fixture
def description() -> Any:
    pytest.importorskip('launch_ros.actions', reason='the ROS package launch_ros is not installed')
    return runpy.run_path(str(LAUNCH_FILE))['generate_launch_description']()


def test_arguments_have_descriptions_and_defaults(description: Any):
    arguments = {a.name: a for a in description.get_launch_arguments()}
    assert list(arguments) == list(ARGUMENTS)
    for name, argument in arguments.items():
        assert argument.description.partition('.')[0], name
        if ARGUMENTS[name] is not None:
            assert ''.join(s.text for s in argument.default_value) == ARGUMENTS[name]
    params_file = Path(arguments['params_file'].default_value[0].text)
    assert params_file == LAUNCH_FILE.parents[1] / 'config' / 'segmentation.yaml'


def test_choices_are_those_of_the_parameters(description: Any):
    arguments = {a.name: a for a in description.get_launch_arguments()}
    specs = {spec.name: spec for spec in parameter_specs()}
    assert set(arguments['backend'].choices) == {'', *specs['backend'].choices}
    assert arguments['device'].choices is None
    for name in ('autostart', 'use_sim_time'):
        assert set(arguments[name].choices) == {'', 'true', 'True', 'false', 'False'}
    for name in ('global_tf', 'respawn', 'rviz', 'large_images'):
        assert set(arguments[name].choices) == {'true', 'True', 'false', 'False'}


def test_debug_is_of_the_node_and_not_of_every_wait_of_ros():
    pytest.importorskip('launch_ros.actions', reason='the ROS package launch_ros is not installed')
    log_levels = runpy.run_path(str(LAUNCH_FILE))['log_levels']
    assert log_levels('warn') == ['--log-level', 'warn']
    assert log_levels('debug') == ['--log-level', 'debug', '--log-level', 'rcl:=info']


@pytest.fixture
def start() -> Callable[..., list[SimpleNamespace]]:
    """Return a function that tells what is given to each node, with launch or without."""
    *arguments, action = described()

    def nodes(**given: str) -> list[SimpleNamespace]:
        values = {a.name: a.given['default_value'] for a in arguments}
        values.update(given)
        context = SimpleNamespace(values=values, launch_configurations=values, environment={})
        return action.given['function'](context, *action.given['args'])

    return nodes


@pytest.fixture
def resolve(ros_domain: int) -> Iterator[Callable[[SimpleNamespace, str], str]]:
    """Return a function that tells what a topic of a launched node becomes."""
    rclpy = pytest.importorskip('rclpy')
    context = rclpy.Context()
    rclpy.init(context=context)

    def resolved(launched: SimpleNamespace, topic: str) -> str:
        rules = [f'{old}:={new}' for old, new in launched.given['remappings']]
        arguments = ['--ros-args', *(word for rule in rules for word in ('-r', rule))]
        namespace = launched.given['namespace']
        node = rclpy.create_node(
            'any', namespace=namespace, context=context, cli_args=arguments,
            use_global_arguments=False, enable_rosout=False, start_parameter_services=False,
        )  # fmt: skip
        try:
            return node.resolve_topic_name(topic)
        finally:
            node.destroy_node()

    yield resolved
    rclpy.shutdown(context=context)


def test_tf_is_that_of_the_robot_as_nav2_bringup_has_it(start: Any, resolve: Any):
    for given, expected in (
        ({}, '/tf'),
        ({'namespace': 'robot1'}, '/robot1/tf'),
        ({'namespace': 'robot1', 'global_tf': 'True'}, '/tf'),
        ({'global_tf': 'true'}, '/tf'),
    ):
        for node in start(rviz='true', **given):
            assert resolve(node, '/tf') == expected
            assert resolve(node, '/tf_static') == f'{expected}_static'


def test_a_misspelled_argument_is_told_and_those_of_others_are_not(start: Any):
    others = {'map': 'a.yaml', 'slam': 'true', 'model_file': 'robot.urdf', 'rviz_config': 'a.rviz'}
    *said, _ = start(modle='mine', image_topics='/a', **others)
    assert [action.given['msg'] for action in said] == [
        'modle:= is no argument of segment.launch.py: did you mean model:= ?',
        'image_topics:= is no argument of segment.launch.py: did you mean image_topic:= ?',
    ]


def test_a_file_without_the_node_is_told(start: Any, tmp_path: Path):
    file = tmp_path / 'nav2_params.yaml'
    file.write_text('controller_server:\n  ros__parameters: {a: 1}\n')
    said, _ = start(params_file=str(file))
    assert f'{file} has parameters of /controller_server and' in said.given['msg']
    assert 'none of segmentation' in said.given['msg']
    file.write_text('controller_server: 1')
    said, _ = start(params_file=str(file))
    assert 'found no ros__parameters' in said.given['msg']
    for name in ('/**', 'segmentation', '/**/segmentation', '/robot1/segmentation'):
        file.write_text(f'{name}:\n  ros__parameters: {{model: a}}\n')
        assert len(start(params_file=str(file))) == 1


@pytest.mark.parametrize(
    ('given', 'image', 'camera_info'),
    [
        ({}, '/image', '/camera_info'),
        ({'namespace': 'robot1'}, '/robot1/image', '/robot1/camera_info'),
        (
            {'namespace': 'robot1', 'image_topic': 'cam/image_raw'},
            '/robot1/cam/image_raw', '/robot1/cam/camera_info',
        ),
        (
            {'image_topic': '/cam/image_raw', 'camera_info_topic': '/info'},
            '/cam/image_raw', '/info',
        ),
    ],
)  # fmt: skip
def test_rviz_shows_the_camera_that_the_node_sees(
    start: Any, resolve: Any, given: dict[str, str], image: str, camera_info: str
):
    node, rviz = start(rviz='true', **given)
    assert resolve(node, 'image') == resolve(rviz, 'image') == image
    # What image_transport's getCameraInfoTopic makes of `image` is absolute.
    assert resolve(node, 'camera_info') == resolve(rviz, '/camera_info') == camera_info
    for topic in ('image/compressed', 'segmentation/overlay', 'segmentation/costmap'):
        assert resolve(rviz, topic) == resolve(node, topic)
