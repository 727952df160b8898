from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from espnet_ros.backends import open_model
from espnet_ros.backends.auto_backend import AutoBackend
from espnet_ros.backends.base import Backend
from espnet_ros.benchmark import verify as logic
from espnet_ros.benchmark.agreement import THRESHOLDS
from espnet_ros.cli.main import main
from espnet_ros.core.config import parameter_specs
from espnet_ros.core.errors import BackendError, DeviceError

pytest.importorskip('onnxruntime')


class StandIn(contextlib.AbstractContextManager):
    """Gives class 1 with 200; as a candidate, class 0 with 149 in the first row of image 9."""

    gains_by_batches = False

    def __init__(self, name: str, device: str, precision: str) -> None:
        self.name, self.device, self.precision = name, device, precision

    def __exit__(self, *error: object) -> None:
        pass

    def warm_up(self, size_wh: tuple[int, int], batch: int) -> None:
        pass

    def infer(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mask = np.ones(images.shape[:3], np.uint8)
        confidence = np.full(images.shape[:3], 200, np.uint8)
        # The pictures' red is where their green ends: 32 in 3.png and 9.png only.
        if self.name == 'torch' and images[0, 0, 0, 2] == 32:
            mask[:, 0], confidence[:, 0] = 0, 149
        return mask, confidence


def are_created(monkeypatch: pytest.MonkeyPatch, create: Callable[..., object]) -> None:
    """Let the backend to check and the reference come from a function."""
    for module in (open_model, logic):
        monkeypatch.setattr(module, 'create_backend', create)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    are_created(monkeypatch, lambda name, bundle, device, kind: StandIn(name, device, kind))


class Fake(Backend):
    """Answers like `StandIn`, so many times, and then its device is gone."""

    device_kinds = ('cpu', 'cuda')
    precisions = ('f32', 'f16')

    def __init__(self, bundle, name: str, device: str, precision: str, runs: int) -> None:
        super().__init__(bundle)
        self.name, self.left = name, runs
        self.resolved = device, precision

    def _load(self, device: str, precision: str) -> tuple[str, str]:
        return self.resolved

    def _infer(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not self.left:
            raise DeviceError('the engine is not to be had')
        self.left -= 1
        return StandIn(self.name, *self.resolved).infer(images)

    def _free(self) -> None:
        pass


def moves_on(monkeypatch: pytest.MonkeyPatch, runs: int) -> None:
    """Let auto be TensorRT, that ends after so many runs, and then ONNX Runtime on the CPU."""

    def create(name, bundle, device, precision):
        if name != 'auto':
            return Fake(bundle, name, 'CPU', 'f32', 99)
        first = Fake(bundle, 'tensorrt', 'cuda:0', 'f16', runs)
        return AutoBackend([first, Fake(bundle, 'onnx', 'CPU', 'f32', 99)])

    are_created(monkeypatch, create)
    monkeypatch.setattr(logic, 'is_installed', lambda name: True)


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


def test_a_failure_that_nobody_reads_is_written_and_is_none_of_success(
    green_model: Path, pictures: Path, tmp_path: Path, stand_ins: None, nobody_reads
):
    report = tmp_path / 'report.json'
    arguments = ['--model', green_model, '--images', pictures, '--backend', 'torch']
    with nobody_reads():
        assert verify(*arguments, '--precision', 'bf16', '--json', report) in (1, 141)
    assert json.loads(report.read_text())['passed'] is False


def test_the_threshold_is_that_of_the_precision(
    green_model: Path, pictures: Path, stand_ins: None, capsys
):
    arguments = ['--model', green_model, '--images', pictures, '--backend', 'torch']
    assert verify(*arguments, '--precision', 'f32') == 1
    assert 'threshold is 99.900%' in capsys.readouterr().out
    # 99.583 % agree.
    assert verify(*arguments, '--precision', 'int8') == 0
    assert 'threshold is 98.000%' in capsys.readouterr().out


def test_every_precision_has_a_threshold():
    choices = next(spec.choices for spec in parameter_specs() if spec.name == 'precision')
    assert set(THRESHOLDS) == set(choices) - {'auto'}


def test_auto_that_ends_at_the_reference_is_compared_with_another(
    green_model: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    moves_on(monkeypatch, runs=0)
    report = tmp_path / 'report.json'
    arguments = ['--model', green_model, '--images', pictures, '--backend', 'auto']
    # The torch of these tests differs in two rows of 480: too much for f32, enough for f16.
    assert verify(*arguments, '--json', report) == 1
    figures = json.loads(report.read_text())
    assert (figures['backend'], figures['precision'], figures['device']) == ('onnx', 'f32', 'CPU')
    assert (figures['reference'], figures['threshold']) == ('torch', 0.999)
    assert figures['mask_agreement'] == pytest.approx(1 - 2 / 480)


def test_auto_that_ends_at_the_reference_asked_for_is_refused(
    green_model: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    moves_on(monkeypatch, runs=0)
    arguments = ['--model', green_model, '--images', pictures, '--reference', 'onnx']
    assert verify(*arguments, '--backend', 'auto') == 2
    assert 'onnx f32 on the CPU would be compared with itself' in capsys.readouterr().err


def test_auto_that_moves_on_in_the_middle_is_no_result(
    green_model: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    moves_on(monkeypatch, runs=4)
    arguments = ['--model', green_model, '--images', pictures, '--reference', 'onnx']
    assert verify(*arguments, '--backend', 'auto') == 2
    out, error = capsys.readouterr()
    assert out == ''
    assert 'tensorrt f16 on cuda:0 failed during the comparison and onnx f32 on CPU' in error
    assert '--backend tensorrt' in error


def test_another_size_is_verified_at_that_size(green_model: Path, tmp_path: Path, capsys):
    pytest.importorskip('openvino')
    report = tmp_path / 'report.json'
    arguments = ['--model', green_model, '--backend', 'openvino', '--precision', 'f32']
    seen = []
    infer = Backend.infer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Backend, 'infer', lambda self, images: seen.append(images.shape) or infer(self, images)
        )
        assert verify(*arguments, '--size', '96x40', '--json', report) == 0
    assert set(seen) == {(1, 40, 96, 3)}
    assert json.loads(report.read_text())['size_wh'] == [96, 40]
    assert 'model green at 96x40' in capsys.readouterr().out


def test_a_size_that_the_network_can_not_take_is_refused(green_model: Path, capsys):
    assert verify('--model', green_model, '--size', '100x40') == 2
    error = capsys.readouterr().err
    assert 'multiples of 8' in error
    assert '96x40, 104x40' in error


def test_a_reference_is_not_compared_with_itself(green_model: Path, pictures: Path, capsys):
    arguments = ['--model', green_model, '--images', pictures, '--backend', 'onnx']
    assert verify(*arguments, '--device', 'cpu', '--reference', 'onnx') == 2
    assert 'compared with itself' in capsys.readouterr().err


class Broken(Fake):
    """Does not load."""

    def _load(self, device: str, precision: str) -> tuple[str, str]:
        raise BackendError(f'backend {self.name} has no operator my.dom:Frobnicate')


def onnx_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(name, bundle, device, precision):
        kind = Broken if name == 'onnx' else Fake
        # Any but the reference, which is asked for as f32, computes in what it is asked for.
        return kind(bundle, name, 'CPU', 'f32' if precision == 'auto' else precision, 99)

    are_created(monkeypatch, create)
    monkeypatch.setattr(logic, 'is_installed', lambda name: True)


@pytest.mark.parametrize(('backend', 'precision'), [('openvino', 'f32'), ('torch', 'f16')])
def test_a_reference_that_does_not_load_gives_way_to_the_next(
    backend: str, precision: str, green_model: Path, pictures: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    onnx_is_broken(monkeypatch)
    report = tmp_path / 'report.json'
    arguments = ['--model', green_model, '--images', pictures, '--threshold', '0.9']
    arguments += ['--backend', backend, '--precision', precision, '--json', report]
    assert verify(*arguments) == 0
    assert json.loads(report.read_text())['reference'] == 'torch'


def test_a_reference_asked_for_that_does_not_load_is_the_end(
    green_model: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    onnx_is_broken(monkeypatch)
    arguments = ['--model', green_model, '--images', pictures, '--reference', 'onnx']
    assert verify(*arguments, '--backend', 'openvino', '--precision', 'f32') == 2
    assert capsys.readouterr().err == (
        'espnet_ros: backend onnx has no operator my.dom:Frobnicate\n'
    )


def test_no_reference_that_loads_is_the_end_with_all_reasons(
    green_model: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    onnx_is_broken(monkeypatch)
    arguments = ['--model', green_model, '--images', pictures]
    assert verify(*arguments, '--backend', 'torch', '--precision', 'f32') == 2
    assert capsys.readouterr().err == (
        'espnet_ros: nothing to compare backend torch with: backend onnx has no operator '
        'my.dom:Frobnicate\n'
    )


def test_a_device_of_many_digits_is_one_sentence(green_model: Path, capsys):
    for backend in ('auto', 'onnx'):
        arguments = ['--model', green_model, '--backend', backend]
        assert verify(*arguments, '--device', 'cuda:99999999999999999999999') == 2
        error = capsys.readouterr().err
        assert 'device must be cuda:N with an N of one or two digits' in error


def test_without_a_reference_it_says_what_to_install(
    green_model: Path, stand_ins: None, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setattr(logic, 'is_installed', lambda name: False)
    assert verify('--model', green_model, '--backend', 'torch', '--precision', 'f32') == 2
    assert 'pip install onnxruntime' in capsys.readouterr().err
