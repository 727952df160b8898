"""Where the package finds its models, launch files and configuration, and keeps its cache."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.paths import home_path

PACKAGE = 'espnet_ros'
FOLDERS = ('config', 'launch', 'models', 'rviz')


def share_directory() -> Path:
    """Return the folder that holds config/, launch/, models/ and rviz/.

    It searches the ament overlays first, as for every ROS package, then what pip installed, then
    the source checkout.

    :raises EspnetRosError: if none of these places has all four folders.
    """
    places = list(dict.fromkeys(_places()))
    for place in places:
        if all((place / folder).is_dir() for folder in FOLDERS):
            return place
    raise EspnetRosError(
        f'expected a folder with {", ".join(FOLDERS)} at one of '
        f'{", ".join(map(str, places))}, found none; install the package with colcon or pip, '
        'or run it from a source checkout'
    )


def layers_file(text: str) -> Path:
    """Return the file of a set of layers: one of config/layers by its name, or any by its path.

    :raises EspnetRosError: if it is neither.
    """
    path = home_path(text)
    # A pipe is accepted, too. A bare name means a file of config/layers first.
    if path.exists() and not path.is_dir() and (os.sep in text or path.suffix):
        return path
    shipped = {p.stem: p for p in (share_directory() / 'config' / 'layers').glob('*.yaml')}
    path = shipped.get(text, path)
    if not path.is_file():
        raise EspnetRosError(
            f'{text} is neither one of {", ".join(sorted(shipped))} nor the path of a YAML file'
        )
    return path


def cache_directory() -> Path:
    """Return the folder for what can be computed again, created for this user alone.

    :raises EspnetRosError: if the folder can't be created.
    """
    # The XDG specification says to ignore relative paths.
    configured = Path(os.environ.get('XDG_CACHE_HOME', ''))
    base = configured if configured.is_absolute() else home_path('~/.cache')
    folder = base / PACKAGE
    if not folder.is_absolute():
        raise EspnetRosError(
            'expected to keep a cache in ~/.cache, but this user has no home folder; set HOME or '
            'XDG_CACHE_HOME to a folder you can write to'
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Files loaded from here are trusted, so nobody else may write into it. If the mode is
        # right, leave it: a cache filled when the robot's image was made may be read-only.
        if stat.S_IMODE(folder.stat().st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise EspnetRosError(
            f'expected to keep a cache in {folder}, but {error.strerror}; set XDG_CACHE_HOME to '
            'a folder you can write to'
        ) from error
    return folder


def _places() -> Iterator[Path]:
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix:
            yield Path(prefix) / 'share' / PACKAGE
    yield Path(sys.prefix) / 'share' / PACKAGE
    yield Path(__file__).resolve().parents[1]
