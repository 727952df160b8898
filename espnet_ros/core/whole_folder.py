"""Writes a folder completely, or leaves what was in its place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from espnet_ros.core.errors import BundleError, MovedError
from espnet_ros.core.paths import home_path, write_file


def real_path(path: Path) -> Path:
    """Return the real path of a folder: a link is followed, not replaced."""
    return Path(os.path.realpath(home_path(path)))


def write_folder(
    path: Path, files: Mapping[str, bytes], own: Collection[str], verify: Callable[[Path], None]
) -> None:
    """Write the files of a folder in one step: all of them are there, or none is.

    :param path: the folder, or a link to it.
    :param files: name -> content.
    :param own: names that are removed with a replaced folder; its other content is kept.
    :param verify: called with the folder before it is moved into place; raises if it is wrong.
    :raises BundleError: if the folder can't be written or replaced.
    :raises MovedError: if the old content could not be put back or kept.
    :raises OSError: naming the file, if the disk is full.
    """
    target = real_path(path)
    work = _folder_beside(target)
    fresh, old = work / 'new', work / 'old'
    try:
        fresh.mkdir()
        for name, content in files.items():
            write_file(fresh / name, content, meant=target / name)
        verify(fresh)
        _replace(target, fresh, old)
    finally:
        # Whatever ended it, even Ctrl-C between two renames.
        _restore(old, target)
        if old.exists():
            _carry_over(old, target, own)
        shutil.rmtree(work, ignore_errors=True)


def _folder_beside(target: Path) -> Path:
    """Make a folder to work in, on the file system of the target."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f'.{target.name}-', dir=target.parent))
    except OSError as error:
        raise BundleError(
            f'{target} cannot be written ({error.strerror}): name another output folder'
        ) from error


def _replace(target: Path, fresh: Path, old: Path) -> None:
    """Move a folder into place; an old one there is moved away."""
    try:
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    except OSError as error:
        raise BundleError(
            f'{target} cannot be replaced ({error.strerror}): does another program write it, or '
            'is something mounted there?'
        ) from error


def _restore(old: Path, target: Path) -> None:
    """Put the replaced folder back, unless another one has taken its place.

    :raises MovedError: if that fails, naming where it is.
    """
    # If another process has put a folder there meanwhile, that is the newer one.
    if not old.exists() or target.exists():
        return
    try:
        old.rename(target)
    except OSError as error:
        raise MovedError(
            f'what was in {target} cannot be put back ({error.strerror}): look for it '
            f'in {old}'
        ) from error


def _carry_over(old: Path, target: Path, own: Collection[str]) -> None:
    """Move the other content of the replaced folder into the new one.

    :raises MovedError: if something can't be moved, naming where it stays.
    """
    lost = []
    for entry in sorted(old.iterdir()):
        if entry.name in own:
            continue
        try:
            # Renaming would silently replace a file of the same name.
            if os.path.lexists(target / entry.name):
                raise FileExistsError
            entry.rename(target / entry.name)
        except OSError:
            lost.append(entry.name)
    if lost:
        raise MovedError(
            f'{", ".join(lost)} of the replaced {target} cannot be moved into the new one: '
            f'look for it in {old}'
        )
