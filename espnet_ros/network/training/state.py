"""The file from which a killed run continues: complete or absent, whatever happens meanwhile."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from espnet_ros.core.errors import CheckpointError
from espnet_ros.network.training.recipe import Recipe

_KEYS = {
    'epoch', 'steps', 'best', 'mean', 'std', 'classes', 'network', 'average', 'soap', 'recipe',
    'row', 'val',
}  # fmt: skip
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
ANEW = 'move it away to start anew'


@contextmanager
def only_run_of(work: Path) -> Iterator[None]:
    """Keep other processes from training with the same files inside the block.

    :raises CheckpointError: if one already does.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / 'lock').open('w') as file:
        try:
            # Unlike flock's, this lock is not inherited by the processes that read ahead, which
            # may outlive a killed training.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Go on without a lock on network file systems that have none.
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise CheckpointError(
                    f'another training is writing into {work}: wait for it, end it, or choose '
                    'another work folder'
                ) from error
        yield


def write_state(path: Path, recipe: Recipe, state: Mapping[str, Any]) -> None:
    """Replace the file in one step.

    :raises CheckpointError: if it can't be written, e.g. on a full disk; the old file is kept.
    """
    content = io.BytesIO()
    torch.save({**state, 'recipe': json.dumps(asdict(recipe))}, content)
    partial = path.with_name(f'{path.name}.partial')
    try:
        with partial.open('wb') as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        # When the first epoch's best.pt fails to be written, there is no last.pt yet.
        begun = path.with_name('last.pt').exists()
        stands = 'the file of an earlier epoch is intact, and the run goes on from it'
        cure = 'make room' if error.errno in _NO_ROOM else 'make it writable'
        raise CheckpointError(
            f'{path} cannot be written ({error.strerror}): {cure}, and give the same command '
            f'again; {stands if begun else "there is no file of an earlier epoch"}'
        ) from error


def read_state(path: Path, device: torch.device, cure: str = ANEW) -> dict[str, Any]:
    """Read what `write_state` wrote, for any run.

    :param cure: what to do about a damaged file, for the message.
    :raises CheckpointError: if it can't be read or is not such a file.
    """
    try:
        content = io.BytesIO(path.read_bytes())
    except OSError as error:
        # The content may be good, so don't advise to move it away.
        raise CheckpointError(
            f'{path} cannot be read ({error.strerror}): make it readable, or choose another work '
            'folder'
        ) from error
    try:
        # PyTorch accepts damaged weights; the checksums that it wrote with them reveal them.
        with zipfile.ZipFile(content) as parts:
            damaged = parts.testzip()
        if damaged:
            raise CheckpointError(f'its part {damaged} is damaged')
        content.seek(0)
        state = torch.load(content, weights_only=True, map_location=device)
        missing = sorted(_KEYS - set(state))
    except Exception as error:
        raise CheckpointError(f'{path} cannot be read ({error}): {cure}') from error
    if missing:
        raise CheckpointError(f'{path} lacks {", ".join(missing)}: {cure}')
    return dict(state)


def check_state(
    path: Path, state: Mapping[str, Any], recipe: Recipe, classes: Sequence[str]
) -> None:
    """Refuse a state from which a run can't continue.

    :param path: the file that it was read from, for the message.
    :param classes: the class names that it must have, in this order.
    :raises CheckpointError: if it has another recipe or other classes.
    """
    _check_recipe(path, recipe, json.loads(state['recipe']))
    if state['classes'] != list(classes):
        raise CheckpointError(
            f'{path} has other classes: expected {", ".join(classes)}, got '
            f'{", ".join(state["classes"])}, and the order counts; choose another work folder'
        )


def _check_recipe(path: Path, recipe: Recipe, found: Mapping[str, Any]) -> None:
    # Through JSON, so that tuples become lists.
    expected = json.loads(json.dumps(asdict(recipe)))
    differing = [
        f'{name} {expected.get(name)!r} (got {found.get(name)!r})'
        for name in dict.fromkeys([*expected, *found])
        if expected.get(name) != found.get(name)
    ]
    if differing:
        raise CheckpointError(
            f'{path} has another recipe: expected {", ".join(differing)}; use its options or '
            'choose another work folder'
        )
