"""The verb from data.yaml to a bundle, on pictures that are learned in seconds."""

from __future__ import annotations

import errno
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from espnet_ros.bundle import Bundle
from espnet_ros.cli.main import main
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.training import session
from espnet_ros.network.training.datasets import load_dataset
from espnet_ros.network.training.trainer import Trainer
from espnet_ros.network.training.whole_image import mask_of

SMALL = ['--alpha2', '1', '--alpha3', '1', '--crop', '48x32', '--batch', '2']
CLASSES = [
    {'name': 'left', 'color_rgb': [250, 0, 0], 'kind': 'ground'},
    {'name': 'right', 'color_rgb': [0, 250, 0], 'kind': 'upright'},
]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Write four pictures, dark on one side, with labels in colours."""
    rng = np.random.default_rng(0)
    for split in ('train', 'val'):
        for part in ('images', 'labels'):
            (tmp_path / split / part).mkdir(parents=True)
        for index in range(4):
            bright = np.zeros((48, 64, 3), np.uint8)
            bright[:, 20 + 8 * index :] = 1
            noise = rng.integers(0, 60, bright.shape)
            image = (180 * bright + noise).astype(np.uint8)
            label = np.where(bright, [0, 250, 0], [0, 0, 250]).astype(np.uint8)
            cv2.imwrite(str(tmp_path / split / 'images' / f'{index}.jpg'), image)
            cv2.imwrite(str(tmp_path / split / 'labels' / f'{index}.png'), label)
    splits = {
        split: {part: f'{split}/{part}' for part in ('images', 'labels')}
        for split in ('train', 'val')
    }
    data = {'layout': 'folders', 'splits': splits, 'labels': 'colors', 'classes': CLASSES}
    (tmp_path / 'data.yaml').write_text(yaml.safe_dump(data))
    return tmp_path


def arguments(site: Path, *more: str) -> list[str]:
    data = str(site / 'data.yaml')
    return [
        'train', '--data', data, '--val', data, '--work', str(site / 'work'), '--output',
        str(site / 'model'), '--json', str(site / 'f.json'), *SMALL, *more,
    ]  # fmt: skip


def test_the_model_has_the_classes_of_the_dataset_and_a_temperature(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)
    assert main(arguments(site, '--epochs', '2', '--validate-every', '1')) == 0
    text = capsys.readouterr().out
    assert 'no curves for TensorBoard: it is not installed' in text
    bundle = Bundle.load(site / 'model')
    assert bundle.labels.to_list() == CLASSES
    assert bundle.size_wh == (64, 48)
    assert f'temperature {bundle.temperature},' in text and bundle.temperature != 1.0
    figures = json.loads((site / 'f.json').read_text())
    assert figures == dict(bundle.metrics)
    assert set(figures) == {'val_miou_void_ignored', 'val_ece'}
    # Going on from there, with the model's own weights offered in vain.
    more = ('--epochs', '3', '--validate-every', '1', '--start-from', str(site / 'model'))
    assert main(arguments(site, *more)) == 0
    text = capsys.readouterr().out
    assert 'from epoch 2' in text
    assert 'work has begun: it keeps its weights, not those of model' in text


@pytest.mark.parametrize('work', ['model', 'model/work', 'link/work', 'elsewhere/../model'])
def test_checkpoints_within_the_model_are_refused_before_the_first_epoch(
    work: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / 'link').symlink_to(site / 'model')
    assert main(arguments(site, '--epochs', '1', '--work', str(site / work))) == 2
    assert 'must not be, or be in, --output' in capsys.readouterr().err
    assert not (site / 'model').exists()


def test_checkpoints_and_the_model_side_by_side(site: Path) -> None:
    output = site / 'work' / 'model'
    assert main(arguments(site, '--epochs', '1', '--output', str(output))) == 0
    assert (site / 'work' / 'last.pt').exists() and Bundle.load(output)


def test_a_second_training_in_the_same_folder_is_refused(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr('fcntl.lockf', _taken)
    for before in (False, True):
        # A new one comes with the lock.
        assert (site / 'work').exists() == before
        assert main(arguments(site, '--epochs', '1')) == 2
        assert 'another training is writing into' in capsys.readouterr().err
        assert not (site / 'work' / 'last.pt').exists()
        # A new file there would hide the other training's curves.
        assert not (site / 'work' / 'tensorboard').exists()


def test_the_model_is_written_before_another_training_may_write_its_best(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []

    @contextmanager
    def only_run_of(work: Path) -> Iterator[None]:
        work.mkdir(exist_ok=True)
        steps.append('lock')
        yield
        steps.append('unlock')

    def noted(step: str, method: Any) -> Any:
        def call(*arguments: Any) -> Any:
            steps.append(step)
            return method(*arguments)

        return call

    monkeypatch.setattr(session, 'only_run_of', only_run_of)
    for owner, name in ((Trainer, 'best_epoch'), (session, 'write_network')):
        monkeypatch.setattr(owner, name, noted(name, getattr(owner, name)))
    assert main(arguments(site, '--epochs', '1')) == 0
    assert steps == ['lock', 'best_epoch', 'write_network', 'unlock']


def test_the_model_is_there_though_nobody_reads_what_is_printed(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left(*_: object, **__: object) -> None:
        # Whoever read left within the first epoch.
        if (site / 'work' / 'last.pt').exists():
            raise BrokenPipeError

    monkeypatch.setattr('builtins.print', left)
    options = ['--epochs', '2', '--validate-every', '1']
    assert main(arguments(site, *options)) == 128 + signal.SIGPIPE
    assert torch.load(site / 'work' / 'last.pt', weights_only=True)['epoch'] == 2
    assert json.loads((site / 'f.json').read_text()) == dict(Bundle.load(site / 'model').metrics)


def test_a_training_goes_on_without_curves(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / 'work').mkdir()
    (site / 'work' / 'tensorboard').write_text('no folder')
    assert main(arguments(site, '--epochs', '1')) == 0
    shown = capsys.readouterr()
    assert 'no curves for TensorBoard: ' in shown.out and 'cannot be written (' in shown.out
    assert 'Traceback' not in shown.err and (site / 'model').is_dir()


def test_a_work_folder_that_takes_no_files_is_refused_at_the_start(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / 'work').mkdir()
    # Root, who may run the tests, is refused nothing.
    monkeypatch.setattr('os.access', lambda file, mode: Path(file).name != 'work')
    assert main(arguments(site, '--epochs', '1')) == 2
    assert 'work cannot be written into (Permission denied)' in capsys.readouterr().err


@pytest.mark.parametrize('split', ['train', 'val'])
def test_a_split_that_is_void_altogether_is_named(
    split: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    description = yaml.safe_load((site / 'data.yaml').read_text())
    description['void'] = [[7, 7, 7]]
    (site / 'data.yaml').write_text(yaml.safe_dump(description))
    for label in (site / split / 'labels').iterdir():
        cv2.imwrite(str(label), np.full((48, 64, 3), 7, np.uint8))
    assert main(arguments(site)) == 2
    none = f'no image of {site}/data.yaml {split} has a labelled pixel (4 looked at'
    assert none in capsys.readouterr().err


def _taken(*_: object) -> None:
    raise BlockingIOError(errno.EAGAIN, 'Resource temporarily unavailable')


def test_the_last_epoch_or_the_best_one(site: Path) -> None:
    once = ('--epochs', '1', '--validate-every', '1')
    run = arguments(site, *once, '--as-seen', '--per-epoch', '3')
    assert main(run) == 0
    last = torch.load(site / 'work' / 'last.pt', weights_only=True)
    recipe = json.loads(last['recipe'])
    assert recipe['as_seen'] is True and recipe['per_epoch'] == 3
    # As if an earlier epoch had been the best.
    best = {**last, 'average': {name: t / 2 for name, t in last['average'].items()}}
    torch.save(best, site / 'work' / 'best.pt')
    for more, state in ((), best), (('--last',), last):
        assert main([*run, *more]) == 0
        network = load_bundle(Bundle.load(site / 'model'))
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(parameter.detach(), state['average'][name])
        matrix = ConfusionMatrix(2)
        for sample in load_dataset(str(site / 'data.yaml'), 'val').samples:
            mean, std = (np.array(last[name]) for name in ('mean', 'std'))
            pixels = torch.from_numpy((sample.image - mean) / std).float()
            matrix.update(mask_of(network, pixels.permute(2, 0, 1)[None]), sample.truth)
        figures = json.loads((site / 'f.json').read_text())
        assert figures['val_miou_void_ignored'] == round(matrix.miou(), 4)


def test_what_cannot_end_well_does_not_begin(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(site, '--data', 'street:1')) == 2
    assert 'street:1 has the classes Sky,' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(arguments(site, '--epochs', '0'))
    assert "expected a whole number, at least 1, got '0'" in capsys.readouterr().err
    for option in ('--workers', '--seed'):
        with pytest.raises(SystemExit):
            main(arguments(site, option, '-1'))
        assert "expected a whole number, 0 to 2147483647, got '-1'" in capsys.readouterr().err
    (site / 'train' / 'labels' / '1.png').unlink()
    assert main(arguments(site)) == 2
    assert '1.jpg: its label' in capsys.readouterr().err
    (site / 'model').mkdir()
    (site / 'model' / 'notes.txt').write_text('mine')
    assert main(arguments(site)) == 2
    assert 'is not a model folder' in capsys.readouterr().err
    assert not (site / 'work').exists()


def test_a_class_that_is_nowhere_and_the_licence_are_told(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    description = yaml.safe_load((site / 'data.yaml').read_text())
    description['classes'].append({'name': 'sky', 'color_rgb': [0, 0, 250], 'kind': 'sky'})
    (site / 'data.yaml').write_text(yaml.safe_dump(description))
    once = ('--epochs', '1', '--validate-every', '1')
    assert main(arguments(site, *once)) == 0
    assert 'no training image has a pixel of sky: these are' in capsys.readouterr().out
    assert Bundle.load(site / 'model').licence == 'not stated'
    assert main(arguments(site, *once, '--licence', 'MIT')) == 0
    assert Bundle.load(site / 'model').licence == 'MIT'
    # What comes from a model is under its licence, unless told otherwise.
    (site / 'work').rename(site / 'work_of_start')
    (site / 'model').rename(site / 'start')
    assert main(arguments(site, *once, '--start-from', str(site / 'start'))) == 0
    assert Bundle.load(site / 'model').licence == 'MIT'


def test_the_encoder_first_then_the_whole_network(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = ('--architecture', 'espnet_c', '--epochs', '1', '--validate-every', '1')
    assert main(arguments(site, *encoder)) == 0
    bundle = Bundle.load(site / 'model')
    assert bundle.architecture == {'name': 'espnet_c', 'classes': 2, 'alpha2': 1, 'alpha3': 1}
    (site / 'model').rename(site / 'encoder')
    (site / 'work').rename(site / 'encoder_work')
    whole = ('--start-from', str(site / 'encoder'), '--epochs', '1', '--validate-every', '1')
    capsys.readouterr()
    assert main(arguments(site, *whole)) == 0
    assert 'tensors are taken from model' in capsys.readouterr().out
    assert Bundle.load(site / 'model').architecture['name'] == 'espnet'


def test_a_taught_run(site: Path) -> None:
    assert main(arguments(site, '--epochs', '1', '--validate-every', '1')) == 0
    (site / 'model').rename(site / 'teacher')
    taught = (
        '--taught', str(site / 'data.yaml'), '--teacher', str(site / 'teacher'),
        '--work', str(site / 'pupil'), '--epochs', '1', '--validate-every', '1',
    )  # fmt: skip
    assert main(arguments(site, *taught)) == 0
    assert (site / 'pupil' / 'last.pt').exists()


def test_a_teacher_of_other_classes(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classes = site / 'classes.yaml'
    alone = ('--teacher-classes', str(classes), '--epochs', '1', '--validate-every', '1')
    assert main(arguments(site, *alone)) == 2
    assert '--teacher-classes needs --teacher' in capsys.readouterr().err
    assert main(arguments(site, *alone[2:])) == 0
    names = Bundle.load(site / 'model').labels.names
    (site / 'model').rename(site / 'teacher')
    # Each class taken for the other one.
    classes.write_text(f'{names[0]}: [{names[1]}]\n{names[1]}: [{names[0]}]\n')
    taught = (
        '--taught', str(site / 'data.yaml'), '--teacher', str(site / 'teacher'),
        '--work', str(site / 'pupil'), *alone,
    )  # fmt: skip
    assert main(arguments(site, *taught)) == 0
    assert (site / 'pupil' / 'last.pt').exists()


def test_a_missing_optimizer_comes_with_its_cure(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, 'pytorch_optimizer', None)
    for module in ('trainer', 'session'):
        name = f'espnet_ros.network.training.{module}'
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert main(arguments(site)) == 2
    words = "library pytorch_optimizer, which is not installed: `pip install '.[train]'` in"
    assert words in capsys.readouterr().err
    assert not (site / 'work').exists()
