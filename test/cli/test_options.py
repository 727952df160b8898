"""What options accept, and what they say of the rest."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from espnet_ros.cli.options import output_file, output_folder, positive


def test_a_file_to_write_gets_its_folder(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'figures.json'
    assert output_file(str(path)) == path
    assert path.parent.is_dir() and not path.exists()


def test_a_file_that_can_not_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('mine')
    with pytest.raises(ArgumentTypeError, match='can not be written'):
        output_file(str(tmp_path / 'notes.txt' / 'figures.json'))
    with pytest.raises(ArgumentTypeError, match='expected the name of a file'):
        output_file(str(tmp_path))
    assert (tmp_path / 'notes.txt').read_text() == 'mine'


def test_a_folder_to_write_into_is_made_or_refused(tmp_path: Path) -> None:
    folder = tmp_path / 'new' / 'pictures'
    assert output_folder(str(folder)) == folder
    assert folder.is_dir()
    assert output_folder(str(folder)) == folder
    (tmp_path / 'notes.txt').write_text('mine')
    for path in (tmp_path / 'notes.txt', tmp_path / 'notes.txt' / 'pictures'):
        with pytest.raises(ArgumentTypeError, match=r'notes\.txt.* can not be written into \('):
            output_folder(str(path))
    assert (tmp_path / 'notes.txt').read_text() == 'mine'


@pytest.mark.parametrize('text', ['0', '-1', '1.5', 'many'])
def test_a_count_is_a_whole_number_from_one_on(text: str) -> None:
    assert positive('12') == 12
    with pytest.raises(ArgumentTypeError, match='at least 1'):
        positive(text)
