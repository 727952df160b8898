from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_ros.benchmark import process
from espnet_ros.benchmark.contender import Contender
from espnet_ros.benchmark.process import Worker
from espnet_ros.core.errors import BackendError
from espnet_ros.core.python_child import module_command

DEADLINE_S = 120.0
ROOT = Path(__file__).resolve().parents[2]
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
    assert contender.reason == 'the process ended with status 143'
    assert len(contender.rounds) == 1
    contender.close()


def stand_in(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let workers run this code."""
    monkeypatch.setattr(process, 'module_command', lambda module: [sys.executable, '-c', code])


def test_a_worker_killed_while_it_answers_has_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stand_in(
        monkeypatch,
        'import os, signal\n'
        'input()\n'
        """os.write(1, b'{"gflops": 12')\n"""
        'os.kill(os.getpid(), signal.SIGTERM)',
    )
    contender = Contender('gemm', NUMPY, tmp_path)
    contender.load()
    assert contender.reason == 'the process ended by SIGTERM'


def test_what_is_no_answer_ends_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stand_in(monkeypatch, 'import time; input(); print(7, flush=True); time.sleep(600)')
    with (
        Worker('gemm', tmp_path / 'log') as worker,
        pytest.raises(BackendError, match='the process ended by SIGKILL'),
    ):
        worker.ask(NUMPY, DEADLINE_S)


@pytest.mark.parametrize('kind', [KeyboardInterrupt, SystemExit, BackendError])
def test_only_who_interrupts_gives_a_worker_no_time(
    kind: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Only the end of the pipe, which it waits for, lets this one leave its mark.
    left = tmp_path / 'left'
    stand_in(
        monkeypatch,
        'import sys; from pathlib import Path\n'
        "input(); print('{}', flush=True)\n"
        'sys.stdin.read()\n'
        f'Path({str(left)!r}).touch()',
    )
    contender = Contender('gemm', NUMPY, tmp_path)
    monkeypatch.setattr(process, '_GRACE_S', DEADLINE_S)
    with pytest.raises(kind), contender:
        contender.load()
        pid = contender.worker.pid
        raise kind
    assert contender.worker is None
    assert left.exists() == (kind is BackendError)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_that_is_interrupted_cleans_up(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), Worker('gemm', tmp_path / 'log') as worker:
        worker.ask(NUMPY, DEADLINE_S)
        raise KeyboardInterrupt
    # A process that SIGTERM ends by itself has no status.
    assert worker._child.how_it_ended() == f'with status {128 + signal.SIGTERM}'


KILLED = """
import json, sys, threading
from pathlib import Path
sys.path.insert(0, {root!r})
from espnet_ros.benchmark.process import Worker
worker = Worker('gemm', Path({log!r}))
worker.ask({numpy!r}, {deadline})
worker._child.say(json.dumps({{'do': 'turn', 'seconds': 600.0}}))
print(worker.pid, flush=True)
threading.Event().wait()
"""


def test_a_worker_does_not_finish_its_turn_when_who_asked_is_killed(tmp_path: Path):
    code = KILLED.format(
        root=str(ROOT), log=str(tmp_path / 'log'), numpy=NUMPY, deadline=DEADLINE_S
    )
    command = [sys.executable, '-c', code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        worker = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        assert select.select([worker], [], [], DEADLINE_S)[0]


def test_a_module_of_the_current_folder_is_not_taken_for_a_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / 'queue.py').write_text("raise RuntimeError('my own queue.py')\n")
    (tmp_path / 'json.py').write_text("raise RuntimeError('my own json.py')\n")
    (tmp_path / 'runpy.py').write_text("raise RuntimeError('my own runpy.py')\n")
    monkeypatch.chdir(tmp_path)
    with Worker('gemm', tmp_path / 'log') as worker:
        assert worker.ask(NUMPY, DEADLINE_S) == {}


def test_a_module_gets_its_arguments_and_is_main_also_when_executed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # As ROS wheels do it when rclpy is imported.
    (tmp_path / 'told.py').write_text(
        'import os, sys\n'
        "if 'AGAIN' not in os.environ:\n"
        "    os.execve(sys.executable, sys.orig_argv, {**os.environ, 'AGAIN': '1'})\n"
        "print(__name__, os.path.basename(sys.argv[0]), sys.argv[1:])\n"
    )
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    command = module_command('told', '-x', 'a b')
    result = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    assert result.stdout == "__main__ told.py ['-x', 'a b']\n", result.stderr
