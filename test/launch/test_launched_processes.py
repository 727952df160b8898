"""The installed launch file under the real ``launch``, wherever that is installed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

DEADLINE_S = 60
STARTED = r'process started with pid \[(\d+)\]'
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
    # launch_ros writes dictionaries under the name of the node, which rcl would place before /**.
    sections = {'/robot/segmentation': mine, '/**': {'model': 'other', 'use_sim_time': False}}
    params.write_text(
        '\n'.join(yaml.safe_dump({n: {'ros__parameters': v}}) for n, v in sections.items())
    )
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
    # Empty ones mean their defaults, and severities may be in capitals.
    arguments += ('depth_topic:=', 'params_file:=', 'respawn:=', 'log_level:=INFO')
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
        ('log_level:=loud', 'segment.launch.py: expected debug, info'),
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
