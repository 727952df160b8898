"""Where share/ and the cache are found."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from espnet_ros import resources
from espnet_ros.core.errors import EspnetRosError

ROOT = Path(__file__).resolve().parents[1]


def make_share(folder: Path) -> Path:
    for name in resources.FOLDERS:
        (folder / name).mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def no_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    monkeypatch.setattr(sys, 'prefix', str(tmp_path / 'python'))


def test_the_ament_index_comes_first_and_in_its_order(monkeypatch, tmp_path):
    make_share(tmp_path / 'python/share/espnet_ros')
    make_share(tmp_path / 'underlay/share/espnet_ros')
    overlay = make_share(tmp_path / 'overlay/share/espnet_ros')
    path = os.pathsep.join(['', str(tmp_path / 'overlay'), str(tmp_path / 'underlay')])
    monkeypatch.setenv('AMENT_PREFIX_PATH', path)
    assert resources.share_directory() == overlay


def test_what_pip_installed_comes_before_the_checkout(monkeypatch, tmp_path):
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path / 'other'))
    installed = make_share(tmp_path / 'python/share/espnet_ros')
    assert resources.share_directory() == installed


def test_a_checkout_needs_no_installation():
    assert resources.share_directory() == ROOT


def test_an_incomplete_installation_is_passed_over(tmp_path):
    (tmp_path / 'python/share/espnet_ros/launch').mkdir(parents=True)
    assert resources.share_directory() == ROOT


def test_every_place_is_named_when_there_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path / 'overlay'))
    monkeypatch.setattr(resources, '__file__', str(tmp_path / 'lib/espnet_ros/resources.py'))
    with pytest.raises(EspnetRosError) as caught:
        resources.share_directory()
    for place in ('overlay/share/espnet_ros', 'python/share/espnet_ros', 'lib'):
        assert str(tmp_path / place) in str(caught.value)


def test_the_cache_belongs_to_this_user_alone(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    (tmp_path / 'espnet_ros').mkdir(mode=0o755)
    folder = resources.cache_directory()
    assert folder == tmp_path / 'espnet_ros'
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize('value', ['', 'relative/cache'])
def test_the_cache_is_under_home_without_an_absolute_setting(monkeypatch, tmp_path, value):
    monkeypatch.setenv('XDG_CACHE_HOME', value)
    monkeypatch.setenv('HOME', str(tmp_path))
    assert resources.cache_directory() == tmp_path / '.cache' / 'espnet_ros'


def test_a_cache_that_cannot_be_made_says_what_to_do(monkeypatch, tmp_path):
    (tmp_path / 'file').touch()
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    with pytest.raises(EspnetRosError, match='XDG_CACHE_HOME'):
        resources.cache_directory()


def test_a_user_without_a_home_folder_is_told(monkeypatch):
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.setattr('os.path.expanduser', lambda path: path)
    with pytest.raises(EspnetRosError, match='no home folder; set HOME or XDG_CACHE_HOME'):
        resources.cache_directory()
