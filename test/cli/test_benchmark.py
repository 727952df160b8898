from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from espnet_ros.cli.main import main

pytest.importorskip('onnxruntime')
cv2 = pytest.importorskip('cv2')

ROW_KEYS = {
    'backend', 'precision', 'size_wh', 'stage_ms', 'end_to_end_ms', 'ratio_to_baseline',
    'gemm_fraction', 'mask_agreement', 'images_per_s', 'missed', 'cpu_s_per_image', 'peak_rss_mb',
    'energy_j_per_image', 'reason',
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_matrix_products(monkeypatch: pytest.MonkeyPatch) -> None:
    # They have tests of their own and take longest.
    monkeypatch.setattr('espnet_ros.benchmark.run.gemm_kinds', lambda cuda: [])


def benchmark(*arguments: object) -> int:
    return main(['benchmark', '--seconds', '0.2', *map(str, arguments)])


def test_table_json_and_plot(green_model: Path, pictures: Path, tmp_path: Path, capsys):
    status = benchmark(
        '--model', green_model, '--images', pictures, '--backends', 'onnx:f32,onnx:bf16',
        '--json', tmp_path / 'report.json', '--plot', tmp_path / 'plot.png',
    )  # fmt: skip
    assert status == 0
    report = json.loads((tmp_path / 'report.json').read_text())
    baseline, good, bad = report['rows']
    assert all(set(row) >= ROW_KEYS for row in report['rows'])
    # This model's weights are made up; only its ONNX file works.
    assert 'refused' in baseline['reason'] or 'torch' in baseline['reason']
    assert good['reason'] is None
    assert good['mask_agreement'] == 1.0
    assert good['ratio_to_baseline'] is None
    assert 'backend onnx computes in f32' in bad['reason']
    assert (bad['backend'], bad['precision']) == ('onnx', 'bf16')
    has_ros = importlib.util.find_spec('rclpy') is not None
    assert ('publish' in good['stage_ms']) == has_ros
    out = capsys.readouterr().out
    assert '64x48 raw image to mask at 64x48, model green' in out
    assert 'onnx bf16: backend onnx computes in f32' in out
    assert cv2.imread(str(tmp_path / 'plot.png')) is not None


def test_nothing_measured_is_a_failure(green_model: Path, pictures: Path, capsys):
    assert benchmark(
        '--model', green_model, '--images', pictures, '--backends', 'onnx:f16'
    ) == 1  # fmt: skip
    assert 'onnx f16: backend onnx computes in f32' in capsys.readouterr().out


def test_without_ros_publishing_is_a_reason(
    green_model: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setattr('espnet_ros.backends.machine.installed', lambda library: False)
    assert benchmark('--model', green_model, '--images', pictures, '--backends', 'onnx:f32') == 0
    assert 'publish: not measured (ROS 2 is not installed)' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--backends', 'onxx'], "no backend 'onxx'"),
        (['--size', '100x100'], '104x104'),
        (['--images', 'no_such_folder'], 'no folder no_such_folder'),
        (['--model', 'no_such_model'], 'no_such_model'),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], words: str, capsys):
    assert benchmark(*arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert 'Traceback' not in error


def test_options_out_of_bounds_are_refused(capsys):
    with pytest.raises(SystemExit):
        benchmark('--rate', '0')
    assert 'images a second' in capsys.readouterr().err
