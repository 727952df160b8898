"""The verb on two models that differ in how sure they are, and say the same."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from espnet_ros.bundle import Bundle
from espnet_ros.cli.average import check_use
from espnet_ros.cli.main import main
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import CAMVID, LabelClass, Labels
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.espnet import create_network
from espnet_ros.network.export import write_bundle_from_network


@pytest.fixture(scope='module')
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write an ESPNet-C of random weights, and one whose scores are three times as large."""
    folder = tmp_path_factory.mktemp('models')
    architecture = {'name': 'espnet_c', 'classes': 11, 'alpha2': 1, 'alpha3': 1}
    torch.manual_seed(0)
    network = create_network(**architecture).eval()
    paths = []
    for name, scale in (('calm', 1.0), ('sure', 3.0)):
        with torch.no_grad():
            network.classifier.weight.mul_(scale)
        paths.append(folder / name)
        write_bundle_from_network(
            network, architecture, labels=CAMVID, size_wh=(96, 64), mean=(0.0,) * 3,
            std=(255.0,) * 3, input_scale=1.0, metrics={}, licence='Apache-2.0', name=name,
            output=paths[-1],
        )  # fmt: skip
    return paths


def test_the_mean_is_written_compared_and_calibrated(
    models: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calm, sure = map(str, models)
    output, figures_file = tmp_path / 'soup', tmp_path / 'f.json'
    arguments = ['--val', 'street:1', '--output', str(output), '--json', str(figures_file)]

    assert main(['average', calm, sure, *arguments]) == 0

    written, figures = Bundle.load(output), json.loads(figures_file.read_text())
    weights = load_bundle(written).state_dict()['classifier.weight']
    expected = 2 * load_bundle(Bundle.load(calm)).state_dict()['classifier.weight']
    torch.testing.assert_close(weights, expected)
    # The same classes win, whatever the scale of the scores.
    miou = figures['val_miou_void_ignored']
    assert {round(v, 4) for v in figures['models'].values()} == {miou}
    assert written.metrics == {'val_miou_void_ignored': miou, 'val_ece': figures['val_ece']}
    assert written.name == 'soup' and written.temperature == figures['temperature'] != 1.0
    text = capsys.readouterr().out
    assert f'class mIoU {100 * miou:.2f}: {calm}' in text and f'{output}: written' in text


def test_the_mean_is_there_though_nobody_reads_what_is_printed(
    models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr('builtins.print', left)
    output, figures = tmp_path / 'soup', tmp_path / 'f.json'
    options = ['--val', 'street:1', '--output', str(output), '--json', str(figures)]
    assert main(['average', *map(str, models), *options]) == 128 + signal.SIGPIPE
    assert Bundle.load(output).temperature == json.loads(figures.read_text())['temperature']


def test_of_a_mean_that_is_refused_the_comparison_is_told(
    models: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def refuse(*_: object) -> None:
        raise ParameterError('of no use')

    monkeypatch.setattr('espnet_ros.cli.average.check_use', refuse)
    output = tmp_path / 'soup'
    assert main(['average', *map(str, models), '--val', 'street:1', '--output', str(output)]) == 2
    shown = capsys.readouterr()
    assert shown.err == 'espnet_ros: of no use\n' and not output.exists()
    assert f': {models[0]}\n' in shown.out and ': their mean; confidence' in shown.out


def test_of_other_classes_only_those_that_differ_are_told(
    models: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calm, sure = models
    other = tmp_path / 'other'
    bundle = Bundle.load(sure)
    road = LabelClass('Street', (128, 64, 128), 'ground')
    write_bundle_from_network(
        load_bundle(bundle), bundle.architecture, Labels([*CAMVID[:3], road, *CAMVID[4:]]),
        bundle.size_wh, bundle.mean, bundle.std, 1.0, {}, bundle.licence, 'other', other,
    )  # fmt: skip
    options = ['--val', 'street:1', '--output', str(tmp_path / 'soup')]
    assert main(['average', str(calm), str(sure), str(other), *options]) == 2
    assert capsys.readouterr().err == (
        f'espnet_ros: these models cannot be averaged: the classes of {other} must be those of '
        f'{calm}, but class 3 is Street (ground, 128 64 128), not Road (ground, 128 64 128)\n'
    )


def test_a_mean_that_is_worse_than_all_of_them_is_refused() -> None:
    check_use(0.61, [0.7, 0.6])
    with pytest.raises(ParameterError, match=r'mean has 59.00 .* at least 60.00: average only'):
        check_use(0.59, [0.7, 0.6])


def test_the_output_is_checked_first(
    models: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'notes').mkdir()
    (tmp_path / 'notes' / 'diary.txt').write_text('mine')
    calm, sure = map(str, models)
    assert main(['average', calm, sure, '--val', 'x', '--output', str(tmp_path / 'notes')]) == 2
    assert 'is not a model folder' in capsys.readouterr().err
