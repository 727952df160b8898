from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from espnet_ros.benchmark import verify as logic
from espnet_ros.cli.main import main

pytest.importorskip('onnxruntime')


class StandIn(contextlib.AbstractContextManager):
    """Gives class 1 with 200; as a candidate, class 0 with 149 in the first row of image 9."""

    def __init__(self, name: str, device: str, precision: str) -> None:
        self.name, self.device, self.precision = name, device, precision

    def __exit__(self, *error: object) -> None:
        pass

    def infer(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mask = np.ones(images.shape[:3], np.uint8)
        confidence = np.full(images.shape[:3], 200, np.uint8)
        # The pictures' red is where their green ends: 32 in 3.png and 9.png only.
        if self.name == 'torch' and images[0, 0, 0, 2] == 32:
            mask[:, 0], confidence[:, 0] = 0, 149
        return mask, confidence


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        logic, 'create_backend', lambda name, bundle, device, kind: StandIn(name, device, kind)
    )


def verify(*arguments: object) -> int:
    return main(['verify', *map(str, arguments)])


def test_two_libraries_agree(green_model: Path, pictures: Path, tmp_path: Path, capsys):
    pytest.importorskip('openvino')
    report = tmp_path / 'report.json'
    arguments = ['--model', green_model, '--images', pictures, '--backend', 'openvino']
    assert verify(*arguments, '--precision', 'f32', '--json', report) == 0
    figures = json.loads(report.read_text())
    assert figures['mask_agreement'] == 1.0
    assert figures['confidence_error'] == {'mean': 0.0, 'p99': 0.0, 'max': 0.0}
    assert figures['reference'] == 'onnx'
    assert len(figures['images']) == 10
    assert capsys.readouterr().out.startswith('PASS: openvino f32 on CPU')


def test_a_backend_that_differs_fails_and_the_worst_image_is_named(
    green_model: Path, pictures: Path, tmp_path: Path, stand_ins: None, capsys
):
    report = tmp_path / 'report.json'
    arguments = ['--model', green_model, '--images', pictures, '--backend', 'torch']
    assert verify(*arguments, '--precision', 'bf16', '--json', report) == 1
    figures = json.loads(report.read_text())
    # One row of 48 in two of ten images.
    assert figures['mask_agreement'] == pytest.approx(1 - 2 / 480)
    assert figures['worst_image'] == '3.png'
    assert figures['worst_image_agreement'] == pytest.approx(47 / 48)
    assert figures['threshold'] == 0.997
    # 51 / 255 in 2 / 480 of the pixels, fewer than one percent.
    assert figures['confidence_error'] == {
        'mean': pytest.approx(0.2 / 240, abs=1e-6), 'p99': 0.0, 'max': 0.2
    }  # fmt: skip
    out = capsys.readouterr().out
    assert out.startswith('FAIL: torch bf16')
    assert '3.png with 97.917%' in out
    assert verify(*arguments, '--precision', 'bf16', '--threshold', '0.99') == 0


def test_the_threshold_is_that_of_the_precision(
    green_model: Path, pictures: Path, stand_ins: None, capsys
):
    arguments = ['--model', green_model, '--images', pictures, '--backend', 'torch']
    assert verify(*arguments, '--precision', 'f32') == 1
    assert '99.900% asked for' in capsys.readouterr().out
    assert verify(*arguments, '--precision', 'int8') == 2
    assert '--threshold' in capsys.readouterr().err


def test_a_reference_is_not_compared_with_itself(green_model: Path, pictures: Path, capsys):
    arguments = ['--model', green_model, '--images', pictures, '--backend', 'onnx']
    assert verify(*arguments, '--device', 'cpu', '--reference', 'onnx') == 2
    assert 'compared with itself' in capsys.readouterr().err


def test_without_a_reference_it_says_what_to_install(
    green_model: Path, stand_ins: None, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setattr(logic, 'installed', lambda library: False)
    assert verify('--model', green_model, '--backend', 'torch', '--precision', 'f32') == 2
    assert 'pip install onnxruntime' in capsys.readouterr().err
