"""Rules between several parameters, and between parameters and the classes of a model.

Single values are checked by their own specifications, see `espnet_ros.core.parameter_spec`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from espnet_ros.core.config import GridConfig, NodeConfig, ProjectionConfig
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.grid import cells_along, cells_problem
from espnet_ros.core.labels import Labels
from espnet_ros.core.layers import LayerSpec, problems_of
from espnet_ros.core.names import mount_parameter, upside_down_parameter


class Refusal(NamedTuple):
    """Values that do not go together.

    :param names: of the parameters involved, the one to change first; the name of a group, e.g.
        ``layers.road``, stands for all of it.
    :param sentence: what was expected and what came.
    """

    names: tuple[str, ...]
    sentence: str


def check_map(config: NodeConfig, labels: Labels) -> None:
    """Refuse a config from which no costmaps can be made.

    :param labels: of the model.
    :raises ParameterError: all offenders are listed.
    """
    refused = '; '.join(refusal.sentence for refusal in map_refusals(config, labels))
    if refused:
        raise ParameterError(f'costmaps refused: {refused}')


def check_cameras(config: NodeConfig) -> None:
    """Refuse parameters of cameras that do not exist: such a typo would go unnoticed.

    The config itself can't, because `cameras` and the others may be set one by one.

    :raises ParameterError: all offenders are listed.
    """
    refused = '; '.join(refusal.sentence for refusal in camera_refusals(config))
    if refused:
        raise ParameterError(refused)


def map_refusals(config: NodeConfig, labels: Labels | None) -> Iterator[Refusal]:
    """Yield why no costmaps can be made from a config.

    :param labels: of the model; None leaves the names of classes unchecked.
    """
    yield from _of_grid(config.grid)
    yield from _of_range(config.projection)
    if labels is not None:
        yield from _of_uprights(config, labels)
    for layer in config.layers:
        yield from _of_layer(layer, labels)


def camera_refusals(config: NodeConfig) -> Iterator[Refusal]:
    """Yield the parameters of cameras that do not exist."""
    cameras = config.camera_names
    for given, parameter in (
        (config.mounts, mount_parameter),
        (config.upside_down, upside_down_parameter),
    ):
        for name in given:
            # The mount without a name may stay in a file when cameras get names.
            if name and name not in cameras:
                yield Refusal(
                    (parameter(name), 'cameras'),
                    f'{parameter(name)} belongs to no camera: expected '
                    f'{", ".join(map(parameter, cameras))}, by the parameter cameras',
                )


def _of_grid(grid: GridConfig) -> Iterator[Refusal]:
    shorter_m = min(grid.size)
    if grid.recentre_step > shorter_m / 2:
        yield Refusal(
            ('grid.recentre_step', 'grid.size'),
            'grid.recentre_step must be at most half of the shorter side of the grid, '
            f'{shorter_m:g} m, or the robot leaves it, got {grid.recentre_step:g} m',
        )
    problem = cells_problem(cells_along(grid.size, grid.resolution))
    if problem:
        yield Refusal(
            ('grid.resolution', 'grid.size'),
            f'grid.{problem}: change grid.resolution or grid.size',
        )


def _of_range(projection: ProjectionConfig) -> Iterator[Refusal]:
    nearest_m, farthest_m = projection.min_range, projection.max_range
    if not nearest_m < farthest_m:
        yield Refusal(
            ('projection.min_range', 'projection.max_range'),
            f'projection.min_range must be 0 m or more and below max_range, got {nearest_m:g} m, '
            f'and {farthest_m:g} m for projection.max_range',
        )


def _of_uprights(config: NodeConfig, labels: Labels) -> Iterator[Refusal]:
    uprights = [label.name for label in labels if label.kind == 'upright']
    asked = [('projection.ground_cover', name) for name in config.projection.ground_cover]
    asked += [(f'projection.overhang.{name}', name) for name in config.overhang_m]
    for parameter, name in asked:
        if name not in uprights:
            yield Refusal(
                (parameter,),
                f'{parameter.removesuffix(f".{name}")} names {name!r}, which is not an upright '
                f'class of the model (upright classes: {", ".join(uprights)})',
            )


def _of_layer(layer: LayerSpec, labels: Labels | None) -> Iterator[Refusal]:
    problems = [f'{layer.name}: {problem}' for problem in problems_of(layer, labels)]
    if problems:
        yield Refusal((f'layers.{layer.name}',), '; '.join(problems))
