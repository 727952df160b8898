"""From a job to a model folder, on one image of the street."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import CheckpointError
from espnet_ros.core.labels import CAMVID, LabelClass, Labels
from espnet_ros.network.espnet import create_network
from espnet_ros.network.export import write_bundle_from_network
from espnet_ros.network.training import session
from espnet_ros.network.training.processes import Processes
from espnet_ros.network.training.recipe import Recipe
from espnet_ros.network.training.session import Job, train

TINY = Recipe(alpha2=1, alpha3=1, crop_wh=(48, 32), batch=1)
CPU = torch.device('cpu')


def job(folder: Path, **more: object) -> Job:
    made = Job(TINY, ['street:1'], 'street:1', 1, 1, folder / 'work', folder / 'model')
    return dataclasses.replace(made, **more)


def told_by(one: Job) -> list[str]:
    said: list[str] = []
    assert train(one, Processes(), CPU, said.append) is not None
    return said


@pytest.fixture(scope='module')
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model of random weights with CamVid's classes the other way round, Sky renamed."""
    *rows, sky = list(CAMVID)[::-1]
    options = TINY.architecture_of(len(CAMVID))
    folder = tmp_path_factory.mktemp('models') / 'start'
    write_bundle_from_network(
        create_network(**options).eval(), options,
        labels=Labels([*rows, LabelClass('Heaven', sky.color_rgb, 'sky')]), size_wh=(48, 32),
        mean=(100.0, 100.0, 100.0), std=(50.0, 50.0, 50.0), input_scale=1.0, metrics={},
        licence='CC-BY-4.0', name='start', output=folder,
    )  # fmt: skip
    return folder


def test_a_model_lends_classes_and_licence(start: Path, tmp_path: Path) -> None:
    said = told_by(job(tmp_path, start_from=str(start)))
    names = ', '.join(CAMVID.names[1:])
    assert f'114 of 114 tensors are taken from start, with the classes {names}' in said
    assert Bundle.load(tmp_path / 'model').licence == 'CC-BY-4.0'

    # Whatever the next command starts from, these weights started from that model.
    said = told_by(job(tmp_path, start_from='espnet_camvid'))
    assert Bundle.load(tmp_path / 'model').licence == 'CC-BY-4.0'
    words = f'the run in {tmp_path / "work"} has begun: it keeps its weights, not those of '
    assert f'{words}espnet_camvid' in said
    told_by(job(tmp_path, licence='MIT'))
    assert Bundle.load(tmp_path / 'model').licence == 'MIT'


def test_weights_of_no_model_are_not_under_the_licence_of_one(
    start: Path, tmp_path: Path
) -> None:
    told_by(job(tmp_path))
    told_by(job(tmp_path, start_from=str(start)))
    assert Bundle.load(tmp_path / 'model').licence == 'not stated'


def test_a_run_of_an_earlier_version_has_the_licence_that_its_command_gives(
    start: Path, tmp_path: Path
) -> None:
    told_by(job(tmp_path, start_from=str(start)))
    last = tmp_path / 'work' / 'last.pt'
    state = torch.load(last, weights_only=True)
    for name in ('licence', 'run'):
        del state[name]
    torch.save(state, last)
    told_by(job(tmp_path, start_from=str(start)))
    assert Bundle.load(tmp_path / 'model').licence == 'CC-BY-4.0'


def test_what_there_is_to_know_of_the_data_is_said_once_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load = session.load_dataset
    monkeypatch.setattr(
        session, 'load_dataset',
        lambda spec, split: dataclasses.replace(load(spec, split), note=f'{split} is turned'),
    )  # fmt: skip
    said: list[str] = []
    session._prepare(job(tmp_path), Processes(), CPU, said.append)
    assert (said.count('train is turned'), said.count('val is turned')) == (1, 1)
    assert 'is turned' not in ''.join(capsys.readouterr())


def test_a_run_that_another_training_began_meanwhile_is_not_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = session.load_dataset

    def load_while_another_trains(spec: str, split: str) -> object:
        monkeypatch.setattr(session, 'load_dataset', load)
        told_by(job(tmp_path))
        return load(spec, split)

    monkeypatch.setattr(session, 'load_dataset', load_while_another_trains)
    with pytest.raises(CheckpointError, match=r'another training began in .*work while'):
        told_by(job(tmp_path, epochs=2))
    assert torch.load(tmp_path / 'work' / 'last.pt', weights_only=True)['epoch'] == 1
