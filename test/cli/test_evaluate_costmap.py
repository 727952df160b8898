from __future__ import annotations

import json
import os

import pytest

from espnet_ros.cli import evaluate_costmap as verb
from espnet_ros.cli.main import main
from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.labels import CAMVID
from espnet_ros.evaluation import costmap_drive, costmap_speed, fresh_process
from espnet_ros.evaluation.costmap_speed import Times


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(costmap_drive, 'SIZE_WH', (240, 180))


def evaluate(*arguments: object) -> int:
    return main(['evaluate_costmap', *map(str, arguments)])


def test_a_drive_with_true_masks(small, tmp_path, capsys):
    file = tmp_path / 'figures.json'
    options = ['--parts', 'drive', '--seeds', 2, '--length', 10, '--pitch-error', -2, 0]
    assert evaluate(*options, '--json', file) == 0
    drive = json.loads(file.read_text())['drive']
    assert (drive['seeds'], drive['length_m']) == ([2], 10.0)
    assert drive['parameters'].endswith('delivery_robot_camvid.yaml')
    wrong, right = drive['runs']
    assert (wrong['pitch_error_deg'], right['pitch_error_deg']) == (-2.0, 0.0)
    assert right['masks'] == 'true' and right['ground_iou'] > 0.9
    assert wrong['obstacle_recall'] < right['obstacle_recall']
    assert set(right['by_seed']) == {'2'}
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines if line.startswith('true')] == [
        ['true', '-2', '°'], ['true', '+0', '°'],
    ]  # fmt: skip
    assert f'{100 * right["ground_iou"]:.2f}' in lines[-2]


def test_the_masks_of_a_model(small, tmp_path, monkeypatch, capsys):
    onnxruntime = pytest.importorskip('onnxruntime')
    assert onnxruntime
    file = tmp_path / 'figures.json'
    options = ['--parts', 'drive', '--seeds', 0, '--length', 10, '--masks', 'true', 'model']
    assert evaluate(*options, '--backend', 'onnx', '--json', file) == 0
    drive = json.loads(file.read_text())['drive']
    assert (drive['model'], drive['backend']) == ('espnet_camvid', 'onnx')
    true, model = drive['runs']
    assert (true['masks'], model['masks']) == ('true', 'model')
    assert true['ground_iou'] != model['ground_iou'] > 0.5


def test_what_a_model_is_not_sure_of_is_left_out(small, tmp_path):
    assert pytest.importorskip('onnxruntime')
    file, parameters, found = tmp_path / 'figures.json', tmp_path / 'parameters.yaml', []
    options = ['--parts', 'drive', '--seeds', 0, '--length', 10, '--masks', 'model']
    options += ['--backend', 'onnx', '--parameters', parameters, '--json', file]
    for least in (0.0, 1.0):
        parameters.write_text(
            f'/**/segmentation:\n  ros__parameters: {{mask.min_confidence: {least}}}\n'
        )
        assert evaluate(*options) == 0
        (model,) = json.loads(file.read_text())['drive']['runs']
        found.append(model['obstacle_recall'])
    # It is never quite sure where things end; how often depends on how OpenCV makes masks smaller.
    assert found[1] < 0.9 * found[0]


def test_with_depth_lawns_are_spoken_of(small, tmp_path, capsys):
    file, depth = tmp_path / 'figures.json', tmp_path / 'depth.yaml'
    found = []
    for low in (0.05, -0.1):
        depth.write_text(
            '/**/segmentation:\n  ros__parameters:\n    projection.source: depth\n'
            f'    projection.height_band: [{low}, 2.0]\n'
        )
        options = ['--parts', 'drive', '--seeds', 1, '--length', 10, '--parameters', depth]
        assert evaluate(*options, '--json', file) == 0
        drive = json.loads(file.read_text())['drive']
        assert drive['projection'] == 'depth'
        is_warned = 'lawns of the street' in capsys.readouterr().err
        found.append((drive['runs'][0]['obstacle_recall'], is_warned))
    assert found[0][0] < 0.5 < 0.8 < found[1][0]
    assert (found[0][1], found[1][1]) == (True, False)


@pytest.mark.parametrize('degrees', ['inf', 'nan', '90', 'steep'])
def test_a_pitch_error_that_is_none_is_refused_before_the_drive(degrees, capsys):
    with pytest.raises(SystemExit) as refused:
        evaluate('--parts', 'drive', '--pitch-error', 0, degrees)
    assert refused.value.code == 2
    expected = f"--pitch-error: expected -89 to 89 degrees, got '{degrees}'"
    assert expected in capsys.readouterr().err


def test_speed_and_memory(tmp_path, monkeypatch, capsys):
    asked = []

    def fake(function, *args):
        asked.append(function)
        if function is costmap_speed.measure_memory:
            return [100.0] * 9 + [100.25]
        return [Times((float(i + 2),), (1.0,)) for i, _ in enumerate(args[1])]

    monkeypatch.setattr(fresh_process, 'in_fresh_process', fake)
    file = tmp_path / 'figures.json'
    assert evaluate('--parts', 'speed', 'memory', '--json', file) == 0
    report = json.loads(file.read_text())
    assert set(report) == {'speed', 'memory'}
    assert report['speed']['update_ms']['p50'] == 2.0
    three = report['speed']['in_turn'][-1]
    assert (three['cameras'], three['update_ms']['p50'], three['ratio']) == (3, 8.0, 4.0)
    assert report['memory']['growth_mb'] == 0.25
    out = capsys.readouterr().out
    assert 'p50 2.00' in out and '+0.2 MB' in out
    assert len(asked) == 3


def test_figures_that_nobody_reads_are_written(tmp_path, monkeypatch, nobody_reads):
    figures = {'drive': {'growth_mb': 1}, 'memory': {'growth_mb': 0.5, 'resident_mb': [1, 1.5]}}
    for part in figures:
        monkeypatch.setattr(verb, f'_{part}', lambda *args, part=part: figures[part])
    monkeypatch.setitem(verb._PRINT, 'drive', print)
    file = tmp_path / 'figures.json'
    with nobody_reads():
        assert evaluate('--parts', 'memory', 'drive', '--json', file) == 141
    assert json.loads(file.read_text()) == figures


def test_a_part_that_fails_costs_no_figures_of_those_before(tmp_path, monkeypatch, capsys):
    def fail():
        raise EspnetRosError('out of luck')

    monkeypatch.setattr(verb, '_drive', lambda args: {'goals': 5})
    monkeypatch.setitem(verb._PRINT, 'drive', print)
    monkeypatch.setattr(verb, '_speed', fail)
    file = tmp_path / 'figures.json'
    assert evaluate('--parts', 'drive', 'speed', '--json', file) == 2
    assert json.loads(file.read_text()) == {'drive': {'goals': 5}}
    assert capsys.readouterr() == ("{'goals': 5}\n", 'espnet_ros: out of luck\n')
    file.unlink()
    assert evaluate('--parts', 'speed', '--json', file) == 2
    assert not file.exists()


def test_a_model_of_other_classes_is_one_line(green_model, capsys):
    options = ['--parts', 'drive', '--masks', 'model', '--model', green_model]
    assert evaluate(*options) == 2
    error = capsys.readouterr().err
    assert f'the street has the classes {", ".join(CAMVID.names)}, but' in error
    assert 'Dark, Green' in error and error.count('\n') == 1


def test_parameters_the_node_does_not_have_are_one_line(tmp_path, capsys):
    file = tmp_path / 'mine.yaml'
    file.write_text('/**/segmentation:\n  ros__parameters: {grid.sise: [3.0, 2.0]}\n')
    assert evaluate('--parts', 'drive', '--parameters', file) == 2
    assert "unknown parameter 'grid.sise', did you mean 'grid.size'?" in capsys.readouterr().err
    assert evaluate('--parts', 'drive', '--parameters', tmp_path / 'none.yaml') == 2
    assert f'none.yaml: {os.strerror(2)}' in capsys.readouterr().err


def test_a_file_of_a_whole_robot_is_taken(small, tmp_path, capsys):
    file, figures = tmp_path / 'robot.yaml', tmp_path / 'figures.json'
    file.write_text(
        'controller_server:\n  ros__parameters: {controller_frequency: 20.0}\n'
        '/**:\n  ros__parameters: {use_sim_time: true, robot_radius: 0.3}\n'
        '/robot1/segmentation:\n  ros__parameters: {projection.overhang.Pedestrian: 0.7}\n'
    )
    options = ['--parts', 'drive', '--seeds', 2, '--length', 10, '--parameters', file]
    assert evaluate(*options, '--json', figures) == 0
    drive = json.loads(figures.read_text())['drive']
    assert drive['overhang_m'] == {'Pedestrian': 0.7}
    (warning,) = [e for e in capsys.readouterr().err.splitlines() if 'warning' in e]
    assert "'robot_radius', and none has a similar name (in a section for many" in warning
