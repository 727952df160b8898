"""Overrides win in rclpy itself, whatever the files before them say and in whatever order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from espnet_ros.core.parameter_overrides import known_values, overrides_text

ROAD = 'layers: {road: {classes: [Road], cost: 5}}'


@pytest.fixture
def given(ros_domain: int) -> Iterator[Callable[..., dict[str, Any]]]:
    """Return a function that tells which parameters rclpy gives to a node, from several files."""
    rclpy = pytest.importorskip('rclpy')
    context = rclpy.Context()
    rclpy.init(context=context)

    def parameters(namespace: str, *files: Path) -> dict[str, Any]:
        arguments = ['--ros-args', *(w for file in files for w in ('--params-file', str(file)))]
        node = rclpy.create_node(
            'segmentation', namespace=namespace, context=context, cli_args=arguments,
            use_global_arguments=False, enable_rosout=False, start_parameter_services=False,
        )  # fmt: skip
        try:
            return {name: p.value for name, p in node._parameter_overrides.items()}
        finally:
            node.destroy_node()

    yield parameters
    rclpy.shutdown(context=context)


@pytest.fixture
def overriding(tmp_path: Path) -> Callable[[dict[str, object]], Path]:
    def written(values: dict[str, object]) -> Path:
        path = tmp_path / 'overrides.yaml'
        path.write_text(overrides_text(values), encoding='utf-8')
        return path

    return written


@pytest.mark.parametrize('namespace', ['', 'robot1', '/fleet/robot1'])
@pytest.mark.parametrize(
    'names',
    [
        ['/segmentation', '/**'],
        ['segmentation', '/**', '/**/segmentation'],
        ['/robot1/segmentation', '/*', '/**/*'],
        ['/fleet/robot1/segmentation', '/**/segmentation', '/fleet/*/segmentation'],
    ],
)
def test_they_win_over_all_sections(
    given: Any, overriding: Any, tmp_path: Path, names: list[str], namespace: str
):
    files = []
    # Another file with the same sections the other way round, as layers:= may be.
    for order in (names, names[::-1]):
        sections = [f'{name}: {{ros__parameters: {{model: file}}}}' for name in order]
        files.append(tmp_path / f'{len(files)}.yaml')
        files[-1].write_text('\n'.join(sections))
    own = overriding({'model': 'mine', 'autostart': False})
    assert given(namespace, *files, own) == {'model': 'mine', 'autostart': False}


def test_values_keep_their_types(given: Any, overriding: Any):
    values = {
        'a': True, 'b': 3, 'c': 2.0, 'd': '123', 'e': '1e3', 'f': 'true', 'g': '~', 'h': 'é "\\:',
        'i.j': [1, 2], 'k': [1.5], 'l': ['1', 'x'], 'm': [True, False],
    }  # fmt: skip
    read = given('', overriding(values))
    assert read == values
    assert [type(value) for value in read.values()] == [type(value) for value in values.values()]


def test_known_values_are_those_of_the_node_and_the_last_wins(tmp_path: Path):
    file = tmp_path / 'layers.yaml'
    file.write_text(
        f'/**: {{ros__parameters: {{radius: 1, {ROAD}}}}}\n'
        '/robot1/segmentation: {ros__parameters: {layers: {road: {cost: 60}}}}\n'
        'controller_server: {ros__parameters: {overlay: {opacity: 0.25}}}\n'
    )
    road = {'layers.road.classes': ['Road'], 'layers.road.cost': 5}
    assert known_values(file, '/segmentation') == road
    assert known_values(file, '/robot1/segmentation') == {**road, 'layers.road.cost': 60}


def test_what_cannot_be_read_has_no_known_values(tmp_path: Path):
    broken, pipe = tmp_path / 'broken.yaml', tmp_path / 'pipe'
    broken.write_text('segmentation: [')
    os.mkfifo(pipe)
    for file in (broken, pipe, tmp_path, tmp_path / 'missing.yaml'):
        assert known_values(file, '/segmentation') == {}
