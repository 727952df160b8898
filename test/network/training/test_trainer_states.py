"""What is kept of a run, whatever ends it, and how the next one goes on from there."""

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

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from tiny_run import CLASSES, RECIPE, samples, trainer, weights

from espnet_ros.core.errors import CheckpointError, ParameterError
from espnet_ros.network.training.trainer import Trainer


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
        with pytest.raises(CheckpointError, match=rf'{name} cannot be read'):
            trainer(tmp_path)
        (tmp_path / name).unlink()


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    trainer(tmp_path).run(1, validate_every=1)
    for name, cure in (('best.pt', 'the best epoch from here on'), ('last.pt', 'to start anew')):
        file = tmp_path / name
        whole = file.read_bytes()
        # Four bytes of weights, which PyTorch takes as they are, in the order that it wrote them
        # in: without bfloat16, channels are last.
        state = torch.load(file, weights_only=True)
        place = whole.index(bytes(next(iter(state['average'].values())).untyped_storage()))
        file.write_bytes(whole[:place] + b'\xff\xff\xff\xff' + whole[place + 4 :])
        with pytest.raises(CheckpointError, match=rf'{name} cannot be read .*damaged.*{cure}'):
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
    run._save(run.folder.best, {})
    capsys.readouterr()
    assert trainer(tmp_path).best == 2.0
    assert capsys.readouterr().out == ''
    other = Trainer([samples(4)], samples(3), CLASSES, RECIPE, tmp_path)
    assert other.best == -math.inf
    assert 'best.pt was the best on other validation images' in capsys.readouterr().out
    other.run(2, validate_every=1)
    assert trainer(tmp_path).best == -math.inf
    assert Trainer([samples(4)], samples(3), CLASSES, RECIPE, tmp_path).best == other.best > 0


def test_a_finished_run_is_judged_on_other_images_by_its_last_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer(tmp_path).run(2, validate_every=1)
    last, log = (tmp_path / 'last.pt').read_bytes(), (tmp_path / 'log.jsonl').read_text()
    # As if the best had been an earlier epoch.
    best = torch.load(tmp_path / 'best.pt', weights_only=True)
    best['average'] = {name: tensor * 0 for name, tensor in best['average'].items()}
    torch.save(best, tmp_path / 'best.pt')
    capsys.readouterr()

    run = Trainer([samples(4)], samples(3), CLASSES, RECIPE, tmp_path)
    run.run(2, validate_every=1)

    assert 'no epoch is left to train: validating the last one' in capsys.readouterr().out
    assert run.best == run.evaluate(samples(3)).miou() > 0
    found = run.best_epoch().network.state_dict()
    for name, tensor in run.average.network.state_dict().items():
        torch.testing.assert_close(found[name], tensor)
    assert (tmp_path / 'last.pt').read_bytes() == last
    assert (tmp_path / 'log.jsonl').read_text() == log
    # On the same images as before, there is nothing to do and to say.
    again = Trainer([samples(4)], samples(3), CLASSES, RECIPE, tmp_path)
    again.run(2, validate_every=1)
    assert again.best == run.best and capsys.readouterr().out == ''


def break_off_in_epoch(number: int, run: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train, and end before an epoch is done, counted from 1."""
    train_epoch = run._train_epoch

    def broken_off(epochs: int) -> dict[str, float]:
        if run.epoch == number - 1:
            raise KeyboardInterrupt
        return train_epoch(epochs)

    monkeypatch.setattr(run, '_train_epoch', broken_off)
    with pytest.raises(KeyboardInterrupt):
        run.run(4, validate_every=4)


def test_the_best_of_another_run_in_the_folder_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = trainer(tmp_path)
    left._see([9.0, 9.0, 9.0], [7.0, 7.0, 7.0])
    left.run(6, validate_every=1)
    # As the message about a damaged one advises.
    (tmp_path / 'last.pt').unlink()
    break_off_in_epoch(2, trainer(tmp_path), monkeypatch)
    capsys.readouterr()

    resumed = trainer(tmp_path)

    assert resumed.epoch == 1 and resumed.best == -math.inf
    assert 'best.pt belongs to another run: the best epoch from here' in capsys.readouterr().out
    with pytest.raises(CheckpointError, match='holds no epoch to use: none has been'):
        resumed.best_epoch()
    resumed.run(4, validate_every=4)
    best = torch.load(tmp_path / 'best.pt', weights_only=True)
    assert best['epoch'] == 4 and best['mean'] == resumed.mean != [9.0, 9.0, 9.0]
    assert trainer(tmp_path).best == resumed.best > 0


def test_files_of_an_earlier_version_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trainer(tmp_path)
    run.run(1, validate_every=1)
    for name in ('last.pt', 'best.pt'):
        state = torch.load(tmp_path / name, weights_only=True)
        for key in ('run', 'licence'):
            del state[key]
        torch.save(state, tmp_path / name)
    capsys.readouterr()
    resumed = trainer(tmp_path)
    assert resumed.epoch == 1 and resumed.best == run.best and resumed.licence is None
    resumed.run(3, validate_every=1)
    assert trainer(tmp_path).best == resumed.best
    assert 'another run' not in capsys.readouterr().out


def test_weights_come_with_the_normalisation_they_learned_under(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run(1, validate_every=1)
    best = torch.load(tmp_path / 'best.pt', weights_only=True)
    torch.save({**best, 'mean': [1.0, 2.0, 3.0], 'std': [4.0, 5.0, 6.0]}, tmp_path / 'best.pt')
    resumed = trainer(tmp_path)
    assert resumed.best_epoch()[1:] == ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert resumed.last_epoch()[1:] == (run.mean, run.std)


def test_a_loss_that_is_no_number_keeps_the_epoch_before(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run(1, validate_every=1)
    files = {p.name: p.read_bytes() for p in tmp_path.glob('*.pt')}
    with torch.no_grad():
        next(run.network.parameters())[0] = float('inf')
    with pytest.raises(ParameterError, match=r'epoch 2: the loss is nan, .* lower'):
        run.run(2, validate_every=1)
    assert {p.name: p.read_bytes() for p in tmp_path.glob('*.pt')} == files


@pytest.mark.parametrize('what', ['loss', 'gradient'])
def test_a_first_step_without_numbers_is_one_error_and_keeps_nothing(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path)
    if what == 'loss':
        with torch.no_grad():
            next(run.network.parameters())[0] = float('inf')
    else:
        next(run.network.parameters()).register_hook(lambda gradient: gradient * float('nan'))
    with pytest.raises(ParameterError, match=rf'^epoch 1: the {what} is nan, .* lower') as error:
        run.run(1, validate_every=1)
    assert 'keeps' not in str(error.value) and '--work' not in str(error.value)


def test_a_step_without_memory_is_one_error_and_keeps_the_epoch_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path)
    run.run(1, validate_every=1)
    monkeypatch.setattr(run, '_normalise', lambda images: torch.empty(1 << 50))
    with pytest.raises(ParameterError, match=r'2 views of 48x32: lower --batch \(2\) or --crop'):
        run.run(2, validate_every=1)
    assert trainer(tmp_path).epoch == 1


def test_a_run_goes_on_though_nobody_reads_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr('builtins.print', left)
    trainer(tmp_path).run(2, validate_every=2)
    assert [row['epoch'] for row in log_rows(tmp_path)] == [1, 2]


def test_a_reader_that_is_killed_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr('espnet_ros.network.training.views.random_view', killed)
    run = Trainer([samples(4)], samples(2), CLASSES, RECIPE, tmp_path, workers=1)
    with pytest.raises(ParameterError, match=r'was killed, .* or lower --workers'):
        run.run(1, validate_every=1)


def test_an_error_of_a_reader_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError('of a view')

    monkeypatch.setattr('espnet_ros.network.training.views.random_view', fails)
    run = Trainer([samples(4)], samples(2), CLASSES, RECIPE, tmp_path, workers=1)
    with pytest.raises(RuntimeError, match='of a view'):
        run.run(1, validate_every=1)


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run(1, validate_every=1)
    files = {p.name: p.read_bytes() for p in tmp_path.glob('*.pt')}
    assert set(files) == {'best.pt', 'last.pt'}
    # A file may grow to a tenth of what is needed: the write fails half way, as on a full disk.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(files['last.pt']) // 10, limits[1]))
    try:
        with pytest.raises(CheckpointError, match=r'cannot be written \(File too large\)'):
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


KILLED = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
import tiny_run
tiny_run.trainer(Path({work!r})).run(1000, validate_every=1000)
"""
# Ends like KILLED, but within the write: the kernel kills whoever exceeds the size of a file.
KILLED_WHILE_SAVING = """
import resource, signal, sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
import tiny_run
run = tiny_run.trainer(Path({work!r}))
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
    resumed.best_epoch()
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
