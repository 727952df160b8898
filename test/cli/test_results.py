"""What a verb found out is written and said, whatever else fails."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from espnet_ros.cli.results import add_json, said_last, tell


def fails() -> None:
    raise OSError('no room')


def test_every_verb_declares_json_alike(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_json(parser.add_argument_group('results'), 'write the rows here')
    file = tmp_path / 'new' / 'figures.json'
    assert parser.parse_args(['--json', str(file)]).json == file
    assert parser.parse_args([]).json is None
    assert file.parent.is_dir()
    assert '--json FILE' in parser.format_help() and 'write the rows here' in parser.format_help()


def test_the_files_come_first_in_order_and_then_the_words(tmp_path: Path) -> None:
    file, done = tmp_path / 'figures.json', []
    tell(
        file, {'n': 2}, lambda: done.append('said'),
        lambda: done.append(json.loads(file.read_text())), lambda: done.append('second'),
    )  # fmt: skip
    assert done == [{'n': 2}, 'second', 'said']
    tell(None, {}, lambda: done.append('said alone'))
    assert done[3:] == ['said alone']


def test_each_is_done_though_another_fails(tmp_path: Path) -> None:
    done: list[str] = []
    with pytest.raises(IsADirectoryError):
        tell(tmp_path, {}, lambda: done.append('said'), lambda: done.append('written'))
    assert done == ['written', 'said']
    file = tmp_path / 'figures.json'
    with pytest.raises(OSError, match='no room'):
        tell(file, {}, lambda: done.append('said'), fails, lambda: done.append('third'))
    assert file.exists() and done[2:] == ['third', 'said']
    with pytest.raises(OSError, match='no room'):
        tell(file, {'n': 1}, fails)
    assert json.loads(file.read_text()) == {'n': 1}


def test_lines_are_said_at_the_end_even_of_what_fails(capsys) -> None:
    with pytest.raises(OSError, match='no room'), said_last() as said:
        said.append('fitted')
        assert capsys.readouterr().out == ''
        fails()
    assert capsys.readouterr().out == 'fitted\n'
    with said_last() as said:
        pass
    assert capsys.readouterr().out == ''
    with said_last() as said:
        said += ['one', 'two']
    assert capsys.readouterr().out == 'one\ntwo\n'
