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
from espnet_ros.core.parameter_file import read_parameter_file

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
        assert set(arguments[name].choices) == {'', 'true', 'True', 'false', 'False'}


@pytest.fixture
def start() -> Callable[..., list[SimpleNamespace]]:
    """Return a function that tells what is given to each node, with launch or without."""
    *arguments, action = described()

    def nodes(**given: str) -> list[SimpleNamespace]:
        values = {a.name: a.given['default_value'] for a in arguments}
        values.update(given)
        for argument in arguments:
            choices = argument.given['choices']
            assert choices is None or values[argument.name] in choices
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


def test_what_launch_ros_keeps_among_the_arguments_is_not_misspelled(start: Any):
    kept: dict[str, Any] = {'ros_namespace': '/robot1', 'ros_remaps': [], 'global_params': []}
    assert len(start(**kept)) == 1


@pytest.mark.parametrize(
    ('pushed', 'namespace', 'node'),
    [
        ('/robot1', 'robot1', '/robot1/robot1/segmentation'),
        ('/fleet/robot1', 'robot1/', '/fleet/robot1/robot1/segmentation'),
        ('/fleet/robot1', 'fleet/robot1', '/fleet/robot1/fleet/robot1/segmentation'),
        ('/fleet/robot1', 'fleet', None),
        ('/my_robot1', 'robot1', None),
        ('/robot1', '/robot1', None),
        ('/robot1', '', None),
    ],
)
def test_a_namespace_given_twice_is_told(
    start: Any, pushed: str, namespace: str, node: str | None
):
    *said, _ = start(ros_namespace=pushed, namespace=namespace)
    assert len(said) == (node is not None)
    for action in said:
        assert f'so the node is {node}: if it should be {pushed}/segm' in action.given['msg']


def test_the_severity_may_be_in_capitals(start: Any):
    (node,) = start(log_level='WARN')
    assert node.given['ros_arguments'] == ['--log-level', 'warn']
    # Debug is of the node, and not of every wait of ROS.
    (node,) = start(log_level='Debug')
    assert node.given['ros_arguments'] == ['--log-level', 'debug', '--log-level', 'rcl:=info']
    with pytest.raises(RuntimeError, match=r'segment.launch.py: .* error or fatal.*:=Warning'):
        start(log_level='Warning')


def test_an_empty_argument_means_its_default(start: Any):
    (default,) = start()
    *_, empty = start(**dict.fromkeys(ARGUMENTS, ''))
    assert empty.given == default.given


def test_the_home_folder_may_be_a_tilde(
    start: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv('HOME', str(tmp_path))
    file = tmp_path / 'my.yaml'
    file.write_text('segmentation:\n  ros__parameters: {model: a}\n')
    (node,) = start(params_file='~/my.yaml')
    assert node.given['parameters'] == [str(file)]


def test_the_files_go_from_the_weakest_to_the_strongest(start: Any, tmp_path: Path):
    config = LAUNCH_FILE.parents[1] / 'config'
    (node,) = start()
    assert node.given['parameters'] == [str(config / 'segmentation.yaml')]
    mine = tmp_path / 'mine.yaml'
    mine.write_text(
        'segmentation: {ros__parameters: {layers: {road: {cost: 5}}}}\n'
        '/robot1/r2/segmentation: {ros__parameters: {model: file, device: cpu}}\n'
    )
    (node,) = start(
        ros_namespace='/robot1', namespace='r2', params_file=str(config / 'segmentation.yaml'),
        layers=str(mine), model='123', autostart='False', use_sim_time='true',
    )  # fmt: skip
    *files, overrides = map(Path, node.given['parameters'])
    assert files == [config / 'segmentation.yaml', mine]
    (section,) = read_parameter_file(overrides).sections_for('/robot1/r2/segmentation')
    assert {name: value.value for name, value in section.values.items()} == {
        'model': '123', 'device': 'cpu', 'autostart': False, 'use_sim_time': True,
    }  # fmt: skip


def test_a_file_without_the_node_is_told(start: Any, tmp_path: Path):
    file = tmp_path / 'nav2_params.yaml'
    file.write_text('controller_server:\n  ros__parameters: {a: 1}\n')
    said, _ = start(params_file=str(file))
    assert f'{file} has parameters for /controller_server and' in said.given['msg']
    assert 'none for segmentation' in said.given['msg']
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


def test_rviz_gets_the_clock_only_where_it_is_given(start: Any):
    expected = {'': [], 'True': [{'use_sim_time': True}], 'false': [{'use_sim_time': False}]}
    for given, parameters in expected.items():
        _, rviz = start(rviz='true', use_sim_time=given)
        assert rviz.given['parameters'] == parameters
