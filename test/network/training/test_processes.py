"""Two real processes under torchrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')
pytest.importorskip('tqdm')

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


def test_two_processes_learn_one_network_from_different_images(tmp_path: Path) -> None:
    script = tmp_path / 'run.py'
    tests = str(Path(__file__).parent)
    script.write_text(SCRIPT.format(tests=tests, root=str(ROOT), work=str(tmp_path)))
    subprocess.run(
        [
            sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2',
            str(script),
        ],
        check=True, timeout=240, env={**os.environ, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
    )  # fmt: skip
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
