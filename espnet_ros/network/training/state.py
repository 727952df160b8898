"""The file from which a killed run goes on: whole or not there, whatever happens meanwhile."""

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
    """Keep other processes from training with the same files meanwhile.

    :raises CheckpointError: if one does already.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / 'lock').open('w') as file:
        try:
            # Unlike flock's it is not inherited: what reads ahead may outlive a killed training.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Not every network's file system has locks.
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise CheckpointError(
                    f'another training writes into {work} at this moment: wait for it or end it, '
                    'or give another work folder'
                ) from error
        yield


def write_state(path: Path, recipe: Recipe, state: Mapping[str, Any]) -> None:
    """Replace the file in one step.

    :raises CheckpointError: if it can't be written, e.g. on a full disk; the last one stands.
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
        # The best may fail where it is the first that is validated.
        begun = path.with_name('last.pt').exists()
        stands = 'the one of an epoch before stands, from which it goes on'
        cure = 'make room' if error.errno in _NO_ROOM else 'see that it can be'
        raise CheckpointError(
            f'{path} can not be written ({error.strerror}): {cure}, and give the same command '
            f'again; {stands if begun else "there is none from an epoch before"}'
        ) from error


def read_state(path: Path, device: torch.device, cure: str = ANEW) -> dict[str, Any]:
    """Read what `write_state` wrote, of whichever run.

    :param cure: what to do about a damaged file, for the message.
    :raises CheckpointError: if it can't be read or is no such file.
    """
    try:
        content = io.BytesIO(path.read_bytes())
    except OSError as error:
        # What is in it may be good.
        raise CheckpointError(
            f'{path} can not be read ({error.strerror}): make it readable, or use another work '
            'folder'
        ) from error
    try:
        # PyTorch takes damaged weights; the sums that it wrote beside them tell.
        with zipfile.ZipFile(content) as parts:
            damaged = parts.testzip()
        if damaged:
            raise CheckpointError(f'its part {damaged} is damaged')
        content.seek(0)
        state = torch.load(content, weights_only=True, map_location=device)
        missing = sorted(_KEYS - set(state))
    except Exception as error:
        raise CheckpointError(f'{path} can not be read ({error}): {cure}') from error
    if missing:
        raise CheckpointError(f'{path} lacks {", ".join(missing)}: {cure}')
    return dict(state)


def check_state(
    path: Path, state: Mapping[str, Any], recipe: Recipe, classes: Sequence[str]
) -> None:
    """Refuse a state from which a run can't go on.

    :param path: that it was read from, for the message.
    :param classes: names that it must be of, in this order.
    :raises CheckpointError: if it is of another recipe or of other classes.
    """
    _check_recipe(path, recipe, json.loads(state['recipe']))
    if state['classes'] != list(classes):
        raise CheckpointError(
            f'{path} is of other classes: expected {", ".join(classes)}, got '
            f'{", ".join(state["classes"])}, and the order counts; use another work folder'
        )


def _check_recipe(path: Path, recipe: Recipe, found: Mapping[str, Any]) -> None:
    # As JSON has it: tuples are lists.
    expected = json.loads(json.dumps(asdict(recipe)))
    differing = [
        f'{name} {expected.get(name)!r} (got {found.get(name)!r})'
        for name in dict.fromkeys([*expected, *found])
        if expected.get(name) != found.get(name)
    ]
    if differing:
        raise CheckpointError(
            f'{path} is of another recipe: expected {", ".join(differing)}; use its options or '
            'another work folder'
        )
