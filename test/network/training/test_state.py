"""One training at a time in a folder, over real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('torch')

from espnet_ros.core.errors import CheckpointError
from espnet_ros.network.training.state import only_run_of

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
            pytest.raises(CheckpointError, match=r'another training writes into .*work at this'),
            only_run_of(work),
        ):
            pass
        other.kill()
        other.wait()
        # Whatever ended it.
        with only_run_of(work):
            pass
