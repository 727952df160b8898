"""One training at a time in a folder, over real processes; what is said of files that fail."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip('torch')

from espnet_ros.core.errors import CheckpointError
from espnet_ros.network.training.recipe import Recipe
from espnet_ros.network.training.state import only_run_of, read_state, write_state

HOLDER = """
import sys
from pathlib import Path
from espnet_ros.network.training.state import only_run_of
with only_run_of(Path(sys.argv[1])):
    print('held', flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_of_one_training_until_that_is_gone(tmp_path: Path) -> None:
    work = tmp_path / 'work'
    command = [sys.executable, '-c', HOLDER, str(work)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b'held\n'
        with (
            pytest.raises(CheckpointError, match=r'another training is writing into .*work: wait'),
            only_run_of(work),
        ):
            pass
        other.kill()
        other.wait()
        # Whatever ended it.
        with only_run_of(work):
            pass


@pytest.mark.parametrize('number', [errno.EACCES, errno.EIO])
def test_a_file_that_can_not_be_read_may_be_good(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> bytes:
        raise OSError(number, os.strerror(number), str(path))

    file = tmp_path / 'last.pt'
    file.write_bytes(b'damaged')
    with pytest.raises(CheckpointError, match=r'cannot be read .*: move it away to start anew'):
        read_state(file, torch.device('cpu'))
    monkeypatch.setattr(Path, 'read_bytes', fail)
    monkeypatch.setattr('zipfile.ZipFile', lambda path: fail(path))
    with pytest.raises(CheckpointError) as error:
        read_state(file, torch.device('cpu'))
    words = f'last.pt cannot be read ({os.strerror(number)}): make it readable'
    assert words in str(error.value) and 'anew' not in str(error.value)


@pytest.mark.parametrize(
    ('number', 'cure'),
    [
        (errno.ENOSPC, 'make room'), (errno.EDQUOT, 'make room'),
        (errno.EACCES, 'make it writable'), (errno.EIO, 'make it writable'),
    ],
)  # fmt: skip
def test_room_is_asked_for_where_it_lacks(
    number: int, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_file: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr('os.fsync', fail)
    with pytest.raises(CheckpointError, match=rf'last\.pt cannot be written .*: {cure}, and'):
        write_state(tmp_path / 'last.pt', Recipe(), {})
    assert not list(tmp_path.iterdir())


def test_what_stands_is_told_of_the_file_that_a_run_goes_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('os.fsync', fail)
    with pytest.raises(CheckpointError, match=r'best\.pt .* there is no file of an earlier epoch'):
        write_state(tmp_path / 'best.pt', Recipe(), {})
    (tmp_path / 'last.pt').touch()
    with pytest.raises(CheckpointError, match=r'best\.pt .* the file of an earlier epoch is'):
        write_state(tmp_path / 'best.pt', Recipe(), {})
