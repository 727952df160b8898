"""The launch file under the real ``launch``, wherever that is installed."""

from __future__ import annotations

import ast
import os
import re
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from espnet_ros.core.config import parameter_specs

LAUNCH_FILE = Path(__file__).resolve().parents[2] / 'launch' / 'segment.launch.py'
DEADLINE_S = 60
STARTED = r'process started with pid \[(\d+)\]'
# What the file may take from launch: all of it is in Humble.
HUMBLE = {
    'ament_index_python.packages': {'PackageNotFoundError', 'get_package_prefix'},
    'launch': {'LaunchContext', 'LaunchDescription'},
    'launch.actions': {'DeclareLaunchArgument', 'LogInfo', 'OpaqueFunction'},
    'launch.substitutions': {'LaunchConfiguration'},
    'launch_ros.actions': {'Node'},
    'launch_ros.parameter_descriptions': {'ParameterValue'},
}
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
# What `ros2 launch` does, without needing ros2cli.
RUNNER = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
path, *arguments = sys.argv[1:]
service = LaunchService()
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    PythonLaunchDescriptionSource(path),
    launch_arguments=[a.split(':=', 1) for a in arguments],
)]))
sys.exit(service.run())
"""


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


def stand_ins() -> dict[str, ModuleType]:
    """Return modules in place of those of launch: what is made keeps what it is given."""
    made = {name.partition('.')[0]: ModuleType('package') for name in HUMBLE}
    made |= {name: ModuleType(name) for name in HUMBLE}
    for module, names in HUMBLE.items():
        for name in names:
            setattr(made[module], name, lambda *_, **given: SimpleNamespace(given=given))
    changes: dict[str, dict[str, Any]] = {
        'ament_index_python.packages': {'PackageNotFoundError': LookupError},
        'launch': {'LaunchDescription': list},
        'launch.actions': {
            'DeclareLaunchArgument': lambda name, **given: SimpleNamespace(name=name, given=given)
        },
        'launch.substitutions': {
            'LaunchConfiguration': lambda name: SimpleNamespace(
                perform=lambda context: context.values[name]
            )
        },
    }
    for module, things in changes.items():
        vars(made[module]).update(things)
    return made


@pytest.fixture
def start() -> Callable[..., list[SimpleNamespace]]:
    """Return a function that tells what is given to each node, with launch or without."""
    with pytest.MonkeyPatch.context() as patch:
        for name, module in stand_ins().items():
            patch.setitem(sys.modules, name, module)
        file = runpy.run_path(str(LAUNCH_FILE))
    *arguments, action = file['generate_launch_description']()

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


@pytest.fixture
def environment(colcon_install: Path, ros_domain: int, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a shell that has sourced the built workspace."""
    pytest.importorskip('launch_ros.actions', reason='the ROS package launch_ros is not installed')
    # A profile of the user's own would be kept.
    inherited = {k: v for k, v in os.environ.items() if not k.endswith('_PROFILES_FILE')}
    prefixes = [str(colcon_install), os.environ.get('AMENT_PREFIX_PATH', sys.prefix)]
    site = next(colcon_install.rglob('site-packages/espnet_ros')).parent
    return {
        **inherited,
        'AMENT_PREFIX_PATH': os.pathsep.join(prefixes),
        'PYTHONPATH': os.pathsep.join([str(site), os.environ.get('PYTHONPATH', '')]),
        'PYTHONUNBUFFERED': '1',
        'ROS_LOG_DIR': str(tmp_path / 'log'),
    }


@contextmanager
def launched(
    environment: dict[str, str], folder: Path, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    installed = environment['AMENT_PREFIX_PATH'].split(os.pathsep)[0]
    path = f'{installed}/share/espnet_ros/launch/segment.launch.py'
    process = subprocess.Popen(
        [sys.executable, '-c', RUNNER, path, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    # Reading its output has no deadline of its own.
    deadline = threading.Timer(2 * DEADLINE_S, os.killpg, (process.pid, signal.SIGKILL))
    deadline.start()
    try:
        yield process
    finally:
        deadline.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def read_until(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    assert process.stdout
    seen = ''
    for line in process.stdout:
        seen += line
        match = re.search(pattern, line)
        if match:
            return match
    raise AssertionError(f'no {pattern!r} in:\n{seen}')


@pytest.fixture
def observer(ros_domain: int) -> Iterator[Any]:
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('observer', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        yield node
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)


def wait_for(node: Any, condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        node.executor.spin_once(timeout_sec=0.1)
    raise AssertionError('deadline passed')


def get_parameters(node: Any, of: str, names: list[str]) -> list[Any]:
    from rcl_interfaces.srv import GetParameters
    from rclpy.parameter import parameter_value_to_python

    client = node.create_client(GetParameters, f'{of}/get_parameters')
    wait_for(node, client.service_is_ready)
    future = client.call_async(GetParameters.Request(names=names))
    wait_for(node, future.done)
    node.destroy_client(client)
    return [parameter_value_to_python(value) for value in future.result().values]


def process_environment(pid: str) -> dict[str, str]:
    text = Path(f'/proc/{pid}/environ').read_text(encoding='utf-8')
    return dict(item.partition('=')[::2] for item in text.split('\0') if item)


def test_arguments_override_the_file_only_where_given(
    environment: dict[str, str], observer: Any, tmp_path: Path
):
    params = tmp_path / 'mine.yaml'
    mine = {'backend': 'torch', 'device': 'cpu', 'overlay': {'opacity': 0.25}, 'autostart': True}
    # The full name outranks the pattern that launch would write for an unnamed node.
    params.write_text(yaml.safe_dump({'/robot/segmentation': {'ros__parameters': mine}}))
    with launched(
        environment,
        tmp_path,
        'namespace:=robot',
        f'params_file:={params}',
        'backend:=onnx',
        'model:=123',
        'autostart:=False',
        'use_sim_time:=True',
    ) as process:
        pid = read_until(process, STARTED).group(1)
        names = ['backend', 'device', 'overlay.opacity', 'model', 'autostart', 'use_sim_time']
        values = get_parameters(observer, '/robot/segmentation', names)
        assert values == ['onnx', 'cpu', 0.25, '123', False, True]
        found = process_environment(pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0
    profile = Path(found['FASTDDS_DEFAULT_PROFILES_FILE'])
    assert profile.name == 'fastdds_large_images.xml'
    assert profile.is_file()


def test_the_node_listens_where_the_arguments_say(
    environment: dict[str, str], observer: Any, tmp_path: Path
):
    arguments = ('image_topic:=/cam/image_raw', 'large_images:=false', 'device:=cpu')
    with launched(environment, tmp_path, *arguments) as process:
        pid = read_until(process, STARTED).group(1)
        wait_for(observer, lambda: observer.count_subscribers('/cam/image_raw'))
        assert observer.count_subscribers('/cam/camera_info') == 1
        assert 'FASTDDS_DEFAULT_PROFILES_FILE' not in process_environment(pid)
        # Its subscriptions may be found before its name.
        wait_for(observer, lambda: 'segmentation' in observer.get_node_names())
        topics = dict(observer.get_publisher_names_and_types_by_node('segmentation', '/'))
        assert topics['/segmentation/mask'] == ['sensor_msgs/msg/Image']
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0


def test_a_killed_node_comes_back_if_asked_and_configures_itself(
    environment: dict[str, str], tmp_path: Path
):
    with launched(environment, tmp_path, 'respawn:=true', 'device:=cpu') as process:
        killed = read_until(process, STARTED).group(1)
        read_until(process, 'configured: ')
        os.kill(int(killed), signal.SIGKILL)
        assert read_until(process, STARTED).group(1) != killed
        read_until(process, 'configured: ')
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0


def test_a_killed_node_stays_away_by_default(environment: dict[str, str], tmp_path: Path):
    with launched(environment, tmp_path, 'autostart:=false', 'modle:=mine') as process:
        # Said before, but not in the way of, the node.
        read_until(process, 'modle:= is no argument .* did you mean model:=')
        os.kill(int(read_until(process, STARTED).group(1)), signal.SIGKILL)
        output, _ = process.communicate(timeout=DEADLINE_S)
    assert 'process has died' in output
    assert 'process started' not in output


@pytest.mark.parametrize(
    ('argument', 'sentence'),
    [
        ('params_file:=/nowhere/mine.yaml', 'there is none at params_file:=/nowhere/mine.yaml'),
        ('layers:=delivery', 'layers:=delivery is neither one of delivery_robot_camvid'),
        ('backend:=tensor', 'Valid options are'),
        ('rviz:=true', 'needs the package rviz2'),
    ],
)
def test_what_cannot_work_is_refused_before_the_node_starts(
    environment: dict[str, str], tmp_path: Path, argument: str, sentence: str
):
    if argument.startswith('rviz') and any(
        Path(prefix, 'share/rviz2').is_dir()
        for prefix in environment['AMENT_PREFIX_PATH'].split(os.pathsep)
    ):
        pytest.skip('rviz2 is installed')
    with launched(environment, tmp_path, argument) as process:
        output, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 1
    assert sentence in output
    assert 'process started' not in output
