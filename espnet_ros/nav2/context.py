"""What the checks of other nodes' parameters know about the node `segmentation`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from espnet_ros.core.config import GridConfig, NodeConfig, ProjectionConfig, find_spec
from espnet_ros.core.labels import CAMVID, Labels
from espnet_ros.core.mapper import default_layers
from espnet_ros.core.names import NODE
from espnet_ros.core.parameter_file import NodeSection
from espnet_ros.nav2.views import View


@dataclass(frozen=True)
class Context:
    """What the checks compare with.

    :param labels: classes of the model, None if they are not known.
    :param model: its name, for messages.
    :param own: the node's sections in the files.
    :param nodes: every node of the checked file.
    """

    labels: Labels | None
    model: str
    own: tuple[View, ...]
    nodes: tuple[NodeSection, ...]

    def own_value(self, key: str, default: Any = None) -> Any:
        """Return a parameter of the node, or the default if no file sets it."""
        given = [view.value(key) for view in self.own if view.given(key)]
        return given[-1] if given else default

    @property
    def grid_frame(self) -> str:
        """Return the frame of the node's grids."""
        return str(self.own_value('grid.frame', GridConfig().frame))

    @property
    def grid_rate_hz(self) -> float:
        """Return the highest rate at which the node publishes its grids."""
        rate = self.own_value('grid.publish_rate', GridConfig().publish_rate)
        return float(rate) if isinstance(rate, (int, float)) else GridConfig().publish_rate

    @property
    def grid_resolutions_m(self) -> list[float]:
        """Return the cell sizes that the files set for nodes called `segmentation`."""
        given = [view.number('grid.resolution', 0.0) for view in self.own]
        return [side_m for side_m in given if side_m]

    @property
    def cloud_period_s(self) -> float:
        """Return the least time between two masks or clouds of a camera, seconds."""
        keys = ('grid.update_rate', 'grid.stale_after', 'input.max_rate')
        config = NodeConfig.from_parameters({key: self._checked(key) for key in keys})
        return 1.0 / min(config.grid.masks_hz, config.images_hz)

    def _checked(self, key: str) -> float:
        """Return a number of the node, or its default where the node refuses the value."""
        spec = find_spec(key)
        assert spec is not None
        value = self.own_value(key, spec.default)
        return float(spec.default if spec.problem(value) else value)

    @property
    def cameras(self) -> list[str] | None:
        """Return the names of the cameras, None if no file sets them."""
        cameras = self.own_value('cameras')
        if not isinstance(cameras, list):
            return None
        return [name for name in cameras if isinstance(name, str) and name]

    @property
    def has_depth(self) -> bool:
        """Return whether the node measures heights; with ground projection all are 0 m."""
        source = self.own_value('projection.source', ProjectionConfig().source)
        return bool(source == 'depth')

    @property
    def layers(self) -> list[str]:
        """Return the names of the node's layers, empty if no file defines any."""
        return list(dict.fromkeys(name for view in self.own for name in layer_names(view)))

    @property
    def layer_costs(self) -> dict[str, int | None]:
        """Return layer -> cost, None where no file sets it; empty if no file is for the node.

        A node without layers in the files has its default one. Its layers may also be in a file
        that was not given: `notes` says so, and no layer name is refused for that.
        """
        if not self.own or self.layers:
            return {name: self.layer_cost(name) for name in self.layers}
        # Whatever the classes are, the default layer is free or lethal.
        return {layer.name: layer.cost for layer in default_layers(self.labels or CAMVID)}

    def layer_cost(self, name: str) -> int | None:
        """Return the cost of a layer, None if no file sets it."""
        cost = self.own_value(f'layers.{name}.cost')
        return cost if isinstance(cost, int) else None

    def number_of(self, node_name: str, key: str, default: float) -> float:
        """Return a number of the node whose last name this is."""
        views = [View(n) for n in self.nodes if n.last_name == node_name]
        found = [v.number(key, default) for v in views]
        return next((f for f in found if f is not None), default)


def own_sections(nodes: Iterable[NodeSection]) -> tuple[View, ...]:
    """Return the sections for `segmentation`, and those for all nodes that define its layers."""
    views = [View(node) for node in nodes]
    return tuple(v for v in views if v.node.last_name == NODE or _has_layers_for_all(v))


def _has_layers_for_all(view: View) -> bool:
    return view.node.last_name in ('*', '**') and bool(layer_names(view))


def layer_names(view: View) -> list[str]:
    """Return the layers that a section of the node defines."""
    parts = [key.split('.') for key in view.names() if key.startswith('layers.')]
    return list(dict.fromkeys(p[1] for p in parts if len(p) == 3))
