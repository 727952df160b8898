"""How the node starts, refuses to start, and ends in the middle of its start."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from array import array

import cv2
import numpy as np
import pytest
from lifecycle_msgs.srv import GetState
from sensor_msgs.msg import CompressedImage, Image

from espnet_ros.core.config import parameter_specs

DEADLINE_S = 30


def run(*arguments, **environment):
    return run_bare('--ros-args', *arguments, **environment)


def run_bare(*words, **environment):
    """Run the node; a variable that is None is not set."""
    variables = {k: v for k, v in {**os.environ, **environment}.items() if v is not None}
    return subprocess.run(
        [sys.executable, '-m', 'espnet_ros.ros.segmentation_node', *words],
        capture_output=True, text=True, timeout=DEADLINE_S, env=variables,
    )  # fmt: skip


def test_all_unknown_and_refused_parameters_are_named_in_one_sentence(ros_domain, tmp_path):
    file = tmp_path / 'parameters.yaml'
    file.write_text(
        '/**:\n  ros__parameters: {robot_radius: 0.3}\n'
        '/**/segmentation:\n  ros__parameters: {overlay: {opacty: 0.3}, enabled: true}\n'
    )
    done = run('--params-file', str(file), '-p', 'backend:=onxx', '-p', 'use_sim_time:=false')
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert "unknown parameter 'overlay.opacty', did you mean 'overlay.opacity'?" in last
    assert 'backend: expected one of auto' in last
    assert 'Traceback' not in done.stderr
    # A section for all nodes may hold what is meant for others: said, not refused.
    assert 'robot_radius' not in last
    assert 'robot_radius' in done.stderr


def test_a_file_without_anything_for_the_node_is_told(ros_domain, tmp_path):
    other, own = tmp_path / 'other.yaml', tmp_path / 'own.yaml'
    other.write_text('/robot/segmentation:\n  ros__parameters: {enabled: true}\n')
    own.write_text('/**/segmentation:\n  ros__parameters: {backend: onxx}\n')
    done = run('--params-file', str(other), '--params-file', str(own))
    told = [line for line in done.stderr.splitlines() if 'sets nothing for' in line]
    assert len(told) == 1
    assert f'{other} sets nothing for /segmentation, only for /robot/segmentation' in told[0]


def test_empty_lists_are_refused_but_for_those_of_names(ros_domain):
    done = run('-p', 'grid.size:=[]', '-p', 'grid.resolution:=[]', '-p', 'cameras:=[]')
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert 'grid.size: expected [along x, along y], each 0.1 to 1000.0 m, got ()' in last
    assert 'grid.resolution: expected a value of type double, got ()' in last
    assert 'cameras' not in last and 'Traceback' not in done.stderr


def test_parameters_that_rclpy_declares_are_refused_with_the_others(ros_domain):
    done = run('-p', 'use_sim_time:=maybe', '-p', 'backend:=onxx', '-p', 'enabled:=true')
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert "use_sim_time: expected a value of type bool, got 'maybe'" in last
    assert 'backend: expected one of auto' in last and 'enabled' not in last
    assert 'Traceback' not in done.stderr


def test_a_broken_command_line_is_refused_without_a_traceback(ros_domain):
    done = run('-p')
    assert done.returncode == 2
    assert 'ROS arguments refused' in done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('home', [None, '/proc'])
def test_without_a_folder_for_logs_that_is_said_with_its_cure(ros_domain, tmp_path, home):
    variables = {'HOME': home, 'ROS_HOME': None, 'ROS_LOG_DIR': None}
    done = run(**variables)
    assert done.returncode == 2
    assert 'no folder for its log files' in done.stderr and 'set ROS_LOG_DIR' in done.stderr
    assert 'arguments' not in done.stderr and 'Traceback' not in done.stderr
    # The cure is one: it gets as far as its parameters.
    done = run('-p', 'nosuch:=1', **{**variables, 'ROS_LOG_DIR': str(tmp_path)})
    assert "unknown parameter 'nosuch'" in done.stderr


@pytest.mark.parametrize(
    'words',
    [['--foo'], ['model:=x', 'backend:=onnx'], ['--ros-args', '-p', 'enabled:=true', '--', 'x']],
)
def test_words_that_nobody_would_read_are_refused_with_the_form(ros_domain, words):
    done = run_bare(*words)
    assert done.returncode == 2
    meant = ' '.join(words).rpartition('-- ')[2]
    assert f'not understood: {meant}: ' in done.stderr
    assert '`segmentation --ros-args -p model:=x`' in done.stderr


def test_a_topic_is_renamed_in_the_old_form_still(ros_domain):
    done = run_bare('image:=/front', '--ros-args', '-p', 'nosuch:=1')
    assert done.stderr.splitlines()[-1].startswith("unknown parameter 'nosuch'")


def test_an_empty_word_of_a_launch_file_is_none(ros_domain):
    done = run_bare('', '--ros-args', '-p', 'nosuch:=1')
    assert done.stderr.splitlines()[-1].startswith("unknown parameter 'nosuch'")


@pytest.mark.parametrize('word', ['-h', '--help'])
def test_help_names_the_form_and_all_parameters(ros_domain, word):
    done = run_bare(word, HOME=None, ROS_HOME=None, ROS_LOG_DIR=None)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.startswith('usage: segmentation --ros-args [-p PARAMETER:=VALUE]')
    for spec in parameter_specs():
        assert f'  {spec.name} ({spec.type}): {spec.description}' in done.stdout
    assert '  layers.<key>.cost (integer): ' in done.stdout


def test_two_cameras_compressed_at_network_size(
    ros_domain, peer, start_node, toy_model, make_quadrants
):
    start_node(
        model=toy_model,
        backend='onnx',
        cameras='[front, left]',
        input__transport='compressed',
        mask__size='network',
    )
    png = cv2.imencode('.png', make_quadrants(64, 48))[1].tobytes()
    publishers = {}
    for name in ('front', 'left'):
        peer.listen(Image, f'/segmentation/{name}/mask')
        publishers[name] = peer.node.create_publisher(
            CompressedImage, f'{name}/image/compressed', 1
        )
    for name, publisher in publishers.items():
        message = CompressedImage(format='png', data=array('B', png))
        message.header.frame_id = f'{name}_optical'
        heard = peer.heard[f'/segmentation/{name}/mask']
        for _ in range(60):
            publisher.publish(message)
            try:
                mask = peer.wait(lambda heard=heard: heard and heard[-1], 'a mask', 0.5)
                break
            except AssertionError:
                continue
        else:
            pytest.fail(f'no mask from {name}')
        assert mask.header.frame_id == f'{name}_optical'
        assert (mask.width, mask.height) == (32, 24)
        pixels = np.frombuffer(mask.data, np.uint8).reshape(24, 32)
        assert [int(pixels[y, x]) for y in (5, 20) for x in (5, 25)] == [0, 1, 2, 255]


@pytest.mark.parametrize('module', ['rclpy', 'cv2', 'onnxruntime'])
def test_ctrl_c_during_an_import_is_clean(ros_domain, toy_model, module):
    command = [
        sys.executable, '-m', 'espnet_ros.ros.segmentation_node', '--ros-args',
        '-p', f'model:={toy_model}', '-p', 'backend:=onnx',
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPROFILEIMPORTTIME': '1'},
    )
    lines = []
    for line in process.stderr:
        lines.append(line)
        # Python reports each import when it is done: this one is a part of the module's.
        if f'{module}.' in line:
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=DEADLINE_S)
    log = ''.join(lines) + rest
    assert process.returncode == 0, log
    assert 'Traceback' not in log
    assert 'configured:' not in log or module == 'onnxruntime'


def test_a_signal_ends_a_node_that_waits_for_a_minute(peer):
    # Nobody ends the process if it does not do so itself.
    program = (
        'import functools, sys\n'
        'from espnet_ros.ros import segmentation_node as entry\n'
        'entry.run_until_signal = functools.partial(entry.run_until_signal, grace_s=3600.0)\n'
        'sys.exit(entry.main())\n'
    )
    command = [
        sys.executable, '-c', program, '--ros-args', '-p', 'autostart:=false',
        '-p', 'diagnostics.period:=60.0', '-r', '__ns:=/idle',
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            peer.call(GetState, '/idle/segmentation/get_state', GetState.Request())
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
    assert process.returncode == 0, log


def test_an_activation_that_fails_is_told_and_leaves_a_node_to_configure(ros_domain, toy_model):
    code = (
        'import sys, rclpy\n'
        'from espnet_ros.ros.camera import Camera\n'
        'from espnet_ros.ros.node import SegmentationNode\n'
        'subscribe = Camera.subscribe\n'
        'rclpy.init(args=sys.argv)\n'
        'node = SegmentationNode()\n'
        'for Camera.subscribe in (None, subscribe):\n'
        '    node.trigger_configure()\n'
        '    node.trigger_activate()\n'
        '    print(node._state_machine.current_state[1])\n'
        'node.close()\n'
        'node.destroy_node()\n'
        'rclpy.shutdown()\n'
    )
    arguments = ['--ros-args', '-p', f'model:={toy_model}', '-p', 'backend:=onnx']
    result = subprocess.run(
        [sys.executable, '-c', code, *arguments], capture_output=True, text=True,
        timeout=DEADLINE_S,
    )  # fmt: skip
    assert result.stdout.split() == ['unconfigured', 'active'], result.stderr
    assert "not activated: 'NoneType' object is not callable\nTraceback" in result.stderr
    assert result.stderr.count('Traceback') == 1


def test_an_executor_serves_images_before_all_that_was_subscribed_to_earlier(
    ros_domain, toy_model
):
    code = (
        'import sys, rclpy\n'
        'from espnet_ros.ros.node import SegmentationNode\n'
        'rclpy.init(args=sys.argv)\n'
        'node = SegmentationNode()\n'
        'node.trigger_configure()\n'
        'print([s.topic_name for s in node.subscriptions])\n'
        'node.trigger_activate()\n'
        'print([s.topic_name for s in node.subscriptions])\n'
        'node.close()\n'
        'node.destroy_node()\n'
        'rclpy.shutdown()\n'
    )
    arguments = ['--ros-args', '-p', f'model:={toy_model}', '-p', 'backend:=onnx',
                 '-p', 'pose.source:=odometry', '-p', 'cameras:=[front, left]']  # fmt: skip
    result = subprocess.run(
        [sys.executable, '-c', code, *arguments], capture_output=True, text=True,
        timeout=DEADLINE_S,
    )  # fmt: skip
    inactive, active = map(ast.literal_eval, result.stdout.splitlines())
    assert inactive == ['/odometry']
    assert active[:2] == ['/front/image', '/left/image']
    assert set(active[2:]) == {'/odometry', '/front/camera_info', '/left/camera_info'}
