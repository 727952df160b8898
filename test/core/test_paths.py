from __future__ import annotations

import resource
from pathlib import Path

import pytest

from espnet_ros.core.paths import home_path, write_file


def test_only_what_is_a_home_folder_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', '/home/me')
    assert home_path('~/a/b.png') == Path('/home/me/a/b.png')
    assert home_path('~') == Path('/home/me')
    for text in ('a/~/b', '~draft.png', 'a'):
        assert home_path(text) == Path(text)


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    write_file(tmp_path / 'a', b'figures')
    assert (tmp_path / 'a').read_bytes() == b'figures'
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match='File too large') as error:
            write_file(tmp_path / 'b', bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.filename == str(tmp_path / 'b')
