from __future__ import annotations

from pathlib import Path

import pytest

from espnet_ros.core.paths import home_path


def test_only_what_is_a_home_folder_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', '/home/me')
    assert home_path('~/a/b.png') == Path('/home/me/a/b.png')
    assert home_path('~') == Path('/home/me')
    for text in ('a/~/b', '~draft.png', 'a'):
        assert home_path(text) == Path(text)
