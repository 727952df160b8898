from __future__ import annotations

import dataclasses
import json
import math
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')
pytest.importorskip('tqdm')

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import CheckpointError, DatasetError, ParameterError
from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.export import write_bundle_from_network
from espnet_ros.network.training.datasets import Sample
from espnet_ros.network.training.recipe import Recipe
from espnet_ros.network.training.trainer import Trainer

RECIPE = Recipe(alpha2=1, alpha3=1, crop_wh=(48, 32), batch=2)
CLASSES = ('dark', 'bright')


def samples(count: int) -> list[Sample]:
    """Dark left halves of class 0 and bright right halves of class 1."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(2, dtype=np.uint8), 32)[None].repeat(48, 0)
    pictures = [
        (truth * 180 + rng.integers(0, 60, truth.shape)).astype(np.uint8) for _ in range(count)
    ]
    return [Sample(str(i), np.dstack([p] * 3), truth) for i, p in enumerate(pictures)]


def trainer(work: Path, recipe: Recipe = RECIPE) -> Trainer:
    return Trainer([samples(4)], samples(2), CLASSES, recipe, work)


def weights(run: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in run.network.parameters()])


def test_a_resumed_run_equals_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = trainer(tmp_path / 'a')
    unbroken.run(4, validate_every=2)
    train_epoch = Trainer._train_epoch

    def broken_off(self: Trainer, epochs: int) -> dict[str, float]:
        if self.epoch == 2:
            raise KeyboardInterrupt
        return train_epoch(self, epochs)

    monkeypatch.setattr(Trainer, '_train_epoch', broken_off)
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / 'b').run(4, validate_every=2)
    monkeypatch.undo()
    resumed = trainer(tmp_path / 'b')
    assert resumed.epoch == 2
    resumed.run(4, validate_every=2)
    torch.testing.assert_close(weights(resumed), weights(unbroken))
    assert resumed.best == pytest.approx(unbroken.best)


def test_it_learns_and_keeps_the_best(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run(50, validate_every=10)
    assert run.best > 0.9
    rows = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert [r['epoch'] for r in rows] == list(range(1, 51))
    assert rows[-1]['loss'] < rows[0]['loss']
    assert max(r.get('val_miou', 0) for r in rows) == pytest.approx(run.best, abs=1e-4)
    logits = run.best_network()(run._normalise(torch.from_numpy(samples(1)[0].image[None])))
    assert (logits.argmax(1)[0].numpy() == samples(1)[0].truth).mean() > 0.9


def test_another_recipe_and_a_corrupt_checkpoint_are_refused(tmp_path: Path) -> None:
    trainer(tmp_path).run(1, validate_every=1)
    other = dataclasses.replace(RECIPE, alpha3=2, crop_wh=(64, 32))
    differing = r'expected alpha3 2 \(got 1\), crop_wh \[64, 32\] \(got \[48, 32\]\); use'
    with pytest.raises(CheckpointError, match=f'another recipe: {differing}'):
        trainer(tmp_path, other)
    with pytest.raises(CheckpointError, match='expected bright, dark, got dark, bright'):
        Trainer([samples(4)], samples(2), CLASSES[::-1], RECIPE, tmp_path)
    with pytest.raises(CheckpointError, match='expected a, b, c, got dark, bright'):
        Trainer([samples(4)], samples(2), 'abc', RECIPE, tmp_path)
    # Not only after the last epoch, when it is asked for its weights.
    for name in ('best.pt', 'last.pt'):
        (tmp_path / name).write_bytes(b'PK torn')
        with pytest.raises(CheckpointError, match=rf'{name} can not be read'):
            trainer(tmp_path)
        (tmp_path / name).unlink()


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    trainer(tmp_path).run(1, validate_every=1)
    for name, cure in (('best.pt', 'the best epoch from here on'), ('last.pt', 'to start anew')):
        file = tmp_path / name
        whole = file.read_bytes()
        # Four bytes of weights, which PyTorch takes as they are.
        state = torch.load(file, weights_only=True)
        place = whole.index(next(iter(state['average'].values())).numpy().tobytes())
        file.write_bytes(whole[:place] + b'\xff\xff\xff\xff' + whole[place + 4 :])
        with pytest.raises(CheckpointError, match=rf'{name} can not be read .*damaged.*{cure}'):
            trainer(tmp_path)
        file.write_bytes(whole)
    assert trainer(tmp_path).epoch == 1


def log_rows(work: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (work / 'log.jsonl').read_text().splitlines()]


def test_a_row_that_a_kill_kept_from_the_log_is_written_by_the_next_run(tmp_path: Path) -> None:
    trainer(tmp_path).run(3, validate_every=2)
    log = tmp_path / 'log.jsonl'
    lines = log.read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    # Killed before the line of the last epoch, and in the midst of it.
    for begun in ('', lines[2][:9]):
        log.write_text(f'{lines[0]}\n{lines[1]}\n{begun}')
        trainer(tmp_path).run(3, validate_every=2)
        assert log_rows(tmp_path) == rows
    trainer(tmp_path).run(4, validate_every=2)
    assert log_rows(tmp_path)[:3] == rows and len(log_rows(tmp_path)) == 4


def test_the_best_on_other_images_gives_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trainer(tmp_path)
    run.run(1, validate_every=1)
    run.best = 2.0
    run._save('best.pt', {})
    capsys.readouterr()
    assert trainer(tmp_path).best == 2.0
    assert capsys.readouterr().out == ''
    other = Trainer([samples(4)], samples(3), CLASSES, RECIPE, tmp_path)
    assert other.best == -math.inf
    assert 'best.pt was the best on other validation images' in capsys.readouterr().out
    other.run(2, validate_every=1)
    assert trainer(tmp_path).best == -math.inf
    assert Trainer([samples(4)], samples(3), CLASSES, RECIPE, tmp_path).best == other.best > 0


def test_a_loss_that_is_no_number_keeps_the_epoch_before(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run(1, validate_every=1)
    files = {p.name: p.read_bytes() for p in tmp_path.glob('*.pt')}
    with torch.no_grad():
        next(run.network.parameters())[0] = float('inf')
    with pytest.raises(ParameterError, match=r'epoch 2: the loss is nan, .* lower'):
        run.run(2, validate_every=1)
    assert {p.name: p.read_bytes() for p in tmp_path.glob('*.pt')} == files


def test_nothing_but_void_is_refused_before_the_first_epoch(tmp_path: Path) -> None:
    void = [dataclasses.replace(s, truth=np.full_like(s.truth, 255)) for s in samples(2)]
    for train, val in ((void, samples(2)), (samples(2), void)):
        with pytest.raises(DatasetError, match='none of 2 images has a labelled pixel'):
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
        teacher.best_network(), architecture, labels=labels,
        size_wh=(64, 48), mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0), input_scale=0.5, metrics={},
        licence='none', name='a', output=tmp_path / 'model',
    )  # fmt: skip
    bundle = Bundle.load(tmp_path / 'model')
    student = trainer(tmp_path / 'b')
    student.start_from(bundle)
    expected = torch.cat([p.detach().flatten() for p in teacher.best_network().parameters()])
    torch.testing.assert_close(weights(student), expected)
    assert student.mean == [1.0, 2.0, 3.0]
    # It sees what the model saw: (21 - 1) / 4 / 2, and so on.
    pixel = student._normalise(torch.full((1, 8, 8, 3), 21, dtype=torch.uint8))[0, :, 0, 0]
    assert pixel.tolist() == pytest.approx([2.5, 1.9, 1.5])
    before = weights(teacher)
    teacher.start_from(bundle)
    torch.testing.assert_close(weights(teacher), before)


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
        teacher.best_network(),
        {'name': 'espnet', 'classes': 2, 'alpha2': 1, 'alpha3': 1, 'skip': 'joined'},
        labels=labels, size_wh=(64, 48), mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0),
        input_scale=1.0, metrics={}, licence='none', name='a', output=tmp_path / 'model',
    )  # fmt: skip
    other = Trainer([samples(4)], samples(2), 'abcdef', RECIPE, tmp_path / 'b')
    assert len(other.network.merge2[1].branches) > len(teacher.network.merge2[1].branches)
    before = other.network.state_dict()['up1.weight'].clone()
    taken, tensors = other.start_from(Bundle.load(tmp_path / 'model'))
    assert 0 < taken < tensors
    theirs, ours = teacher.best_network().state_dict(), other.network.state_dict()
    for name in ('encoder.level1.0.weight', 'encoder.level3.blocks.0.reduce.weight'):
        torch.testing.assert_close(ours[name], theirs[name])
    torch.testing.assert_close(ours['up1.weight'], before)
    assert ours['encoder.classifier.weight'].shape[0] == 6
    # And the other way, where the model has tensors that the new one lacks.
    fewer = Trainer([samples(4)], samples(2), 'a', RECIPE, tmp_path / 'c')
    assert fewer.start_from(Bundle.load(tmp_path / 'model'))[0] > 0


def encoder_bundle(tmp_path: Path) -> Bundle:
    """Return a trained ESPNet-C of two modules at level 3."""
    recipe = Recipe('espnet_c', alpha2=1, alpha3=2, crop_wh=(48, 32), batch=2)
    run = trainer(tmp_path / 'encoder', recipe)
    run.run(1, validate_every=1)
    write_bundle_from_network(
        run.best_network(),
        {'name': 'espnet_c', 'classes': 2, 'alpha2': 1, 'alpha3': 2},
        labels=Labels([LabelClass(n, (0, 0, 0), 'ground') for n in ('dark', 'bright')]),
        size_wh=(64, 48), mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0), input_scale=1.0, metrics={},
        licence='none', name='c', output=tmp_path / 'c',
    )  # fmt: skip
    return Bundle.load(tmp_path / 'c')


def test_an_encoder_begins_the_whole_network_even_a_shallower_one(tmp_path: Path) -> None:
    bundle = encoder_bundle(tmp_path)
    run = trainer(tmp_path / 'whole')
    taken, tensors = run.start_from(bundle)
    own = run.network.state_dict()
    theirs = load_bundle(bundle).state_dict()
    encoder = [name.removeprefix('encoder.') for name in own if name.startswith('encoder.')]
    assert taken == len(encoder) < tensors
    for name in encoder:
        torch.testing.assert_close(own[f'encoder.{name}'], theirs[name])
    assert 'level3.blocks.1.reduce.weight' in theirs
    assert 'level3.blocks.1.reduce.weight' not in encoder


def test_an_encoder_learns_alone(tmp_path: Path) -> None:
    recipe = Recipe('espnet_c', alpha2=1, alpha3=1, crop_wh=(48, 32), batch=2)
    run = trainer(tmp_path, recipe)
    run.run(50, validate_every=10)
    assert run.best > 0.75
    logits = run.best_network()(run._normalise(torch.from_numpy(samples(1)[0].image[None])))
    assert logits.shape == (1, 2, 6, 8)


def test_a_model_nothing_of_which_fits_is_refused(tmp_path: Path) -> None:
    bundle = encoder_bundle(tmp_path)
    run = trainer(tmp_path / 'whole')
    run.network = torch.nn.Conv2d(3, 2, 1)
    with pytest.raises(CheckpointError, match=r"c can not start .*'espnet_c'.* fits into espnet"):
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


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run(1, validate_every=1)
    files = {p.name: p.read_bytes() for p in tmp_path.glob('*.pt')}
    assert set(files) == {'best.pt', 'last.pt'}
    # A file may grow to a tenth of what is needed: the write fails half way, as on a full disk.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(files['last.pt']) // 10, limits[1]))
    try:
        with pytest.raises(CheckpointError, match=r'can not be written \(File too large\)'):
            run.run(2, validate_every=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {p.name: p.read_bytes() for p in tmp_path.glob('*.pt*')} == files
    resumed = trainer(tmp_path)
    assert resumed.epoch == 1
    resumed.run(2, validate_every=2)
    assert json.loads((tmp_path / 'log.jsonl').read_text().splitlines()[-1])['epoch'] == 2


def test_a_checkpoint_of_other_code_is_refused(tmp_path: Path) -> None:
    torch.save({'epoch': 3}, tmp_path / 'last.pt')
    with pytest.raises(CheckpointError, match=r'last\.pt lacks average, best, classes, mean'):
        trainer(tmp_path)


def test_the_recipe_is_written_beside_the_weights(tmp_path: Path) -> None:
    trainer(tmp_path).run(1, validate_every=1)
    state = torch.load(tmp_path / 'last.pt', weights_only=True)
    assert state['recipe'] == (
        '{"architecture": "espnet", "alpha2": 1, "alpha3": 1, "crop_wh": [48, 32], "batch": 2, '
        '"learning_rate": 0.01, "weight_decay": 0.001, "freeze_at": 0.5, "paste": 0.0, '
        '"as_seen": false, "per_epoch": null, "seed": 0}'
    )


def test_validation_images_the_network_cannot_take_are_refused(tmp_path: Path) -> None:
    truth = np.zeros((50, 61), np.uint8)
    odd = Sample('odd', np.zeros((50, 61, 3), np.uint8), truth)
    with pytest.raises(DatasetError, match=r'got 61x50: write `size_wh: \[64, 48\]`'):
        Trainer([samples(4)], [odd], CLASSES, RECIPE, tmp_path)


KILLED = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
import test_trainer
test_trainer.trainer(Path({work!r})).run(1000, validate_every=1000)
"""


# Ends like KILLED, but within the write: the kernel kills whoever exceeds the size of a file.
KILLED_WHILE_SAVING = """
import resource, signal, sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
import test_trainer
run = test_trainer.trainer(Path({work!r}))
run.run(2, validate_every=1)
size = (Path({work!r}) / 'last.pt').stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
run.run(3, validate_every=2)
"""


def test_a_kill_while_saving_leaves_the_save_before(tmp_path: Path) -> None:
    script = KILLED_WHILE_SAVING.format(
        tests=str(Path(__file__).parent), root=str(Path(__file__).parents[3]), work=str(tmp_path)
    )
    process = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True)
    assert process.returncode == -signal.SIGXFSZ, process.stderr
    resumed = trainer(tmp_path)
    assert resumed.epoch == 2 and resumed.best > 0
    resumed.best_network()
    resumed.run(3, validate_every=1)


def test_kill_at_any_moment_loses_at_most_one_epoch(tmp_path: Path) -> None:
    script = KILLED.format(
        tests=str(Path(__file__).parent), root=str(Path(__file__).parents[3]), work=str(tmp_path)
    )
    process = subprocess.Popen(
        [sys.executable, '-c', script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    lines = (line for line in process.stdout if '"epoch": 3' in line)
    assert next(lines, None), 'the run ended before its third epoch'
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    done = (tmp_path / 'log.jsonl').read_text().count('\n')
    resumed = trainer(tmp_path)
    assert done <= resumed.epoch <= done + 1
    assert resumed.epoch >= 3
