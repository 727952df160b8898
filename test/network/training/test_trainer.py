"""What a run learns, what it begins with, and what it refuses to learn from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from tiny_run import CLASSES, RECIPE, samples, trainer, weights

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import CheckpointError, DatasetError
from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.export import write_bundle_from_network
from espnet_ros.network.training.datasets import Sample
from espnet_ros.network.training.recipe import Recipe
from espnet_ros.network.training.trainer import Trainer


def test_it_learns_and_keeps_the_best(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run(20, validate_every=10)
    assert run.best > 0.9
    rows = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert [r['epoch'] for r in rows] == list(range(1, 21))
    assert rows[-1]['loss'] < rows[0]['loss']
    assert max(r.get('val_miou', 0) for r in rows) == pytest.approx(run.best, abs=1e-4)
    logits = run.best_epoch().network(run._normalise(torch.from_numpy(samples(1)[0].image[None])))
    assert (logits.argmax(1)[0].numpy() == samples(1)[0].truth).mean() > 0.9


def test_nothing_but_void_is_refused_before_the_first_epoch(tmp_path: Path) -> None:
    void = [dataclasses.replace(s, truth=np.full_like(s.truth, 255)) for s in samples(2)]
    for train, val, which in ((void, samples(2), 'training'), (samples(2), void, 'validation')):
        none = f'no image of the {which} data has a labelled pixel'
        with pytest.raises(DatasetError, match=none):
            Trainer([train], val, CLASSES, RECIPE, tmp_path)


def test_the_log_is_json_where_a_class_is_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Trainer([samples(4)], samples(2), 'abc', RECIPE, tmp_path)
    right = ConfusionMatrix(3)
    right.update(samples(1)[0].truth, samples(1)[0].truth)
    monkeypatch.setattr(run, 'evaluate', lambda _samples: right)
    run.run(1, validate_every=1)
    assert '"val_iou": [1.0, 1.0, null]' in (tmp_path / 'log.jsonl').read_text()


def test_another_models_weights_begin_a_run_but_not_a_resumed_one(tmp_path: Path) -> None:
    teacher = trainer(tmp_path / 'a')
    teacher.run(1, validate_every=1)
    architecture = {'name': 'espnet', 'classes': 2, 'alpha2': 1, 'alpha3': 1, 'skip': 'joined'}
    labels = Labels(
        [LabelClass('dark', (0, 0, 0), 'ground'), LabelClass('bright', (9, 9, 9), 'sky')]
    )
    write_bundle_from_network(
        teacher.best_epoch().network, architecture, labels=labels,
        size_wh=(64, 48), mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0), input_scale=0.5, metrics={},
        licence='none', name='a', output=tmp_path / 'model',
    )  # fmt: skip
    bundle = Bundle.load(tmp_path / 'model')
    student = trainer(tmp_path / 'b')
    assert student.licence is None
    lent = student.start_from(bundle)
    assert lent.classes == CLASSES and set(lent.tensors) == set(student.network.state_dict())
    assert student.licence == 'none'
    expected = torch.cat([p.detach().flatten() for p in teacher.best_epoch().network.parameters()])
    torch.testing.assert_close(weights(student), expected)
    assert student.mean == [1.0, 2.0, 3.0]
    # It sees what the model saw: (21 - 1) / 4 / 2, and so on.
    pixel = student._normalise(torch.full((1, 8, 16, 3), 21, dtype=torch.uint8))[0, :, 0, 0]
    assert pixel.tolist() == pytest.approx([2.5, 1.9, 1.5])
    before = weights(teacher)
    assert teacher.start_from(bundle) == ({}, ()) and teacher.licence is None
    torch.testing.assert_close(weights(teacher), before)
    # Once begun, it stays what it began with.
    student.run(1, validate_every=1)
    assert trainer(tmp_path / 'b').licence == 'none'


def test_fewer_samples_than_a_batch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match='at least 2'):
        Trainer([samples(1)], samples(1), CLASSES, RECIPE, tmp_path)


@pytest.mark.parametrize(('freeze_at', 'moving'), [(0.0, 0), (0.5, 1), (1.0, 2)])
def test_batch_statistics_stay_after_a_share_of_the_epochs(
    freeze_at: float, moving: int, tmp_path: Path
) -> None:
    run = trainer(tmp_path, dataclasses.replace(RECIPE, freeze_at=freeze_at))
    norm = next(m for m in run.network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    before = norm.num_batches_tracked.item()

    run.run(2, validate_every=2)

    # Two steps an epoch.
    assert (norm.num_batches_tracked.item() - before) // 2 == moving


def test_a_model_of_other_classes_lends_all_but_the_classes(tmp_path: Path) -> None:
    teacher = trainer(tmp_path / 'a')
    teacher.run(1, validate_every=1)
    labels = Labels([LabelClass(n, (0, 0, 0), 'ground') for n in ('dark', 'bright')])
    write_bundle_from_network(
        teacher.best_epoch().network,
        {'name': 'espnet', 'classes': 2, 'alpha2': 1, 'alpha3': 1, 'skip': 'joined'},
        labels=labels, size_wh=(64, 48), mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0),
        input_scale=1.0, metrics={}, licence='none', name='a', output=tmp_path / 'model',
    )  # fmt: skip
    other = Trainer([samples(4)], samples(2), 'abcdef', RECIPE, tmp_path / 'b')
    assert len(other.network.merge2[1].branches) > len(teacher.network.merge2[1].branches)
    before = other.network.state_dict()['up1.weight'].clone()
    lent = other.start_from(Bundle.load(tmp_path / 'model'))
    assert lent.tensors and lent.classes == ()
    theirs, ours = teacher.best_epoch().network.state_dict(), other.network.state_dict()
    for name in ('encoder.level1.0.weight', 'encoder.level3.blocks.0.reduce.weight'):
        torch.testing.assert_close(ours[name], theirs[name])
    torch.testing.assert_close(ours['up1.weight'], before)
    assert ours['encoder.classifier.weight'].shape[0] == 6
    # And the other way, where the model has tensors that the new one lacks.
    fewer = Trainer([samples(4)], samples(2), 'a', RECIPE, tmp_path / 'c')
    assert fewer.start_from(Bundle.load(tmp_path / 'model')).tensors


def encoder_bundle(tmp_path: Path) -> Bundle:
    """Return a trained ESPNet-C of two modules at level 3."""
    recipe = Recipe('espnet_c', alpha2=1, alpha3=2, crop_wh=(48, 32), batch=2)
    run = trainer(tmp_path / 'encoder', recipe)
    run.run(1, validate_every=1)
    write_bundle_from_network(
        run.best_epoch().network,
        {'name': 'espnet_c', 'classes': 2, 'alpha2': 1, 'alpha3': 2},
        labels=Labels([LabelClass(n, (0, 0, 0), 'ground') for n in ('dark', 'bright')]),
        size_wh=(64, 48), mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0), input_scale=1.0, metrics={},
        licence='none', name='c', output=tmp_path / 'c',
    )  # fmt: skip
    return Bundle.load(tmp_path / 'c')


def test_an_encoder_begins_the_whole_network_even_a_shallower_one(tmp_path: Path) -> None:
    bundle = encoder_bundle(tmp_path)
    run = trainer(tmp_path / 'whole')
    lent = run.start_from(bundle)
    own = run.network.state_dict()
    theirs = load_bundle(bundle).state_dict()
    encoder = [name.removeprefix('encoder.') for name in own if name.startswith('encoder.')]
    assert len(lent.tensors) == len(encoder) and lent.classes == ()
    for name in encoder:
        torch.testing.assert_close(own[f'encoder.{name}'], theirs[name])
    assert 'level3.blocks.1.reduce.weight' in theirs
    assert 'level3.blocks.1.reduce.weight' not in encoder


def test_an_encoder_learns_alone(tmp_path: Path) -> None:
    recipe = Recipe('espnet_c', alpha2=1, alpha3=1, crop_wh=(48, 32), batch=2)
    run = trainer(tmp_path, recipe)
    run.run(50, validate_every=10)
    assert run.best > 0.75
    logits = run.best_epoch().network(run._normalise(torch.from_numpy(samples(1)[0].image[None])))
    assert logits.shape == (1, 2, 6, 8)


def test_a_model_nothing_of_which_fits_is_refused(tmp_path: Path) -> None:
    bundle = encoder_bundle(tmp_path)
    run = trainer(tmp_path / 'whole')
    run.network = torch.nn.Conv2d(3, 2, 1)
    with pytest.raises(CheckpointError, match=r"from c: .*'espnet_c'.* fits into espnet"):
        run.start_from(bundle)


def test_an_opinion_counts_beside_the_truth(tmp_path: Path) -> None:
    # The teacher takes class 0 for class 1 everywhere: the pupil believes both about alike.
    opinion = np.zeros((24, 32, 2), np.uint8)
    opinion[..., 1] = 255
    plain = samples(4)
    taught = [dataclasses.replace(sample, opinion=opinion) for sample in plain]
    losses = []
    for name, train in (('plain', plain), ('taught', taught)):
        run = Trainer([train], samples(2), CLASSES, RECIPE, tmp_path / name)
        losses.append(run._train_epoch(1)['loss'])
    # The cross-entropy of a pupil that knows nothing is ln 2 and more.
    assert losses[1] > losses[0] + 0.3


def test_a_channel_that_is_the_same_everywhere_is_no_obstacle(tmp_path: Path) -> None:
    grey = samples(4)
    for sample in grey:
        sample.image[..., 0] = 77
    run = Trainer([grey], samples(2), CLASSES, RECIPE, tmp_path)
    assert np.isfinite(run._train_epoch(1)['loss'])


def test_validation_images_the_network_cannot_take_are_refused(tmp_path: Path) -> None:
    truth = np.zeros((50, 61), np.uint8)
    odd = Sample('odd', np.zeros((50, 61, 3), np.uint8), truth)
    with pytest.raises(DatasetError, match=r'got 61x50: write `size_wh: \[64, 48\]`'):
        Trainer([samples(4)], [odd], CLASSES, RECIPE, tmp_path)
