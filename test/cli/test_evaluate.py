"""The verb, on a model and pictures whose truth is known for every pixel."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import models_page
import numpy as np
import pytest
import yaml

from espnet_ros.backends.machine import adds_int8_products
from espnet_ros.bundle import Bundle, shipped_models
from espnet_ros.cli.main import main
from espnet_ros.evaluation import corruptions

pytest.importorskip('onnxruntime')
KEYS = {
    'miou_void_ignored', 'miou_void_as_error', 'category_miou', 'per_class', 'pixel_accuracy',
    'ece', 'images_per_s',
}  # fmt: skip


@pytest.fixture
def labelled(pictures: Path) -> Path:
    """Give the pictures labels: green is Green and blue Dark, but for a void first row."""
    (pictures / 'labels').mkdir()
    for path in pictures.glob('*.png'):
        truth = (cv2.imread(str(path))[..., 1] > 127).astype(np.uint8)
        truth[0] = 255
        # One picture is labelled the other way round.
        truth = np.where(truth < 2, 1 - truth, 255).astype(np.uint8) if path.stem == '3' else truth
        cv2.imwrite(str(pictures / 'labels' / path.name), truth)
    folders = {'images': '.', 'labels': 'labels'}
    classes = [
        {'name': 'Dark', 'color_rgb': [200, 0, 0], 'kind': 'upright'},
        {'name': 'Green', 'color_rgb': [0, 20, 100], 'kind': 'ground'},
    ]
    data = {'layout': 'folders', 'splits': {'val': folders}, 'classes': classes}
    (pictures / 'data.yaml').write_text(yaml.safe_dump(data))
    return pictures / 'data.yaml'


def test_figures_and_pictures(green_model, labelled, tmp_path, capsys) -> None:
    files = {name: tmp_path / f'{name}.png' for name in ('confusion', 'worst')}
    options = [text for name, file in files.items() for text in (f'--{name}', str(file))]
    arguments = ['--model', str(green_model), '--backend', 'onnx', '--dataset', str(labelled)]
    assert main(['evaluate', *arguments, *options, '--json', str(tmp_path / 'f.json')]) == 0
    found = json.loads((tmp_path / 'f.json').read_text())
    assert set(found) >= KEYS
    # Nine of ten pictures of one size are right and one is wrong everywhere.
    assert found['pixel_accuracy'] == pytest.approx(0.9)
    assert found['ece'] == pytest.approx(0.9 - 200 / 255, abs=1e-4)
    assert found['category_miou'] is None
    assert (found['images'], found['split'], found['temperature']) == (10, 'val', 1.0)
    assert set(found['per_class']) == {'Dark', 'Green'}
    assert cv2.imread(str(files['confusion'])) is not None
    worst = cv2.imread(str(files['worst']))
    # The worst row first: its truth and its mask are each other's opposite.
    row = worst[2 * 26 + 150]
    assert (row[16 + 416 + 5] != row[16 + 2 * 416 + 5]).any()
    assert 'pixel accuracy 90.00' in capsys.readouterr().out


def test_corrupted_images(green_model, labelled, tmp_path, capsys, monkeypatch) -> None:
    kinds = {'none': lambda image, _: image, 'black': lambda image, _: 0.0 * image}
    monkeypatch.setattr(corruptions, 'CORRUPTIONS', kinds)
    arguments = ['--model', str(green_model), '--backend', 'onnx', '--dataset', str(labelled)]
    json_file = tmp_path / 'f.json'
    assert main(['evaluate', *arguments, '--corruptions', '--json', str(json_file)]) == 0
    found = json.loads(json_file.read_text())
    truths = [cv2.imread(str(p), 0) for p in (labelled.parent / 'labels').glob('*.png')]
    dark, green = (np.sum(np.equal(truths, class_id)) for class_id in (0, 1))
    # All is Dark in the dark: of two classes one has the share of its pixels, the other nothing.
    black = dark / (dark + green) / 2
    assert found['corruptions'] == {
        'none': found['miou_void_ignored'], 'black': pytest.approx(black, abs=1e-4),
    }  # fmt: skip
    mean = (found['miou_void_ignored'] + black) / 2
    assert found['miou_corrupted'] == pytest.approx(mean, abs=1e-4)
    assert f'corrupted images {100 * found["miou_corrupted"]:.2f}: none' in capsys.readouterr().out


def test_pictures_that_viewers_turn_are_told_of(green_model, labelled, capsys) -> None:
    picture = np.zeros((24, 32, 3), np.uint8)
    picture[:, 16:] = (0, 200, 0)
    content = cv2.imencode('.jpg', cv2.resize(picture, _size_wh(labelled)))[1].tobytes()
    # Exif: little endian, one entry, orientation (0x112) is the short 3, half a turn.
    exif = b'\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\3\0' + bytes(6)
    (labelled.parent / '0.png').unlink()
    (labelled.parent / '0.jpg').write_bytes(content[:2] + exif + content[2:])
    arguments = ['--model', str(green_model), '--backend', 'onnx', '--dataset', str(labelled)]
    assert main(['evaluate', *arguments]) == 0
    told = capsys.readouterr().err
    assert told.count('1 of 10 pictures of data.yaml val have an EXIF orientation') == 1


def _size_wh(data: Path) -> tuple[int, int]:
    height, width = cv2.imread(str(data.parent / '1.png')).shape[:2]
    return width, height


def test_a_split_that_is_void_altogether_is_refused(green_model, labelled, capsys) -> None:
    for path in (labelled.parent / 'labels').glob('*.png'):
        cv2.imwrite(str(path), np.full((48, 64), 255, np.uint8))
    arguments = ['--model', str(green_model), '--backend', 'onnx', '--dataset', str(labelled)]
    assert main(['evaluate', *arguments]) == 2
    error = capsys.readouterr().err
    assert f'no image of {labelled} val has a labelled pixel (10 looked at, e.g. 0.png)' in error


def test_figures_are_written_before_they_are_printed(
    green_model, labelled, tmp_path, monkeypatch
) -> None:
    def fail(found: dict[str, Any]) -> None:
        raise UnicodeEncodeError('ascii', 'Straße', 4, 5, 'ordinal not in range')

    monkeypatch.setattr('espnet_ros.cli.evaluate._print_table', fail)
    arguments = ['--model', str(green_model), '--backend', 'onnx', '--dataset', str(labelled)]
    with pytest.raises(UnicodeEncodeError):
        main(['evaluate', *arguments, '--json', str(tmp_path / 'f.json')])
    assert json.loads((tmp_path / 'f.json').read_text())['images'] == 10


def test_figures_are_printed_where_they_can_not_be_written(
    green_model, labelled, tmp_path, monkeypatch, capsys
) -> None:
    def fail(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device', str(path))

    monkeypatch.setattr('espnet_ros.core.json_file.write_file', fail)
    arguments = ['--model', str(green_model), '--backend', 'onnx', '--dataset', str(labelled)]
    assert main(['evaluate', *arguments, '--json', str(tmp_path / 'f.json')]) == 2
    printed = capsys.readouterr()
    assert 'pixel accuracy 90.00' in printed.out
    assert 'f.json): make room' in printed.err and printed.err.count('\n') == 1


def test_a_dataset_of_other_classes_is_refused(green_model, tmp_path, capsys) -> None:
    arguments = ['--model', str(green_model), '--backend', 'onnx', '--dataset', 'street:1']
    assert main(['evaluate', *arguments]) == 2
    assert 'does not know Sky, Building' in capsys.readouterr().err


@pytest.fixture
def on_val(shared: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that evaluates a model on CamVid's validation pictures."""

    def evaluate(model: str, *more: str) -> dict[str, Any]:
        figures = tmp_path / 'figures.json'
        dataset = ['--dataset', f'camvid:{shared / "camvid"}', '--split', 'val']
        assert main(['evaluate', '--model', model, *dataset, *more, '--json', str(figures)]) == 0
        return dict(json.loads(figures.read_text()))

    return evaluate


def test_the_authors_checkpoint(on_val, shared: Path, tmp_path: Path) -> None:
    pytest.importorskip('torch')
    weights = str(shared / 'espnet_official' / 'espnet_p_2_q_8_camvid.pth')
    model = str(tmp_path / 'official')
    arguments = [weights, '--labels', 'camvid', '--output', model]
    assert main(['import_checkpoint', *arguments]) == 0
    found = on_val(model, '--precision', 'f32')
    # Libraries differ at ties.
    measured = [100 * found[key] for key in ('miou_void_ignored', 'miou_void_as_error')]
    assert measured == pytest.approx(models_page.official_val(), abs=0.05)


@pytest.mark.parametrize('name', shipped_models())
def test_the_shipped_models_are_as_good_as_they_and_the_page_say(name: str, on_val) -> None:
    metrics = Bundle.load(name).metrics
    found = on_val(name, '--precision', 'f32')
    # Written there by PyTorch or ONNX Runtime, which differ from others at ties.
    assert found['miou_void_ignored'] == pytest.approx(metrics['val_miou_void_ignored'], abs=1e-3)
    for key, row in models_page.ROWS.items():
        written = models_page.cell(row, name)
        per_cent = 1 if key == 'ece' else 100
        digit = 10.0 ** -len(written.partition('.')[2])
        # Rounded on the page; ties are worth less than a twentieth of a point.
        limit = digit / 2 + per_cent * 5e-4
        assert per_cent * found[key] == pytest.approx(float(written), abs=limit), row
    expected = {label: float(iou) for label, iou in models_page.class_ious(name)[0].items()}
    # Of a class of few pixels ties are worth more.
    measured = {label: 100 * iou for label, iou in found['per_class'].items()}
    assert measured == pytest.approx(expected, abs=0.05 + 0.1)


@pytest.mark.parametrize('precision', ['bf16', 'int8'])
@pytest.mark.parametrize('name', shipped_models())
def test_a_smaller_precision_costs_at_most_a_point(name: str, precision: str, on_val) -> None:
    openvino = pytest.importorskip('openvino')
    able = openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    # INT8 is among them without VNNI, too.
    if precision.upper() not in able or (precision == 'int8' and not adds_int8_products()):
        pytest.skip(f'this processor does not compute in {precision}')
    found = on_val(name, '--backend', 'openvino', '--precision', precision)
    assert found['miou_void_ignored'] >= (
        Bundle.load(name).metrics['val_miou_void_ignored'] - 0.01
    )
