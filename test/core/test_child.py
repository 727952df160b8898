from __future__ import annotations

import os
import queue
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_ros.core.child import Child, parsed

DEADLINE_S = 60.0
ROOT = Path(__file__).resolve().parents[2]


class Started:
    """A child that runs some code, and the lines it says."""

    def __init__(self, code: str, log: Path | None = None, **environment: str) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue()
        command = [sys.executable, '-c', code]
        self.child = Child('test', command, self._lines.put, log, environment)

    def hears(self) -> str | None:
        return self._lines.get(timeout=DEADLINE_S)


def test_lines_go_both_ways_and_the_environment_is_added_to():
    started = Started(
        'import os; print(input(), os.environ["MINE"], "PATH" in os.environ)', MINE='7'
    )
    started.child.say('Hello')
    assert started.hears() == 'Hello 7 True\n'
    assert started.hears() is None
    assert started.child.how_it_ended() == 'with status 0'
    # As a demo that notices it only now.
    started.child.say('Hello?')
    started.child.end(DEADLINE_S)
    assert started.child.rss_mb() == 0.0


def test_bytes_that_are_no_text_do_not_end_the_listening():
    started = Started(r"import os; os.write(1, b'\xff\nafter\n')")
    assert [started.hears(), started.hears(), started.hears()] == ['\ufffd\n', 'after\n', None]
    started.child.end(DEADLINE_S)


def test_last_words_are_the_end_of_the_log(tmp_path: Path):
    started = Started(
        r"import sys; sys.stderr.write('one\ntwo\n\nthree\n \n'); sys.exit(3)", tmp_path / 'log'
    )
    assert started.child.how_it_ended() == 'with status 3'
    assert started.child.last_words(2) == 'two\nthree'
    assert started.child.last_words() == 'one\ntwo\nthree'
    started.child.end(0.0)


def test_without_a_log_it_complains_where_this_process_does(capfd):
    started = Started("import sys; print('oh dear', file=sys.stderr)")
    started.child.end(DEADLINE_S)
    assert capfd.readouterr().err == 'oh dear\n'
    assert started.child.last_words() == ''


def test_how_it_ended_names_the_signal():
    started = Started('import time; print(1, flush=True); time.sleep(600)')
    started.hears()
    os.kill(started.child.pid, signal.SIGTERM)
    assert started.child.how_it_ended() == 'by SIGTERM'
    started.child.end(0.0)
    started = Started('import time; time.sleep(600)')
    started.child.kill()
    assert started.child.how_it_ended() == 'by SIGKILL (is there enough memory?)'
    started.child.kill()  # which is another one's process by now
    started.child.end(0.0)


def test_the_end_of_its_stdin_lets_it_leave_by_itself(tmp_path: Path):
    left = tmp_path / 'left'
    code = f'import sys, pathlib; sys.stdin.read(); pathlib.Path({str(left)!r}).touch()'
    started = Started(code)
    started.child.end(DEADLINE_S)
    assert left.exists()


def test_what_does_not_leave_is_killed_with_what_it_started():
    started = Started(
        'import signal, subprocess, sys, time\n'
        'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n'
        "sleep = 'import time; time.sleep(600)'\n"
        'print(subprocess.Popen([sys.executable, "-c", sleep]).pid, flush=True)\n'
        'time.sleep(600)'
    )
    grandchild = os.pidfd_open(int(started.hears()))
    started.child.terminate()
    started.child.end(0.0)
    assert started.child.how_it_ended().startswith('by SIGKILL')
    assert select.select([grandchild], [], [], DEADLINE_S)[0]


PARENT = """
import sys, threading
sys.path.insert(0, {root!r})
from espnet_ros.core.child import Child
sleep = 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'
Child('test', [sys.executable, '-c', sleep], lambda line: print(line, end='', flush=True))
threading.Event().wait()
"""


def test_it_ends_with_a_parent_that_is_killed():
    command = [sys.executable, '-c', PARENT.format(root=str(ROOT))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        assert select.select([child], [], [], DEADLINE_S)[0]


@pytest.mark.parametrize('line', [None, '', '7', '[{}]', '{"a": 1', 'no JSON\n'])
def test_what_is_no_object_is_none(line):
    assert parsed(line) is None


def test_an_object_is_parsed():
    assert parsed('{"a": [1]}\n') == {'a': [1]}
