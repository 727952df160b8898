"""A parameter file as Nav2 understands it: costmaps, their layers, the sources of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from espnet_ros.nav2.parameter_file import Node
from espnet_ros.nav2.topics import Topic, find_topic

# What Costmap2DROS loads where `plugins` is not given.
DEFAULT_PLUGINS = {
    'static_layer': 'nav2_costmap_2d::StaticLayer',
    'obstacle_layer': 'nav2_costmap_2d::ObstacleLayer',
    'inflation_layer': 'nav2_costmap_2d::InflationLayer',
}
STATIC, OBSTACLE, VOXEL = 'StaticLayer', 'ObstacleLayer', 'VoxelLayer'
SEMANTIC, CONTAINER = 'SemanticSegmentationLayer', 'PluginContainerLayer'
INFLATION = ('InflationLayer', 'AsymmetricInflationLayer')
SEMANTIC_TOPICS = ('segmentation_topic', 'confidence_topic', 'labels_topic', 'pointcloud_topic')
# The parameters of a source that are topics.
TOPIC_KEYS = {OBSTACLE: ('topic',), VOXEL: ('topic',), SEMANTIC: SEMANTIC_TOPICS}


@dataclass(frozen=True)
class Finding:
    """One trap.

    :param severity: ``error`` (the robot drives on wrong costs, or Nav2 stops) or ``warning``.
    :param line: of the file, from 1; of the enclosing group where a default is the trap.
    :param parameter: its full name.
    :param check: name of the check that found it.
    """

    severity: str
    line: int
    parameter: str
    problem: str
    cure: str
    check: str = ''
    file: str = ''


class View:
    """The parameters of a node below a prefix.

    :param prefix: dotted name with a dot at its end, or empty.
    """

    def __init__(self, node: Node, prefix: str = '') -> None:
        self.node = node
        self.prefix = prefix

    @property
    def name(self) -> str:
        """Return the last name of the prefix, or the node's."""
        return self.prefix.rstrip('.').rpartition('.')[2] or self.node.name

    def given(self, key: str) -> bool:
        """Return whether the file sets the parameter."""
        return self.prefix + key in self.node.values

    def value(self, key: str, default: Any = None) -> Any:
        """Return the parameter, or what Nav2 has for it by default."""
        found = self.node.values.get(self.prefix + key)
        return found.value if found else default

    def number(self, key: str, default: float) -> float | None:
        """Return a parameter that is a number, None if the file says something else."""
        value = self.value(key, default)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(value) if is_number else None

    def texts(self, key: str) -> list[str]:
        """Return the strings of a list, empty if it is none."""
        value = self.value(key)
        return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []

    def names(self) -> list[str]:
        """Return the dotted names below the prefix."""
        return [n[len(self.prefix) :] for n in self.node.values if n.startswith(self.prefix)]

    def line(self, key: str = '') -> int:
        """Return where the parameter is set, else where the nearest group around it starts."""
        name = self.prefix + key
        if name in self.node.values:
            return self.node.values[name].line
        while name:
            name = name.rpartition('.')[0]
            if name in self.node.groups:
                return self.node.groups[name]
            lines = [v.line for n, v in self.node.values.items() if n.startswith(f'{name}.')]
            if name and lines:
                return min(lines)
        return self.node.line

    def says(self, key: str, default: Any) -> str:
        """Return the parameter with its value, for a sentence."""
        value = self.value(key, default)
        shown = {True: 'true', False: 'false'}[value] if isinstance(value, bool) else value
        return f'{key} is {shown}' + ('' if self.given(key) else ' by default')

    def error(self, key: str, problem: str, cure: str) -> Finding:
        """Return a finding about the parameter."""
        return Finding('error', self.line(key), self._full(key), problem, cure)

    def warning(self, key: str, problem: str, cure: str) -> Finding:
        """Return a finding that costs quality, not safety."""
        return Finding('warning', self.line(key), self._full(key), problem, cure)

    def _full(self, key: str) -> str:
        return f'{self.node.name}: {self.prefix}{key}'.rstrip('.')


class Source(View):
    """An observation source of an obstacle or semantic layer.

    :param topic_keys: the parameters that are topics.
    """

    def __init__(self, node: Node, prefix: str, topic_keys: tuple[str, ...]) -> None:
        super().__init__(node, prefix)
        self._topic_keys = topic_keys

    @cached_property
    def topics(self) -> dict[str, Topic]:
        """Return parameter -> topic of the node."""
        found = {key: find_topic(self.value(key)) for key in self._topic_keys}
        return {key: topic for key, topic in found.items() if topic}


class Layer(View):
    """A layer of a costmap.

    :param plugin: its type.
    """

    def __init__(self, costmap: Costmap, prefix: str, plugin: str) -> None:
        super().__init__(costmap.node, prefix)
        self.costmap = costmap
        self.kind = plugin.replace('/', '::').rpartition('::')[2]
        # Where the layer is merged: the costmap, or a container of layers.
        self.parent = prefix.rstrip('.').rpartition('.')[0]

    @cached_property
    def topic_key(self) -> View | None:
        """Return the view whose ``map_topic`` a StaticLayer takes."""
        own_map = self.given('map_topic')
        return (self if own_map else self.costmap) if self.kind == STATIC else None

    @cached_property
    def map_topic(self) -> Topic | None:
        """Return the grid of the node that a StaticLayer shows."""
        return find_topic(self.topic_key.value('map_topic')) if self.topic_key else None

    @cached_property
    def source_names(self) -> list[str]:
        """Return the names in ``observation_sources``, also where it is a list by mistake."""
        value = self.value('observation_sources', '')
        return value.split() if isinstance(value, str) else self.texts('observation_sources')

    @cached_property
    def sources(self) -> list[Source]:
        """Return the listed sources that take a topic of the node."""
        return [source for source in self.all_sources if source.topics]

    @cached_property
    def all_sources(self) -> list[Source]:
        """Return the listed sources, whosever topic they take."""
        return [self._source(name) for name in self.source_names if TOPIC_KEYS.get(self.kind)]

    @cached_property
    def unlisted_sources(self) -> list[Source]:
        """Return the sources of the node's topics that the layer ignores."""
        groups = {key.partition('.')[0] for key in self.names() if '.' in key}
        others = sorted(groups - set(self.source_names)) if TOPIC_KEYS.get(self.kind) else []
        return [source for source in map(self._source, others) if source.topics]

    def _source(self, name: str) -> Source:
        return Source(self.node, f'{self.prefix}{name}.', TOPIC_KEYS[self.kind])

    @property
    def is_ours(self) -> bool:
        """Return whether the layer takes a topic of the node."""
        return self.map_topic is not None or bool(self.sources or self.unlisted_sources)


class Costmap(View):
    """A costmap of Nav2: ``local_costmap``, ``global_costmap`` or any other."""

    @cached_property
    def layers(self) -> list[Layer]:
        """Return the layers that are loaded, in their order, those of containers in place."""
        default = {} if self.given('plugins') else DEFAULT_PLUGINS
        names = self.texts('plugins') if self.given('plugins') else list(DEFAULT_PLUGINS)
        return list(self._layers('', names, default))

    def _layers(self, prefix: str, names: list[str], default: dict[str, str]) -> Iterator[Layer]:
        for name in names:
            plugin = self.value(f'{prefix}{name}.plugin', default.get(name, ''))
            layer = Layer(self, f'{prefix}{name}.', str(plugin))
            yield layer
            if layer.kind == CONTAINER:
                yield from self._layers(layer.prefix, layer.texts('plugins'), {})

    @cached_property
    def unlisted(self) -> list[Layer]:
        """Return the layers of the node's topics that are not loaded."""
        loaded = {layer.prefix for layer in self.layers}
        ends = [key.removesuffix('plugin') for key in self.names() if key.endswith('.plugin')]
        layers = [Layer(self, e, str(self.value(f'{e}plugin'))) for e in ends if e not in loaded]
        # A StaticLayer without a map_topic of its own is somebody else's.
        return [la for la in layers if la.is_ours and la.topic_key is not self]

    @property
    def ours(self) -> list[Layer]:
        """Return the loaded layers that take a topic of the node."""
        return [layer for layer in self.layers if layer.is_ours]
