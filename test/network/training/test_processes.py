"""Two real processes under torchrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from espnet_ros.core.errors import ParameterError
from espnet_ros.network.training.processes import Processes

ROOT = Path(__file__).parents[3]
# Each process writes down its weights and what it learned from.
SCRIPT = """
import json, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
import torch
import tiny_run
from espnet_ros.network.training.processes import join, leave
from espnet_ros.network.training.trainer import Trainer

processes, device = join()
work = Path({work!r})
run = Trainer(
    [tiny_run.samples(8)], tiny_run.samples(3), tiny_run.CLASSES, tiny_run.RECIPE, work, device,
    processes,
)
# As if this one's processor rounded another way.
with torch.no_grad():
    next(run.network.parameters()).add_(1e-3 * processes.rank)
seen = []
step = run._step
def noted(batch):
    seen.append(float(batch.images.float().mean()))
    return step(batch)
run._step = noted
run.run(2, validate_every=1)
squares = processes.map(lambda item: (item * item, processes.rank), range(5))
(work / f'{{processes.rank}}.json').write_text(json.dumps({{
    'count': processes.count, 'squares': squares, 'seen': seen, 'best': run.best,
    'weights': tiny_run.weights(run).double().sum().item(),
    'network': sum(t.double().sum().item() for t in run.network.state_dict().values()),
}}))
leave()
"""

# The verb, in whose place each process fails in its own way.
FAILING = """
import os, sys
sys.path.insert(0, {root!r})
import torch
from espnet_ros.cli import main, train
from espnet_ros.core.errors import DatasetError

def fail(args, processes, device):
    if processes.rank in {ranks!r}:
        raise DatasetError('no such pictures')
    processes.sum(torch.zeros(1))

train._run = fail
sys.exit(main.main(['train', '--val', 'street:1', '--work', 'w', '--output', 'm']))
"""


def torchrun(script: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2',
            str(script),
        ],
        timeout=240, env={**os.environ, 'OMP_NUM_THREADS': '1'}, capture_output=True, text=True,
        **options,
    )  # fmt: skip


@pytest.mark.parametrize('ranks', [(0, 1), (0,), (1,)])
def test_of_processes_that_fail_the_one_with_an_error_of_its_own_speaks(
    ranks: tuple[int, ...], tmp_path: Path
) -> None:
    script = tmp_path / 'run.py'
    script.write_text(FAILING.format(root=str(ROOT), ranks=ranks))
    ended = torchrun(script)
    assert ended.returncode != 0
    assert ended.stderr.count('espnet_ros: no such pictures\n') == 1, ended.stderr
    # torchrun's own, which says that it failed, has no rank.
    assert ']: Traceback' not in ended.stderr, ended.stderr


def test_two_processes_learn_one_network_from_different_images(tmp_path: Path) -> None:
    script = tmp_path / 'run.py'
    tests = str(Path(__file__).parent)
    script.write_text(SCRIPT.format(tests=tests, root=str(ROOT), work=str(tmp_path)))
    torchrun(script, check=True)
    first, second = (json.loads((tmp_path / f'{rank}.json').read_text()) for rank in (0, 1))
    assert first['count'] == second['count'] == 2
    # Two epochs of four steps of one image each.
    assert len(first['seen']) == len(second['seen']) == 8
    assert set(first['seen']).isdisjoint(second['seen'])
    assert first['weights'] == second['weights']
    assert first['network'] == second['network']
    # Every other item was squared by the other process; both know all.
    assert first['squares'] == [[0, 0], [1, 1], [4, 0], [9, 1], [16, 0]] == second['squares']
    # Each judged a part of the validation images; both know the whole.
    assert first['best'] == second['best'] > 0
    assert len((tmp_path / 'log.jsonl').read_text().splitlines()) == 2


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    Processes(1, 2).check_batch(4)
    with pytest.raises(ParameterError, match='multiple of the 2 processes that share it, got 5'):
        Processes(1, 2).check_batch(5)


def test_alone_nothing_is_shared() -> None:
    alone = Processes()
    network = torch.nn.Conv2d(1, 1, 1)
    assert alone.share(network) is network and alone.first
    assert alone.sum(torch.tensor([3])).tolist() == [3]
    alone.as_first(network)
    assert alone.map(str, [1, 2]) == ['1', '2']
