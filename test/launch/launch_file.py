"""The launch file, run with stand-ins for what it takes from launch, with launch or without."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

LAUNCH_FILE = Path(__file__).resolve().parents[2] / 'launch' / 'segment.launch.py'
# What the file may take from launch: all of it is in Humble.
HUMBLE = {
    'ament_index_python.packages': {'PackageNotFoundError', 'get_package_prefix'},
    'launch': {'LaunchContext', 'LaunchDescription'},
    'launch.actions': {'DeclareLaunchArgument', 'LogInfo', 'OpaqueFunction'},
    'launch.substitutions': {'LaunchConfiguration'},
    'launch_ros.actions': {'Node'},
}


def stand_ins() -> dict[str, ModuleType]:
    """Return modules in place of those of launch: what is made keeps what it is given."""
    made = {name.partition('.')[0]: ModuleType('package') for name in HUMBLE}
    made |= {name: ModuleType(name) for name in HUMBLE}
    for module, names in HUMBLE.items():
        for name in names:
            setattr(made[module], name, lambda *_, **given: SimpleNamespace(given=given))
    changes: dict[str, dict[str, Any]] = {
        'ament_index_python.packages': {'PackageNotFoundError': LookupError},
        'launch': {'LaunchDescription': list},
        'launch.actions': {
            'DeclareLaunchArgument': lambda name, **given: SimpleNamespace(name=name, given=given)
        },
        'launch.substitutions': {
            'LaunchConfiguration': lambda name: SimpleNamespace(
                perform=lambda context: context.values[name]
            )
        },
    }
    for module, things in changes.items():
        vars(made[module]).update(things)
    return made


def described() -> list[SimpleNamespace]:
    """Return the arguments that the file declares, and behind them what starts the nodes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, module in stand_ins().items():
            patch.setitem(sys.modules, name, module)
        return runpy.run_path(str(LAUNCH_FILE))['generate_launch_description']()
