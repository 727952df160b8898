"""Which files are a run's own."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip('torch')

from espnet_ros.core.errors import CheckpointError
from espnet_ros.network.training.recipe import Recipe
from espnet_ros.network.training.run_folder import RunFolder

CPU = torch.device('cpu')
STATE = {
    'epoch': 3, 'steps': 12, 'best': 0.5, 'mean': [1.0], 'std': [2.0], 'network': {},
    'average': {}, 'soap': {}, 'row': '{}', 'val': 7,
}  # fmt: skip


def folder(path: Path) -> RunFolder:
    return RunFolder(path, Recipe(), 'ab')


def test_a_folder_without_files_is_of_no_run(tmp_path: Path) -> None:
    assert folder(tmp_path).read_last(CPU) is None
    assert folder(tmp_path).read_best() is None


def test_a_run_that_goes_on_knows_its_best(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.write(run.last, STATE)
    run.write(run.best, {**STATE, 'epoch': 2})
    resumed = folder(tmp_path)
    last, best = resumed.read_last(CPU), resumed.read_best()
    assert last and last['epoch'] == 3 and last['classes'] == ['a', 'b']
    assert best and best['epoch'] == 2 and resumed.is_of_this_run(best)


def test_a_run_that_begins_anew_does_not(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.write(run.best, STATE)
    new = folder(tmp_path)
    best = new.read_best()
    assert best and not new.is_of_this_run(best)
    new.write(new.last, STATE)
    resumed = folder(tmp_path)
    resumed.read_last(CPU)
    assert not resumed.is_of_this_run(best)


def test_the_best_of_another_run_may_be_of_another_recipe(tmp_path: Path) -> None:
    other = RunFolder(tmp_path, Recipe(learning_rate=0.5), 'abc')
    other.write(other.best, STATE)
    run = folder(tmp_path)
    run.write(run.last, STATE)
    best = run.read_best()
    assert best and not run.is_of_this_run(best)
    # Of this run it must be of its recipe.
    run.write(run.best, STATE)
    same = RunFolder(tmp_path, Recipe(), 'abc')
    same._run = run._run
    with pytest.raises(CheckpointError, match='has other classes: expected a, b, c, got a, b'):
        same.read_best()


def test_what_a_kill_tore_is_removed_from_the_log(tmp_path: Path) -> None:
    run = folder(tmp_path)
    assert not run.is_logged({'epoch': 1})
    run.log({'epoch': 1})
    with (tmp_path / 'log.jsonl').open('a') as log:
        log.write('{"epo')
    assert run.is_logged({'epoch': 1}) and not run.is_logged({'epoch': 2})
    run.log({'epoch': 2})
    assert (tmp_path / 'log.jsonl').read_text() == '{"epoch": 1}\n{"epoch": 2}\n'
