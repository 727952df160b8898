from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.gates import Gates
from espnet_ros.evaluation.fresh_process import in_fresh_process

ROOT = Path(__file__).resolve().parents[2]


def test_another_process_on_one_thread():
    before = dict(os.environ)
    assert in_fresh_process(os.getenv, 'OPENBLAS_NUM_THREADS') == '1'
    assert in_fresh_process(os.getpid) != os.getpid()
    assert dict(os.environ) == before


def test_what_goes_in_and_out_is_any_python():
    assert in_fresh_process(partial(divmod, 7), 2) == (3, 1)
    assert in_fresh_process(dict, {1: (2.5, None)}) == {1: (2.5, None)}


def test_what_it_prints_is_printed(capfd):
    assert in_fresh_process(os.write, 1, b'no line') == 7
    assert in_fresh_process(print, 'a line') is None
    assert in_fresh_process(os.write, 2, b'an error') == 8
    assert capfd.readouterr() == ('no linea line\n', 'an error')


def test_a_function_that_fails_leaves_its_traceback(capfd):
    with pytest.raises(EspnetRosError, match='the measuring process ended with status 1'):
        in_fresh_process(int, 'seven')
    assert "ValueError: invalid literal for int() with base 10: 'seven'" in capfd.readouterr().err


def test_an_error_for_the_user_comes_in_its_own_words(capfd):
    with pytest.raises(EspnetRosError, match=r'^projection refused: max_range must be above 0'):
        in_fresh_process(Gates, -1.0)
    assert capfd.readouterr().err == ''


def test_a_process_that_is_killed_says_by_what():
    with pytest.raises(EspnetRosError, match=r'by SIGKILL \(is there enough memory\?\)'):
        in_fresh_process(eval, "__import__('os').kill(__import__('os').getpid(), 9)")


def test_a_module_of_the_current_folder_is_not_taken_for_a_library(tmp_path, monkeypatch):
    for name in ('queue', 'pickle', 'multiprocessing'):
        (tmp_path / f'{name}.py').write_text(f"raise RuntimeError('my own {name}.py')\n")
    monkeypatch.chdir(tmp_path)
    assert in_fresh_process(os.getcwd) == str(tmp_path)


RUN = """
import os, sys
sys.path[:0] = [{tests!r}, {root!r}]
import test_fresh_process
from espnet_ros.evaluation.fresh_process import in_fresh_process
if __name__ == '__main__':
    in_fresh_process(test_fresh_process.say_and_wait)
"""


def say_and_wait() -> None:
    print(os.getpid(), flush=True)
    threading.Event().wait(60)


@pytest.mark.parametrize('end', [subprocess.Popen.kill, subprocess.Popen.terminate])
def test_the_process_ends_with_one_that_is_ended(end, tmp_path):
    script = tmp_path / 'run.py'
    script.write_text(RUN.format(tests=str(Path(__file__).parent), root=str(ROOT)))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        end(parent)
        # Which would wait for a minute.
        assert select.select([child], [], [], 20.0)[0]
