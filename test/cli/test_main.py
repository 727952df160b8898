from __future__ import annotations

import contextlib
import errno
import importlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from espnet_ros import __version__
from espnet_ros.cli import main as module
from espnet_ros.cli.main import VERBS, main
from espnet_ros.core.errors import BundleError
from espnet_ros.core.python_child import module_command


@pytest.fixture
def verb(monkeypatch):
    """Return a function that makes `espnet_ros fake` do something."""

    def make(run) -> None:
        fake = ModuleType('espnet_ros.cli.fake', 'Do something.\n\nAnd more.')
        fake.add_arguments = lambda parser: parser.add_argument('--count', type=int, default=1)
        fake.run = run
        monkeypatch.setitem(sys.modules, 'espnet_ros.cli.fake', fake)
        monkeypatch.setitem(module.VERBS, 'fake', 'a test')

    return make


def raises(error: BaseException):
    def run(args):
        raise error

    return run


def one_line(capsys) -> str:
    captured = capsys.readouterr()
    assert captured.out == ''
    assert captured.err.count('\n') == 1 and captured.err.endswith('\n'), captured.err
    return captured.err


def test_names_that_the_terminal_cannot_print_are_spelled_out(verb, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
    monkeypatch.setattr(sys, 'stdout', terminal)
    verb(lambda args: print('Straße') or 0)
    assert main(['fake']) == 0
    terminal.flush()
    assert terminal.buffer.getvalue() == b'Stra\\xdfe\n'


def test_help_lists_every_verb_with_its_summary(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(['--help'])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    assert [v for v, s in VERBS.items() if v in text and s in text] == list(VERBS)


def test_every_verb_has_its_module_and_nothing_else_is_one():
    folder = Path(module.__file__).parent
    modules = {p.stem for p in folder.glob('*.py')}
    others = {'__init__', 'labelled', 'main', 'options', 'results'}
    assert modules - others == set(VERBS)


@pytest.mark.parametrize('name', VERBS)
def test_every_verb_explains_itself_and_writes_json(name, capsys):
    pytest.importorskip(f'espnet_ros.cli.{name}')
    with pytest.raises(SystemExit) as exit_:
        main([name, '--help'])
    assert exit_.value.code == 0
    assert '--json' in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(['--version'])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f'espnet_ros {__version__}\n'


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        ([], 'required: VERB'),
        (['dmo'], "no verb 'dmo': expected one of demo, segment"),
        (['demo', '--frames', '0'], "at least 1, got '0'"),
        (['demo', '--frames', '-3'], "at least 1, got '-3'"),
        (['demo', '--frames', '2.5'], "whole number, at least 1, got '2.5'"),
        (['demo', '--rate', '0'], "0.1 to 1000 images a second, got '0'"),
        (['demo', '--rate', 'nan'], "0.1 to 1000 images a second, got 'nan'"),
        (['demo', '--size', '640'], "WIDTHxHEIGHT such as 640x480, each 16 to 8192, got '640'"),
        (['demo', '--size', '8x8'], "got '8x8'"),
        (['demo', '--farmes', '3'], 'unrecognized arguments: --farmes 3'),
        (['evaluate'], 'required: --dataset'),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(arguments, expected, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert expected in one_line(capsys)


def test_the_status_is_what_the_verb_returns(verb):
    verb(lambda args: args.count)
    assert main(['fake', '--count', '3']) == 3


@pytest.mark.parametrize(
    ('error', 'expected'),
    [
        (BundleError('no model'), 'espnet_ros: no model\n'),
        (
            OSError(errno.ENOSPC, 'No space left on device'),
            'espnet_ros: No space left on device (while writing): make room\n',
        ),
        (PermissionError(13, 'Permission denied', '/x'), 'espnet_ros: /x: Permission denied\n'),
        (
            ModuleNotFoundError('No module named av', name='av.video'),
            'espnet_ros: this needs the Python library av, which is not installed: '
            "`pip install '.[demo]'` in the checkout\n",
        ),
        (
            BrokenPipeError(errno.EPIPE, 'Broken pipe', '/fifo'),
            'espnet_ros: /fifo: Broken pipe\n',
        ),
        (
            ImportError('libGL.so.1: cannot open\nshared object file', name='cv2'),
            'espnet_ros: this needs the Python library cv2, which is installed but does not load '
            '(libGL.so.1: cannot open shared object file); remove it and install it again: `apt '
            'install python3-opencv`, or `pip install opencv-python-headless`\n',
        ),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_status_2(error, expected, verb, capsys):
    verb(raises(error))
    assert main(['fake']) == 2
    assert one_line(capsys) == expected


@pytest.mark.parametrize(
    'error',
    [
        ValueError('a bug'),
        OSError('without a file'),
        ModuleNotFoundError('a bug', name='espnet_ros.no_such_module'),
        ImportError('a bug'),
        ImportError('a bug', name='espnet_ros.core.errors'),
        ImportError("cannot import name 'imraed' from 'cv2'", name='cv2'),
    ],
)
def test_a_bug_keeps_its_traceback(error, verb):
    verb(raises(error))
    with pytest.raises(type(error)):
        main(['fake'])


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        # The library's own words, those of a part of it, those of the system's loader.
        ('tqdm/__init__.py', "raise ImportError('no time')"),
        ('tqdm/__init__.py', 'import no_time'),
        ('tqdm/__init__.py', 'import ctypes; ctypes.CDLL("libno_time.so")'),
        ('tqdm.so', 'no time'),
    ],
)
def test_a_library_that_does_not_load_is_one_line(
    name, content, verb, tmp_path, monkeypatch, capsys
):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'tqdm', raising=False)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)
    verb(lambda args: importlib.import_module('tqdm'))
    assert main(['fake']) == 2
    error = one_line(capsys)
    assert error.startswith(
        'espnet_ros: this needs the Python library tqdm, which is installed but does not load ('
    )
    assert error.endswith('); install it again: `pip install --force-reinstall tqdm`\n')
    assert name == 'tqdm.so' or 'no time' in error.replace('_', ' ')


def test_ctrl_c_is_status_130_without_a_word(verb, capsys):
    verb(raises(KeyboardInterrupt()))
    assert main(['fake']) == 130
    captured = capsys.readouterr()
    assert captured.out + captured.err == ''


def say(status: int):
    def run(args) -> int:
        print('a word')
        return status

    return run


@pytest.mark.parametrize(('status', 'expected'), [(1, (1, 141)), (0, (141,))])
def test_who_is_not_heard_to_the_end_has_no_success(status, expected, verb, nobody_reads):
    verb(say(status))
    with nobody_reads():
        assert main(['fake']) in expected


def test_an_error_is_told_though_nobody_reads_the_rest(verb, nobody_reads, capfd):
    def run(args) -> int:
        with contextlib.suppress(BrokenPipeError):
            print('a word')
        raise BundleError('no model')

    verb(run)
    with nobody_reads():
        assert main(['fake']) == 2
    assert capfd.readouterr().err == 'espnet_ros: no model\n'


BAD_NAV2 = 'collision_monitor: {ros__parameters: null}\n'


@pytest.mark.parametrize('unbuffered', ['', '1'])
@pytest.mark.parametrize(
    ('stdout', 'codes', 'words'),
    [('left', (1, 141), ''), ('/dev/full', (2,), 'No space left on device (while writing)')],
)
def test_findings_that_nobody_reads_are_written_and_are_no_success(
    unbuffered, stdout, codes, words, tmp_path
):
    (tmp_path / 'nav2.yaml').write_text(BAD_NAV2)
    if stdout == 'left':
        reader, out = os.pipe()
        os.close(reader)
    else:
        out = os.open(stdout, os.O_WRONLY)
    figures = tmp_path / 'figures.json'
    command = module_command('espnet_ros', 'check_nav2', 'nav2.yaml', '--json', str(figures))
    environment = {**os.environ, 'PYTHONUNBUFFERED': unbuffered}
    ended = subprocess.run(
        command, cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, text=True, env=environment
    )
    os.close(out)
    assert ended.returncode in codes
    # One sentence at most, and nothing of Python's at its exit.
    assert words in ended.stderr and ended.stderr.count('\n') == bool(words), ended.stderr
    assert json.loads(figures.read_text())['errors'] == 1


def test_without_a_stdout_the_status_is_the_verbs(tmp_path):
    (tmp_path / 'nav2.yaml').write_text(BAD_NAV2)
    command = module_command('espnet_ros', 'check_nav2', 'nav2.yaml')
    closed = ['sh', '-c', 'exec "$@" >&-', 'sh', *command]
    ended = subprocess.run(closed, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr) == (1, '')


AT_WORK = """
import signal, sys, tempfile, threading
from types import ModuleType
from espnet_ros.cli import main
def run(args):
    with tempfile.TemporaryDirectory():
        print('working', flush=True)
        threading.Event().wait()
# As in a terminal, though the tests may run under nohup.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
fake = ModuleType('espnet_ros.cli.fake', 'Work.')
fake.add_arguments, fake.run = lambda parser: None, run
sys.modules['espnet_ros.cli.fake'] = fake
main.VERBS['fake'] = 'a test'
sys.exit(main.main(['fake']))
"""


@pytest.mark.parametrize(
    ('number', 'code'), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_every_verb_cleans_up_when_it_is_asked_to_end(number, code, tmp_path):
    script, temporary = tmp_path / 'at_work.py', tmp_path / 'tmp'
    script.write_text(AT_WORK)
    temporary.mkdir()
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, 'TMPDIR': str(temporary), 'PYTHONPATH': root}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == 'working\n'
        assert len(list(temporary.iterdir())) == 1
        process.send_signal(number)
        try:
            errors = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert (process.returncode, errors) == (code, '')
    assert list(temporary.iterdir()) == []
