"""What options accept, and what they say of the rest."""

from __future__ import annotations

import errno
import os
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from espnet_ros.cli.options import (
    number_within,
    output_file,
    output_folder,
    output_picture,
    path,
    positive,
)


def test_a_file_to_write_gets_its_folder(tmp_path: Path) -> None:
    file = tmp_path / 'new' / 'figures.json'
    assert output_file(str(file)) == file
    assert file.parent.is_dir() and not file.exists()


def test_a_picture_to_write_is_a_png(tmp_path: Path) -> None:
    assert output_picture(str(tmp_path / 'c.PNG')) == tmp_path / 'c.PNG'
    with pytest.raises(ArgumentTypeError, match=r'ends in \.png, got .*c\.jpg'):
        output_picture(str(tmp_path / 'new' / 'c.jpg'))
    assert not (tmp_path / 'new').exists()


def test_a_tilde_that_no_shell_saw_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    for parse in (path, output_file, output_folder):
        assert parse('~/new/figures.json') == tmp_path / 'new' / 'figures.json'


def test_a_file_that_can_not_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('mine')
    with pytest.raises(ArgumentTypeError, match='cannot be written'):
        output_file(str(tmp_path / 'notes.txt' / 'figures.json'))
    with pytest.raises(ArgumentTypeError, match='expected the name of a file'):
        output_file(str(tmp_path))
    assert (tmp_path / 'notes.txt').read_text() == 'mine'


@pytest.mark.parametrize('name', ['/proc/figures.json', '/sys/figures.json'])
def test_a_folder_that_takes_no_files_is_found_out_by_trying(name: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f'{name} cannot be written'):
        output_file(name)


def test_a_file_that_is_there_is_tried_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / 'figures.json'
    file.write_text('{}')
    before = file.stat()
    assert output_file(str(file)) == file
    assert file.read_text() == '{}' and file.stat().st_mtime_ns == before.st_mtime_ns
    (tmp_path / 'link.json').symlink_to(tmp_path / 'later.json')
    assert output_file(str(tmp_path / 'link.json')) == tmp_path / 'link.json'
    assert sorted(p.name for p in tmp_path.iterdir()) == ['figures.json', 'link.json']

    def refuse(*_: object) -> int:
        # Root, who may run the tests, is refused nothing.
        raise PermissionError(errno.EACCES, 'Permission denied')

    monkeypatch.setattr('os.open', refuse)
    with pytest.raises(ArgumentTypeError, match=r'figures\.json cannot .*\(Permission denied\)'):
        output_file(str(file))


def test_a_pipe_is_not_opened_before_there_is_something_to_write(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    # It has no reader yet, for whom opening it would wait.
    assert output_file(str(tmp_path / 'pipe')) == tmp_path / 'pipe'
    assert output_file('/dev/stdout') == Path('/dev/stdout')


def test_a_folder_to_write_into_may_be_there_and_is_not_made(tmp_path: Path) -> None:
    folder = tmp_path / 'new' / 'pictures'
    assert output_folder(str(folder)) == folder
    assert not (tmp_path / 'new').exists()
    folder.mkdir(parents=True)
    assert output_folder(str(folder)) == folder
    assert output_folder('one/that/is/nowhere') == Path('one/that/is/nowhere')


def test_a_folder_that_can_not_be_written_into_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'notes.txt').write_text('mine')
    (tmp_path / 'lost').symlink_to(tmp_path / 'nowhere')
    for name in ('notes.txt', 'notes.txt/pictures', 'notes.txt/a/b', 'lost', 'n' * 300):
        with pytest.raises(ArgumentTypeError, match=r' cannot be written into \('):
            output_folder(str(tmp_path / name))
    # Root, who may run the tests, is refused nothing.
    monkeypatch.setattr('os.access', lambda file, mode: file != tmp_path)
    with pytest.raises(ArgumentTypeError, match=r'new/pictures cannot .*\(Permission denied\)'):
        output_folder(str(tmp_path / 'new' / 'pictures'))
    assert sorted(p.name for p in tmp_path.iterdir()) == ['lost', 'notes.txt']


@pytest.mark.parametrize('text', ['0', '-1', '1.5', 'many'])
def test_a_count_is_a_whole_number_from_one_on(text: str) -> None:
    assert positive('12') == 12
    with pytest.raises(ArgumentTypeError, match='at least 1'):
        positive(text)


@pytest.mark.parametrize('text', ['0.1', '3600', '1e1'])
def test_a_number_within_bounds(text: str) -> None:
    assert number_within(0.1, 3600.0, '{} seconds')(text) == float(text)


@pytest.mark.parametrize('text', ['0.09', '3601', 'nan', 'soon', ''])
def test_a_number_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"^expected 0.1 to 3600 seconds, got '{text}'$"):
        number_within(0.1, 3600.0, '{} seconds')(text)
