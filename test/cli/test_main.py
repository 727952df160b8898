from __future__ import annotations

import errno
import io
import sys
from pathlib import Path
from types import ModuleType

import pytest

from espnet_ros import __version__
from espnet_ros.cli import main as module
from espnet_ros.cli.main import VERBS, main
from espnet_ros.core.errors import BundleError


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
    modules = {p.stem for p in folder.glob('*.py')} - {'__init__', 'main', 'options'}
    assert modules == set(VERBS)


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
            'espnet_ros: this needs the Python library av: '
            "`pip install '.[demo]'` in the checkout\n",
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
    ],
)
def test_a_bug_keeps_its_traceback(error, verb):
    verb(raises(error))
    with pytest.raises(type(error)):
        main(['fake'])


def test_ctrl_c_is_status_130_without_a_word(verb, capsys):
    verb(raises(KeyboardInterrupt()))
    assert main(['fake']) == 130
    captured = capsys.readouterr()
    assert captured.out + captured.err == ''
