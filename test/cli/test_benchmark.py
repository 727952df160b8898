from __future__ import annotations

import errno
import importlib.util
import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from espnet_ros.cli.main import main
from espnet_ros.core.python_child import module_command

pytest.importorskip('onnxruntime')
cv2 = pytest.importorskip('cv2')

DEADLINE_S = 120.0
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
        '--json', tmp_path / 'report.json', '--plot', tmp_path / 'plot.png', '--threads', 1,
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
    assert 'Processor threads for each network: 1 at most' in out and report['threads'] == 1
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
    monkeypatch.setattr('espnet_ros.core.libraries.installed', lambda library: False)
    assert benchmark('--model', green_model, '--images', pictures, '--backends', 'onnx:f32') == 0
    assert 'publish: not measured (ROS 2 is not installed)' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--backends', 'onxx'], "no backend 'onxx'"),
        (['--size', '100x100'], '104x104'),
        (['--size', '64x48,64x48'], '64x48 twice'),
        (['--device', 'foo'], "device must be auto, cpu, cuda or cuda:N, got 'foo'"),
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


def test_the_plot_is_written_when_the_json_can_not_be(
    green_model: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    def fail(file: Path, figures: object) -> None:
        raise OSError(errno.EIO, 'Input/output error', str(file))

    monkeypatch.setattr('espnet_ros.cli.results.write_json', fail)
    status = benchmark(
        '--model', green_model, '--images', pictures, '--backends', 'onnx:f32',
        '--json', tmp_path / 'report.json', '--plot', tmp_path / 'plot.png',
    )  # fmt: skip
    assert status == 2
    assert cv2.imread(str(tmp_path / 'plot.png')) is not None
    assert 'report.json: Input/output error' in capsys.readouterr().err


def test_a_report_that_nobody_reads_is_written_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nobody_reads
):
    report = {'rows': [{'reason': None, 'backend': 'onnx'}]}
    monkeypatch.setattr('espnet_ros.benchmark.run.run_benchmark', lambda *_: report)
    monkeypatch.setattr('espnet_ros.benchmark.table.table', lambda report: 'table')
    monkeypatch.setattr(
        'espnet_ros.benchmark.plot.plot', lambda report: np.zeros((5, 7, 3), np.uint8)
    )
    with nobody_reads():
        assert benchmark(
            '--json', tmp_path / 'report.json', '--plot', tmp_path / 'plot.png'
        ) == 141  # fmt: skip
    assert json.loads((tmp_path / 'report.json').read_text()) == report
    assert cv2.imread(str(tmp_path / 'plot.png')).shape == (5, 7, 3)


@pytest.mark.parametrize(
    ('number', 'code'), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_signals_leave_neither_workers_nor_files(
    number: int, code: int, green_model: Path, pictures: Path, tmp_path: Path
):
    temporary = tmp_path / 'tmp'
    temporary.mkdir()
    command = module_command(
        'espnet_ros', 'benchmark', '--model', str(green_model), '--images', str(pictures),
        '--backends', 'onnx:f32', '--seconds', '3600',
    )  # fmt: skip
    process = subprocess.Popen(
        command, env={**os.environ, 'TMPDIR': str(temporary)}, stderr=subprocess.PIPE, text=True
    )
    try:
        workers = _workers(process.pid)
        process.send_signal(number)
        errors = process.communicate(timeout=DEADLINE_S)[1]
    finally:
        process.kill()
    assert process.returncode == code, errors
    assert 'Traceback' not in errors
    assert list(temporary.iterdir()) == []
    assert all(select.select([fd], [], [], DEADLINE_S)[0] for fd in workers)


def _workers(pid: int) -> list[int]:
    """Return process file descriptors of the children, once there are some."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        children = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
        if children:
            return [os.pidfd_open(int(child)) for child in children]
        time.sleep(0.05)
    raise AssertionError('no worker was started')
