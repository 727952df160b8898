from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from espnet_ros.benchmark.contender import Contender
from espnet_ros.benchmark.process import Worker
from espnet_ros.core.errors import BackendError

DEADLINE_S = 120.0
NUMPY = {'library': 'numpy', 'precision': 'f32', 'device': 'cpu'}


def test_ask_and_answer(tmp_path: Path):
    with Worker('gemm', tmp_path / 'log') as worker:
        assert worker.ask(NUMPY, DEADLINE_S) == {}
        assert worker.ask({'do': 'turn', 'seconds': 0.0}, DEADLINE_S)['gflops'] > 0
        assert worker.pid != os.getpid()


def test_an_error_is_the_workers_own_words(tmp_path: Path):
    with (
        Worker('gemm', tmp_path / 'log') as worker,
        pytest.raises(BackendError, match="KeyError: 'abacus'"),
    ):
        worker.ask({**NUMPY, 'library': 'abacus'}, DEADLINE_S)


def test_a_killed_worker_says_by_what(tmp_path: Path):
    with Worker('gemm', tmp_path / 'log') as worker:
        worker.ask(NUMPY, DEADLINE_S)
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(BackendError, match=r'by SIGKILL \(is there enough memory\?\)'):
            worker.ask({'do': 'turn', 'seconds': 0.0}, DEADLINE_S)


def test_a_worker_that_does_not_answer_is_ended(tmp_path: Path):
    with Worker('gemm', tmp_path / 'log') as worker:
        worker.ask(NUMPY, DEADLINE_S)
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(BackendError, match='no answer'):
            worker.ask({'do': 'turn', 'seconds': 0.0}, 0.05)


def test_a_contender_that_dies_keeps_its_reason_and_asks_no_more(tmp_path: Path):
    contender = Contender('gemm', NUMPY, tmp_path)
    contender.load()
    contender.turn(0.0, seconds=0.0)
    assert contender.worker
    os.kill(contender.worker.pid, signal.SIGTERM)
    contender.turn(0.0, seconds=0.0)
    contender.turn(0.0, seconds=0.0)
    assert contender.reason == 'the process ended by SIGTERM'
    assert len(contender.rounds) == 1
    contender.close()
