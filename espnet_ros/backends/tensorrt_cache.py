"""Built engines on disk: reads back only whole files that this user wrote for exactly this use.

An engine is a program: loading a foreign one runs somebody else's code, and one for another GPU
or version fails late or computes slowly. So an entry carries the whole key that it was written
under and a sha256 of its content, and an entry that does not fit counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet_ros.backends.tensorrt_library import log
from espnet_ros.core.errors import EspnetRosError
from espnet_ros.resources import cache_directory

_MAGIC = b'espnet_ros engine 2\n'
_DIGEST = 32

Key = Mapping[str, Any]


def load(kind: str, key: Key) -> bytes | None:
    """Return what was stored, or None if no entry can be trusted.

    :param kind: ``engine``, ``timing`` or ``kernels``.
    :param key: everything the content depends on, as JSON.
    """
    try:
        file = _file(kind, key)
        content = _read_own(file)
    except FileNotFoundError:
        return None
    except (OSError, EspnetRosError) as error:
        log.warning('the cached %s is not used: %s', kind, error)
        return None
    head = _head(key)
    body = content[len(head) + _DIGEST :]
    if content[: len(head)] != head or hashlib.sha256(body).digest() != content[
        len(head) : len(head) + _DIGEST
    ]:
        log.warning('%s is damaged or was written for something else: it is not used', file)
        return None
    return body


def store(kind: str, key: Key, body: bytes) -> bool:
    """Write an entry in one step; return False if that failed, e.g. on a full disk."""
    try:
        file = _file(kind, key)
        # In the same folder, so that the rename stays within one file system.
        descriptor, name = tempfile.mkstemp(prefix=f'.{file.name}-', dir=file.parent)
        try:
            with os.fdopen(descriptor, 'wb') as stream:
                stream.write(_head(key) + hashlib.sha256(body).digest() + body)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, file)
        except BaseException:
            os.unlink(name)
            raise
    except (OSError, EspnetRosError) as error:
        log.warning(
            'the %s could not be stored (%s): the next start will take as long. Free space in the '
            'cache or set XDG_CACHE_HOME to a folder you can write to', kind, error,
        )  # fmt: skip
        return False
    return True


def _file(kind: str, key: Key) -> Path:
    folder = cache_directory() / 'tensorrt'
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f'{kind}-{hashlib.sha256(_head(key)).hexdigest()[:32]}'


def _head(key: Key) -> bytes:
    return _MAGIC + json.dumps(key, sort_keys=True).encode() + b'\n'


def _read_own(file: Path) -> bytes:
    """Read a file that only this user can write, and that is not a symbolic link."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, 'rb') as stream:
        facts = os.fstat(stream.fileno())
        if facts.st_uid != os.geteuid() or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(f'{file} belongs to another user or can be written by others')
        if not stat.S_ISREG(facts.st_mode):
            raise PermissionError(f'{file} is no regular file')
        return stream.read()
