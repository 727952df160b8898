"""Paths as users type them, and safe writing of files."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from pathlib import Path

# Errors for a file that may be written, but not replaced or have a file beside it: in a folder of
# another user, or mounted into a container by itself.
_NOT_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)


def home_path(text: str | os.PathLike[str]) -> Path:
    """Return a path whose leading ``~`` or ``~user`` is that user's home folder.

    A shell does that only at the start of a word: not in quotes, ``camvid:~/DIR`` or a file.
    """
    # Path.expanduser raises if there is no such user, but `~draft.png` may be a file.
    return Path(os.path.expanduser(text))


def write_file(path: Path, content: bytes, meant: Path | None = None) -> None:
    """Write a file completely, or leave an old one as it was (plain files only).

    Links stay, and a file that is replaced keeps its permissions and its owner.

    :param meant: the path it will be moved to, if that is another one; used in errors.
    :raises OSError: naming the path, which Python itself does not do when a disk becomes full.
    """
    try:
        if meant is None:
            _put(path, content)
        else:
            path.write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(meant or path)) from error


def _put(path: Path, content: bytes) -> None:
    if not _is_replaceable(path):
        path.write_bytes(content)
        return
    try:
        # If it is a link, replace the file it points to.
        _replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        if error.errno not in _NOT_BESIDE:
            raise
        path.write_bytes(content)


def _is_replaceable(path: Path) -> bool:
    """Return whether a file may be replaced: not a device, a pipe or a file with two names."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return True
    plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    return plain and os.access(path, os.W_OK) and not _is_printed_to(found)


def _is_printed_to(found: os.stat_result) -> bool:
    """Return whether this process prints to a file, which may be called /dev/stdout."""
    for descriptor in (1, 2):
        # A closed descriptor has no file.
        with contextlib.suppress(OSError):
            if os.path.samestat(found, os.fstat(descriptor)):
                return True
    return False


def _replace(file: Path, content: bytes) -> None:
    partial = file.with_name(f'.{secrets.token_hex(4)}.partial')
    try:
        with partial.open('xb') as opened:
            if file.exists():
                owned = file.stat()
                os.chown(partial, owned.st_uid, owned.st_gid)
                # Before the content, so that the file's time is that of the content.
                shutil.copystat(file, partial)
            opened.write(content)
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
