from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from espnet_ros.core.paths import home_path, write_file


def test_only_what_is_a_home_folder_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', '/home/me')
    assert home_path('~/a/b.png') == Path('/home/me/a/b.png')
    assert home_path('~') == Path('/home/me')
    for text in ('a/~/b', '~draft.png', 'a'):
        assert home_path(text) == Path(text)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let files grow to so many bytes, as a disk does that becomes full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path: Path) -> None:
    for name, before in (('a', b'figures'), ('b', None)):
        if before:
            write_file(tmp_path / name, before)
        with pytest.raises(OSError, match='File too large') as error, room_for(1000):
            write_file(tmp_path / name, bytes(5000))
        assert error.value.filename == str(tmp_path / name)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [('a', b'figures')]


def test_a_file_keeps_its_permissions_and_a_new_one_has_the_usual_ones(tmp_path: Path) -> None:
    file = tmp_path / 'a'
    file.touch()
    usual = file.stat().st_mode
    write_file(tmp_path / 'b', b'new')
    assert (tmp_path / 'b').stat().st_mode == usual
    file.chmod(0o604)
    os.utime(file, (1, 1))
    write_file(file, b'figures')
    assert file.stat().st_mode & 0o777 == 0o604 and file.read_bytes() == b'figures'
    assert file.stat().st_mtime > 1


def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / 'real').mkdir()
    file = tmp_path / 'real' / 'a'
    link, lost, hard = (tmp_path / name for name in ('link', 'lost', 'hard'))
    link.symlink_to(file)
    lost.symlink_to(tmp_path / 'real' / 'b')
    for path in (link, lost):
        write_file(path, b'by a link')
    assert link.is_symlink() and lost.is_symlink()
    assert file.read_bytes() == (tmp_path / 'real' / 'b').read_bytes() == b'by a link'
    os.link(file, hard)
    write_file(hard, b'by another name')
    assert file.read_bytes() == b'by another name'


def test_what_is_no_plain_file_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / 'pipe').read_bytes()))
    reader.start()
    write_file(tmp_path / 'pipe', b'figures')
    reader.join(10)
    assert read == [b'figures'] and (tmp_path / 'pipe').is_fifo()
    write_file(Path('/dev/null'), b'figures')
    assert Path('/dev/null').is_char_device()


def test_standard_output_is_written_to_be_it_a_pipe_or_a_file(tmp_path: Path) -> None:
    code = (
        'from pathlib import Path; from espnet_ros.core.paths import write_file; '
        'write_file(Path("/dev/stdout"), b"figures\\n")'
    )
    command = [sys.executable, '-c', code]
    assert subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout == b'figures\n'
    file = tmp_path / 'out.txt'
    with file.open('wb') as out:
        subprocess.run(command, stdout=out, check=True)
        assert os.path.samestat(file.stat(), os.fstat(out.fileno()))
    assert file.read_bytes() == b'figures\n'


@pytest.mark.parametrize('number', [errno.EACCES, errno.EBUSY])
def test_a_file_beside_which_none_may_be_is_written_in_place(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        # As for a file that is mounted into a container alone.
        raise OSError(number, os.strerror(number))

    file = tmp_path / 'a'
    file.write_bytes(b'old')
    monkeypatch.setattr(Path, 'replace', refuse)
    write_file(file, b'figures')
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [('a', b'figures')]
