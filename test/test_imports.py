"""The arrows between the parts of the package, read from the source."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'espnet_ros'
INFERENCE = {'onnxruntime', 'openvino', 'tensorrt', 'tensorrt_rtx', 'torch'}
ROS = {'action_msgs', 'builtin_interfaces', 'rcl_interfaces', 'rclpy', 'tf2_ros'}
HEAVY = {*INFERENCE, 'av', 'cv2', 'numpy', 'onnx', 'rclpy', 'yaml'}

# What each part may import of the others; what stands at the top level is named by module.
ARROWS = {
    '__init__': set(),
    '__main__': {'cli'},
    'bundle': {'bundle_checks', 'core', 'resources'},
    'bundle_checks': {'core'},
    'resources': {'core'},
    'core': {'core'},
    'progress': set(),
    'network': {'bundle', 'bundle_checks', 'core', 'network', 'progress', 'resources'},
    'backends': {'backends', 'bundle', 'bundle_checks', 'core', 'progress', 'resources'},
    'ros': {'backends', 'bundle', 'core', 'resources', 'ros'},
    'sim': {'core', 'sim'},
    'nav2': {'core', 'nav2'},
    'evaluation': {'core', 'evaluation', 'sim'},
    'benchmark': {'backends', 'benchmark', 'bundle', 'core', 'network', 'progress', 'sim'},
}
# Lent to one file each: the backend that runs the network itself, publishing as the node does, and
# drawn training images.
EXTRA_ARROWS = {
    'backends/torch_backend.py': {'network'},
    'benchmark/publish.py': {'ros'},
    'network/training/datasets.py': {'sim'},
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob('*.py'))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


def imported(path: Path) -> Iterator[str]:
    """Yield the full dotted names a module imports, at its top and inside its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            assert node.module
            yield from (f'{node.module}.{alias.name}' for alias in node.names)
        elif isinstance(node, ast.Call) and 'import_module' in ast.unparse(node.func):
            yield from (a.value for a in node.args if isinstance(a, ast.Constant))


def own_parts(path: Path) -> set[str]:
    names = [name.split('.') for name in imported(path)]
    return {n[1] for n in names if n[0] == 'espnet_ros' and n[1:] and n[1] != '__version__'}


def libraries(path: Path) -> set[str]:
    tops = {name.partition('.')[0] for name in imported(path)}
    return tops - {'espnet_ros'} - set(sys.stdlib_module_names)


def test_the_package_was_found():
    assert {'core', 'network', 'backends', 'ros', 'cli', 'sim'} <= {part_of(p) for p in modules()}


@pytest.mark.parametrize('path', modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_arrows(path: Path):
    part = part_of(path)
    if part in ('cli', 'demo'):
        return  # they may use everything
    name = path.relative_to(PACKAGE).as_posix()
    allowed = ARROWS[part] | EXTRA_ARROWS.get(name, set())
    assert own_parts(path) <= allowed, f'{name} may import only {sorted(allowed)}'


@pytest.mark.parametrize('part', ['core', 'sim'])
def test_the_core_needs_only_numpy_opencv_and_yaml(part: str):
    allowed = {'numpy', 'cv2', 'yaml'}
    found = {p.name: libraries(p) - allowed for p in (PACKAGE / part).rglob('*.py')}
    assert not {name: extra for name, extra in found.items() if extra}


@pytest.mark.parametrize('path', modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_only_ros_imports_ros(path: Path):
    found = {n for n in libraries(path) if n in ROS or n.endswith('_msgs') or n.endswith('_srvs')}
    assert not found or part_of(path) == 'ros'


def reached(module: str) -> set[str]:
    """Return the package's modules that one imports, itself or by others."""
    found, left = set(), {module}
    while left:
        name = left.pop()
        path = ROOT / f'{name.replace(".", "/")}.py'
        if name not in found and path.is_file():
            found.add(name)
            # What follows the last dot may be a name in a module.
            left |= {n for i in imported(path) for n in (i, i.rpartition('.')[0])}
    return found


@pytest.mark.parametrize(
    'module',
    [
        'core.clouds', 'core.depth_projection', 'core.ground_projection', 'core.occupancy',
        'core.semantic_grid', 'evaluation.costmap_scores',
    ],
)  # fmt: skip
def test_neither_geometry_nor_figures_change_with_the_defaults_of_the_node(module: str):
    assert 'espnet_ros.core.config' in reached('espnet_ros.core.mapper')
    assert 'espnet_ros.core.config' not in reached(f'espnet_ros.{module}')


def test_ros_imports_no_inference_library():
    found = {p.name: libraries(p) & INFERENCE for p in (PACKAGE / 'ros').rglob('*.py')}
    assert not {name: bad for name, bad in found.items() if bad}


def test_torch_stays_in_the_network_the_backends_and_the_command_line():
    parts = {part_of(path) for path in modules() if 'torch' in libraries(path)}
    assert parts <= {'network', 'backends', 'cli'}


@pytest.mark.parametrize(
    ('name', 'needs'),
    [
        ('espnet_ros', set()),
        ('espnet_ros.cli.main', set()),
        ('espnet_ros.backends', {'numpy', 'yaml'}),
        # The defaults that its help tells are those of a recipe.
        ('espnet_ros.cli.train', {'numpy'}),
    ],
)
def test_importing_it_loads_nothing_heavy(name: str, needs: set[str]):
    heavy = sorted(HEAVY - needs)
    code = (
        f'import sys, {name}\n'
        f'print(sorted(set({heavy!r}) & set(sys.modules)), {name}.__name__)'
    )
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    result = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert result.stderr == ''
    assert result.stdout.strip() == f'[] {name}'
