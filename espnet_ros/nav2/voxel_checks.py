"""Traps of nav2_costmap_2d::VoxelLayer beside those of the ObstacleLayer, which it extends."""

from __future__ import annotations

from collections.abc import Iterator

from espnet_ros.nav2.context import Context
from espnet_ros.nav2.costmaps import Layer
from espnet_ros.nav2.views import Finding

# A column of voxels is one integer with a bit or two for each, so Nav2 takes no more.
MOST_VOXELS = 16


def voxels_too_low(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find voxels that end too low: points above are dropped, a camera above clears nothing."""
    numbers = [
        layer.number(key, default)
        for key, default in (('origin_z', 0.0), ('z_voxels', 10), ('z_resolution', 0.2))
    ]
    height = layer.number('max_obstacle_height', 2.0)
    if None in numbers or height is None:
        return
    origin, count, step = (n for n in numbers if n is not None)
    top = origin + min(count, MOST_VOXELS) * step
    capped = f' ({MOST_VOXELS} voxels are the maximum)' if count > MOST_VOXELS else ''
    if top < height - 1e-6:
        yield layer.warning(
            'z_resolution',
            f'the voxels end at {top:g} m{capped}, below max_obstacle_height {height:g}: points '
            'above are dropped, and a camera mounted higher clears nothing',
            f'z_voxels: {MOST_VOXELS} at most and z_resolution so that origin_z + z_voxels * '
            'z_resolution is above the camera, for example z_voxels: 10 and z_resolution: 0.2',
        )


def mark_threshold(layer: Layer, context: Context) -> Iterator[Finding]:
    """Find a `mark_threshold` above 0, the default: more voxels than that must be marked.

    Without depth, all points of a thing are on the ground, so in one voxel.
    """
    threshold = layer.number('mark_threshold', 0)
    if threshold is None or threshold < 1 or not layer.marking_sources:
        return
    says = f'mark_threshold is {threshold:g}: cells need {threshold + 1:g} marked voxels'
    cure = 'mark_threshold: 0'
    if context.has_depth:
        yield layer.warning(
            'mark_threshold', f'{says}, so obstacles too low for that are not marked', cure
        )
    else:
        yield layer.error(
            'mark_threshold',
            f'{says}, but without depth all points of a thing are in one, at the ground: nothing '
            f'of {", ".join(source.name for source in layer.marking_sources)} is marked',
            cure,
        )


CHECKS = (voxels_too_low, mark_threshold)
