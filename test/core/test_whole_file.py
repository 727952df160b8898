"""A file is replaced in one step, and what fails leaves nothing behind."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_ros.core.whole_file import write_whole


def test_a_file_is_made_and_replaced_and_a_link_written_through(tmp_path: Path) -> None:
    file, link = tmp_path / 'a', tmp_path / 'link'
    write_whole(file, b'one')
    link.symlink_to(file)
    write_whole(link, memoryview(b'two'))
    assert link.is_symlink() and file.read_bytes() == b'two'
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a', 'link']
    plain = tmp_path / 'b'
    plain.touch()
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    program = (
        'import pathlib; from espnet_ros.core.whole_file import write_whole\n'
        'write_whole(pathlib.Path("/dev/stdout"), b"figures")'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, check=True)
    assert done.stdout == b'figures'


def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / 'a'
    write_whole(file, b'old')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match='File too large') as error:
            write_whole(file, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.filename == str(file) and error.value.errno == errno.EFBIG
    assert os.listdir(tmp_path) == ['a'] and file.read_bytes() == b'old'
