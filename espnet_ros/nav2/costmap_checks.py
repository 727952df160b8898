"""Traps of a whole costmap, whatever kind of layer takes the node's topics."""

from __future__ import annotations

from collections.abc import Iterator

from espnet_ros.nav2.context import Context
from espnet_ros.nav2.costmaps import Costmap
from espnet_ros.nav2.plugins import INFLATION, STATIC
from espnet_ros.nav2.value_types import wrong_types
from espnet_ros.nav2.views import Finding


def wrong_type(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find values of another type: rclcpp throws on them and the server does not start."""
    ours = tuple(layer.prefix for layer in costmap.ours)
    relevant = [key for key in costmap.names() if '.' not in key or key.startswith(ours)]
    yield from wrong_types(costmap, relevant)


def disabled(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find layers that are switched off: they subscribe and change nothing."""
    for layer in costmap.ours:
        if layer.value('enabled', True) is False:
            yield layer.warning('enabled', f'{layer.name} is switched off', 'enabled: true')


def overwritten(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find layers that overwrite earlier ones, obstacles with FREE included.

    StaticLayer does so unless `use_maximum`, the others with `combination_method: 0`.
    """
    for index, layer in enumerate(costmap.layers):
        earlier = [x for x in costmap.layers[:index] if x.parent == layer.parent]
        if not earlier or not any(x.is_ours for x in (layer, *earlier)):
            continue
        names = ', '.join(x.name for x in earlier)
        if layer.kind == STATIC and costmap.value('use_maximum', False) is False:
            says = costmap.says('use_maximum', False)
            yield costmap.error(
                'use_maximum',
                f'{says}: {layer.name} overwrites {names}, obstacles too',
                f'use_maximum: true, or {layer.name} first in plugins',
            )
        elif layer.value('combination_method') == 0 and layer.kind != STATIC:
            yield layer.error(
                'combination_method',
                f'{layer.name} overwrites {names}, obstacles too',
                'combination_method: 1 (the maximum)',
            )


def after_inflation(costmap: Costmap, context: Context) -> Iterator[Finding]:
    """Find layers after the inflation, which grows only the lethal cells before it."""
    inflated = False
    for layer in costmap.layers:
        inflated = inflated or layer.kind in INFLATION
        if inflated and layer.is_ours:
            yield layer.error(
                '',
                f'{layer.name} comes after the inflation layer, so the robot may pass its '
                'obstacles with no distance',
                'the inflation layer last in plugins',
            )


CHECKS = (wrong_type, disabled, overwritten, after_inflation)
