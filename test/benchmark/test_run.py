"""Whole benchmarks with a small network, in real processes."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip('onnxruntime')

from espnet_ros.benchmark import run
from espnet_ros.benchmark.contender import Contender
from espnet_ros.benchmark.plan import Plan, parse_candidates
from espnet_ros.benchmark.plot import plot
from espnet_ros.benchmark.rows import STAGES
from espnet_ros.benchmark.table import table


def benchmark(model: Path, backends: str, ros: dict | None = None, **options: object) -> dict:
    plan = Plan(
        model=str(model), candidates=parse_candidates(backends), device='cpu', seconds=0.2,
        rounds=2, rate_hz=20.0, **options,
    )  # fmt: skip
    return run.run_benchmark(plan, ros)


def test_every_backend_gets_its_row_and_a_dead_one_its_reason(
    small_model: Path, pictures: Path, dying_openvino: None
):
    report = benchmark(small_model, 'openvino:f32,onnx:f32,torch:f32', images=pictures)
    rows = {row['backend']: row for row in report['rows']}
    assert list(rows) == ['baseline', 'openvino', 'onnx', 'torch']
    assert rows['openvino']['reason'] == (
        'the process ended with status 4; its last words: illegal instruction'
    )
    # At the network's own size the order of resize and normalisation does not matter.
    assert rows['onnx']['mask_agreement'] == 1.0
    assert rows['torch']['mask_agreement'] >= 0.999
    assert rows['baseline']['mask_agreement'] >= 0.999
    assert rows['baseline']['ratio_to_baseline'] == 1.0
    for name in ('baseline', 'onnx', 'torch'):
        row = rows[name]
        assert row['reason'] is None
        assert list(row['stage_ms']) == ['decode', 'resize', 'infer', 'post']
        assert row['end_to_end_ms']['p50'] >= row['stage_ms']['infer']['p50'] > 0
        assert row['arrived'] >= 4
        assert row['cpu_s_per_image'] > 0
        assert row['gemm_fraction'] > 0
    assert report['image_size_wh'] == [64, 48]
    assert len(report['sizes'][0]['others_by_round']) == 2
    assert report['sizes'][0]['reference'] == 'onnx f32'
    dead = [entry for entry in report['sizes'][0]['gemm'] if entry['library'] == 'openvino']
    assert len(dead) == sum(kind['library'] == 'openvino' for kind in run.gemm_kinds(None))
    assert all(entry['gflops'] is None and entry['reason'] for entry in dead)
    text = table(report)
    assert 'openvino f32: the process ended with status 4' in text
    assert 'onnx f32' in text
    assert '100.000%' in text
    assert 'publish: not measured (ROS 2 is not installed)' in text
    assert plot(report).ndim == 3


def test_sizes_and_jpeg(small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run, 'gemm_kinds', lambda cuda: [])
    folder = tmp_path / 'wide'
    folder.mkdir()
    cv2.imwrite(str(folder / 'a.png'), np.full((60, 100, 3), 90, np.uint8))
    report = benchmark(
        small_model, 'onnx', images=folder, sizes_wh=((64, 48), (96, 40)),
        image_size_wh=(120, 80), encoding='jpeg',
    )  # fmt: skip
    assert [(row['backend'], row['size_wh']) for row in report['rows']] == [
        ('baseline', [64, 48]), ('onnx', [64, 48]), ('baseline', [96, 40]), ('onnx', [96, 40]),
    ]  # fmt: skip
    assert report['image_size_wh'] == [120, 80]
    assert all(row['stage_ms']['decode']['p50'] > 0 for row in report['rows'])
    assert all(row['gemm_fraction'] is None for row in report['rows'])
    text = table(report)
    assert '120x80 jpeg image to mask at 96x40' in text
    assert 'no library to measure with' in text


def test_masks_are_published_where_there_is_ros(
    small_model: Path, pictures: Path, ros_domain: int, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip('rclpy')
    monkeypatch.setattr(run, 'gemm_kinds', lambda cuda: [])
    ros = {'ROS_DOMAIN_ID': str(ros_domain)}
    report = benchmark(small_model, 'onnx:f32', ros, images=pictures)
    for row in report['rows']:
        assert list(row['stage_ms']) == ['decode', 'resize', 'infer', 'post', 'publish']
        assert row['stage_ms']['publish']['p50'] > 0
    assert report['sizes'][0]['publish_reason'] is None
    text = table(report)
    assert ' publish ' in text.splitlines()[1]
    assert 'not measured' not in text


def test_a_row_without_its_publishing_says_why(
    small_model: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, 'gemm_kinds', lambda cuda: [])
    package = tmp_path / 'libraries' / 'rclpy'
    package.mkdir(parents=True)
    (package / '__init__.py').write_text("raise ImportError('librcl.so: no such file')\n")
    # The receiver works, and then ROS is gone.
    monkeypatch.setattr(
        run, 'Reception',
        lambda *_: SimpleNamespace(
            reason=None, environment={'PYTHONPATH': str(package.parent)}, worker=None,
            check=lambda: None,
        ),
    )  # fmt: skip
    report = benchmark(small_model, 'onnx:f32', {}, images=pictures)
    assert [row['reason'] for row in report['rows']] == [None, None]
    assert all('publish' not in row['stage_ms'] for row in report['rows'])
    words = 'publish: not measured (ImportError: librcl.so: no such file)'
    assert words in table(report).replace('\n', ' ')


def test_a_receiver_lost_on_the_way_costs_the_stage(
    small_model: Path, pictures: Path, ros_domain: int, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip('rclpy')
    monkeypatch.setattr(run, 'gemm_kinds', lambda cuda: [])
    whole_round = run._Size._round

    def kill_then_measure(self, contenders, gemms, bar):
        if self._reception.worker:
            os.kill(self._reception.worker.pid, signal.SIGKILL)
        whole_round(self, contenders, gemms, bar)

    monkeypatch.setattr(run._Size, '_round', kill_then_measure)
    ros = {'ROS_DOMAIN_ID': str(ros_domain)}
    report = benchmark(
        small_model, 'onnx:f32', ros, images=pictures, sizes_wh=((64, 48), (96, 40))
    )
    assert [row['reason'] for row in report['rows']] == [None] * 4
    assert all('publish' not in row['stage_ms'] for row in report['rows'])
    reasons = [size['publish_reason'] for size in report['sizes']]
    assert all('the receiver of the masks: the process ended by SIGKILL' in r for r in reasons)


@pytest.mark.parametrize(
    ('asked', 'devices', 'measured'),
    [
        ('cuda:1', ['cuda:1 (GPU)', 'CPU (x)'], 'cuda:1'),
        ('auto', ['cuda:0 (GPU)'], 'cuda:0'),
        ('auto', ['CPU (x)'], None),
    ],
)
def test_products_are_measured_on_the_device_that_ran(
    asked: str, devices: list[str], measured: str | None, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    seen = []
    monkeypatch.setattr(run, 'gemm_kinds', lambda cuda: seen.append(cuda) or [])
    plan = Plan(model='m', candidates=(), device=asked)
    contenders = [Contender('x', {}, tmp_path) for _ in devices]
    for contender, device in zip(contenders, devices, strict=True):
        contender.facts = {'device': device}
    with ExitStack() as stack:
        run._Size(plan, None, (64, 48), tmp_path, tmp_path, None)._start_gemms(contenders, stack)
    assert seen == [measured]


def row(backend: str, infer_ms: float | None) -> dict:
    points = {'p50': infer_ms, 'p95': infer_ms, 'p99': infer_ms}
    return {
        'backend': backend,
        'precision': 'f32',
        'size_wh': [64, 48],
        'stage_ms': None if infer_ms is None else {'infer': points},
        'end_to_end_ms': None if infer_ms is None else points,
        'ratio_to_baseline': None,
    }


def test_bars_are_as_long_as_the_times():
    report = {
        'image_size_wh': [64, 48], 'encoding': 'raw', 'model': 'm', 'processor': 'p',
        'processors': 2, 'rows': [row('a', 80.0), row('b', 20.0), row('c', None)],
    }  # fmt: skip
    picture = plot(report)
    grey = np.all(picture == (153, 153, 153), axis=2)
    lengths = [int(grey[y].sum()) for y in (91, 131, 171)]
    assert lengths[0] > 400
    assert lengths[1] == pytest.approx(lengths[0] / 4, abs=1)
    assert lengths[2] == 0


def test_each_of_all_stages_has_its_colour():
    measured = row('a', 10.0)
    measured['stage_ms'] = {stage: {'p50': 10.0} for stage in STAGES}
    report = {
        'image_size_wh': [64, 48], 'encoding': 'raw', 'model': 'm', 'processor': 'p',
        'processors': 2, 'rows': [measured],
    }  # fmt: skip
    bar = plot(report)[92, 231:]
    found = {tuple(color) for color in bar.tolist()} - {(255, 255, 255)}
    assert len(found) == len(STAGES)
