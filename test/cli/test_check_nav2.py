"""The verb check_nav2: what it prints, writes and returns."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from espnet_ros.cli.main import main

# The model of conftest.py has the classes Dark and Green.
BAD = """\
/local_costmap/local_costmap:
  ros__parameters:
    rolling_window: true
    plugins: [semantic]
    semantic:
      plugin: semantic_segmentation_layer::SemanticSegmentationLayer
      observation_sources: front
      front:
        segmentation_topic: /segmentation/nav/mask
        confidence_topic: /segmentation/nav/confidence
        labels_topic: /segmentation/label_info
        pointcloud_topic: /segmentation/nav/points
        class_types: [all]
        all:
          classes: [Dark, green]
          max_cost: 254
          expected_update_rate: 0.0
"""
GOOD = BAD.replace('green', 'Green')
OTHER = 'amcl: {ros__parameters: {use_sim_time: true, scan_topic: scan}}\n'


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = 'nav2_params.yaml') -> str:
        (tmp_path / name).write_text(text, encoding='utf-8')
        return str(tmp_path / name)

    return write


def test_traps_are_printed_with_line_and_cure_and_the_status_is_1(write, green_model, capsys):
    path = write(BAD)
    assert main(['check_nav2', path, '--model', str(green_model)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f'{path}:13: warning: no class type holds Green of green')
    assert lines[1:] == [
        f"{path}:15: error: 'green' is no class of green, so it is never marked. "
        "Fix: 'Green' [class_names]",
        'errors: 1, warnings: 1',
    ]


def test_no_trap_is_status_0(write, green_model, capsys):
    assert main(['check_nav2', write(GOOD), '--model', str(green_model)]) == 0
    assert capsys.readouterr().out == 'errors: 0, warnings: 0\n'


def test_the_findings_are_written_as_json(write, green_model, tmp_path):
    path, out = write(BAD), tmp_path / 'out.json'
    main(['check_nav2', path, '--model', str(green_model), '--json', str(out)])
    figures = json.loads(out.read_text(encoding='utf-8'))
    assert (figures['file'], figures['model']) == (path, 'green')
    assert (figures['errors'], figures['warnings'], figures['notes']) == (1, 1, [])
    assert figures['findings'][1] == {
        'severity': 'error',
        'line': 15,
        'parameter': '/local_costmap/local_costmap: semantic.front.all.classes',
        'problem': "'green' is no class of green, so it is never marked",
        'cure': "'Green'",
        'check': 'class_names',
        'file': path,
    }


def test_findings_that_can_not_be_written_are_printed(write, green_model, monkeypatch, capsys):
    def fail(file, figures):
        raise OSError(errno.EIO, 'Input/output error', str(file))

    monkeypatch.setattr('espnet_ros.cli.results.write_json', fail)
    assert main(['check_nav2', write(BAD), '--model', str(green_model), '--json', 'f']) == 2
    out, error = capsys.readouterr()
    assert out.endswith('errors: 1, warnings: 1\n')
    assert error == 'espnet_ros: f: Input/output error\n'


def test_a_file_of_another_robot_is_said_to_be_one(write, green_model, capsys):
    path = write(OTHER)
    assert main(['check_nav2', path, '--model', str(green_model)]) == 0
    assert f'note: {path} uses nothing of the node segmentation\n' in capsys.readouterr().out


def test_what_ros_refuses_is_found_in_a_file_of_another_robot(write, green_model, capsys):
    path = write(OTHER + 'map_server: {ros__parameters: null}\n')
    assert main(['check_nav2', path, '--model', str(green_model)]) == 1
    out = capsys.readouterr().out
    assert f'{path}:2: error: ros__parameters of /map_server holds no names' in out
    assert f'note: {path} uses nothing of the node segmentation\n' in out


def test_layer_names_that_are_not_checked_are_named(write, green_model, tmp_path, capsys):
    monitor = '{type: pointcloud, topic: /segmentation/points/people, min_height: -0.3}'
    path = write(f'collision_monitor: {{ros__parameters: {{people: {monitor}}}}}\n')
    out = tmp_path / 'out.json'
    assert main(['check_nav2', path, '--model', str(green_model), '--json', str(out)]) == 0
    (note,) = json.loads(out.read_text(encoding='utf-8'))['notes']
    assert note.startswith('layer names are not checked (people): ')
    assert capsys.readouterr().out == f'note: {note}\nerrors: 0, warnings: 0\n'


def test_the_model_is_the_one_the_parameters_name(write, green_model, capsys):
    own = f'segmentation: {{ros__parameters: {{model: {green_model}}}}}\n'
    assert main(['check_nav2', write(own + BAD)]) == 1
    assert "'green' is no class of green" in capsys.readouterr().out


def test_a_missing_default_model_leaves_class_names_unchecked(
    write, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr('espnet_ros.bundle.share_directory', lambda: tmp_path)
    assert main(['check_nav2', write(BAD)]) == 0
    assert 'note: class names are not checked: ' in capsys.readouterr().out


def test_without_the_model_the_nodes_own_parameters_are_checked(
    write, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr('espnet_ros.bundle.share_directory', lambda: tmp_path)
    path = write('segmentation: {ros__parameters: {layers.a: {classes: [Car], cost: 101}}}\n')
    assert main(['check_nav2', path]) == 1
    out = capsys.readouterr().out
    assert f'{path}:1: error: layers.a.cost: expected 0 to 100, got 101. Fix: ' in out
    assert 'note: class names are not checked: ' in out and 'errors: 1, warnings: 0' in out


def test_a_model_that_launch_fills_in_leaves_class_names_unchecked(write, capsys):
    own = 'segmentation: {ros__parameters: {model: $(var model)}}\n'
    assert main(['check_nav2', write(own + BAD)]) == 0
    expected = 'note: class names are not checked: launch fills in the model for $(var model)\n'
    assert expected in capsys.readouterr().out


def test_a_model_that_is_no_name_is_a_finding(write, capsys):
    path = write('segmentation: {ros__parameters: {model: 5}}\n')
    assert main(['check_nav2', path]) == 1
    assert f'{path}:1: error: model: expected a value of type string' in capsys.readouterr().out


def test_every_file_is_read_once(write, green_model, monkeypatch):
    own = f'segmentation: {{ros__parameters: {{model: {green_model}}}}}\n'
    paths = [write(GOOD), write(own, 'layers.yaml')]
    opened, real = [], Path.read_text

    def counted(path, *args, **kwargs):
        opened.append(str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, 'read_text', counted)
    assert main(['check_nav2', paths[0], '--layers', paths[1]]) == 0
    assert [opened.count(path) for path in paths] == [1, 1]


def test_a_missing_model_that_was_asked_for_is_an_error(write, capsys):
    assert main(['check_nav2', write(GOOD), '--model', './nothing/here']) == 2
    assert capsys.readouterr().err.count('\n') == 1


def test_the_layers_are_checked_in_their_own_file(write, green_model, capsys):
    layers = write(
        '/**/segmentation:\n  ros__parameters:\n    layers:\n'
        '      free: {classes: [Green, Blue], cost: 0}\n',
        'layers.yaml',
    )
    command = ['check_nav2', write(GOOD), '--model', str(green_model), '--layers', layers]
    assert main(command) == 1
    assert f"{layers}:4: error: free: unknown class 'Blue'" in capsys.readouterr().out


def test_every_file_of_the_node_counts(write, green_model, capsys):
    cameras = write('segmentation: {ros__parameters: {cameras: [front]}}\n', 'cameras.yaml')
    free = 'layers: {free: {classes: [Green], cost: 0}}'
    layers = write(f'segmentation: {{ros__parameters: {{{free}}}}}\n', 'layers.yaml')
    command = ['check_nav2', write(GOOD), '--model', str(green_model)]
    assert main([*command, '--layers', layers]) == 0
    capsys.readouterr()
    # Whatever the order, what one of them says is not lost to the other.
    for files in ([cameras, layers], [layers, cameras]):
        given = [word for file in files for word in ('--layers', file)]
        assert main([*command, *given]) == 1
        assert '/segmentation/front/nav/mask' in capsys.readouterr().out


def test_shipped_layers_go_by_their_name(write, capsys):
    assert main(['check_nav2', write(GOOD), '--layers', 'delivery_robot_camvid']) in (0, 1)
    assert 'No such file' not in capsys.readouterr().err
    assert main(['check_nav2', write(GOOD), '--layers', 'delivery']) == 2
    error = capsys.readouterr().err
    assert error.startswith('espnet_ros: delivery is neither one of delivery_robot_camvid, ')


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('a: [1', 'expected YAML, but line 1'),
        ('', 'expected the parameters of ROS nodes'),
        (None, 'No such file'),
    ],
)
def test_a_file_that_cannot_be_read_is_status_2(text, expected, write, tmp_path, capsys):
    path = str(tmp_path / 'nothing.yaml') if text is None else write(text)
    assert main(['check_nav2', path]) == 2
    captured = capsys.readouterr()
    assert captured.out == ''
    assert expected in captured.err and captured.err.count('\n') == 1
