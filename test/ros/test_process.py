"""A process that ends at any signal at any moment, in silence."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap

import pytest

DEADLINE_S = 30


# Under nohup, which the tests may be run by, it is another one.
AS_BY_DEFAULT = 'import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)'


def start(body, grace_s=20.0, before=AS_BY_DEFAULT):
    """Start a process whose body says ``ready`` and return it once it has."""
    code = (
        f'{before}\n'
        'import sys, threading\n'
        'from espnet_ros.core.errors import ParameterError\n'
        'from espnet_ros.ros.process import run_until_signal\n'
        'def body(stop):\n'
        '    woken = threading.Event()\n'
        '    stop.set_wake(woken.set)\n'
        '    print("ready", flush=True)\n'
        f'{textwrap.indent(textwrap.dedent(body), "    ")}\n'
        f'sys.exit(run_until_signal(body, {grace_s}))\n'
    )
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True}
    # With it, Python forgets what could not be written.
    environment = {k: v for k, v in os.environ.items() if k != 'PYTHONUNBUFFERED'}
    process = subprocess.Popen([sys.executable, '-c', code], env=environment, **pipes)
    assert process.stdout.readline() == 'ready\n'
    return process


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_wakes_the_body_and_the_exit_is_clean(number):
    process = start('assert woken.wait(20) and stop.requested\nreturn 0')
    process.send_signal(number)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, '')


def test_under_nohup_a_closed_terminal_ends_nothing():
    # It says which signal it was that ended the waiting.
    command = (
        'import signal\n'
        'signal.signal(signal.SIGHUP, signal.SIG_IGN)\n'
        'real = signal.sigwait\n'
        'signal.sigwait = lambda signals: print(real(signals).name, flush=True)'
    )
    process = start('assert woken.wait(20)\nprint("done", flush=True)\nreturn 0', before=command)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=DEADLINE_S) == ('SIGTERM\ndone\n', '')


def test_a_body_that_is_stuck_ends_at_a_later_signal():
    process = start('threading.Event().wait(60)', grace_s=40.0)
    for _ in range(50):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
            break
    _, errors = process.communicate(timeout=1)
    assert (process.returncode, errors) == (0, '')


def test_signals_at_once_are_one_wish():
    # Ctrl-C under a launch without a terminal: the process group's SIGINT and the launch's own.
    process = start('woken.wait(20)\nthreading.Event().wait(0.3)\nprint("done", flush=True)\n'
                    'return 0')  # fmt: skip
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, output, errors) == (0, 'done\n', '')


def test_a_body_that_is_stuck_ends_after_the_grace_time():
    process = start('threading.Event().wait(60)', grace_s=0.2)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=15)
    assert (process.returncode, errors) == (0, '')


def test_a_body_that_waits_for_somebody_to_read_ends_after_the_grace_time():
    # More than the pipe takes; the lock of sys.stderr is held meanwhile.
    process = start('sys.stderr.write("x" * 1_000_000)', grace_s=0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0
    process.communicate()


def test_an_error_that_nobody_reads_has_its_code_all_the_same():
    process = start(
        'import os\n'
        'from espnet_ros.ros.console import never_wait\n'
        'never_wait()\n'
        'try:\n'
        '    while True:\n'
        '        os.write(2, bytes(4096))\n'
        'except BlockingIOError:\n'
        '    raise ParameterError("no such parameter")\n'
    )
    assert process.wait(DEADLINE_S) == 2
    process.communicate()


def test_what_breaks_during_the_stop_is_no_news():
    process = start('woken.wait(20)\nraise RuntimeError("context is gone")')
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, '')


def test_an_error_of_the_user_is_one_sentence_and_code_2():
    process = start('raise ParameterError("no such parameter")')
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (2, 'no such parameter\n')


def test_a_fault_has_its_traceback_and_code_1():
    process = start('raise RuntimeError("fault")')
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert errors.startswith('Traceback') and 'RuntimeError: fault' in errors


def test_the_code_of_the_body_is_the_code_of_the_process():
    process = start('return 7')
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 7
