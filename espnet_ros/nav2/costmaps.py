"""Costmaps as Nav2 understands them: their layers, and the sources of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from espnet_ros.core.parameter_file import NodeSection
from espnet_ros.core.topics import CLEAR_CLOUD
from espnet_ros.nav2.plugins import (
    CONTAINER,
    DEFAULT_PLUGINS,
    DENOISE,
    INFLATION,
    OBSTACLE,
    SEMANTIC,
    STATIC,
    VOXEL,
    plugin_meant,
)
from espnet_ros.nav2.topics import Topic, find_topic
from espnet_ros.nav2.views import View

SEMANTIC_TOPICS = ('segmentation_topic', 'confidence_topic', 'labels_topic', 'pointcloud_topic')
# The parameters of a source that are topics.
TOPIC_KEYS = {OBSTACLE: ('topic',), VOXEL: ('topic',), SEMANTIC: SEMANTIC_TOPICS}


class Source(View):
    """An observation source of an obstacle or semantic layer.

    :param topic_keys: the parameters that are topics.
    """

    def __init__(self, node: NodeSection, prefix: str, topic_keys: tuple[str, ...]) -> None:
        super().__init__(node, prefix)
        self._topic_keys = topic_keys

    @cached_property
    def topics(self) -> dict[str, Topic]:
        """Return parameter -> topic of the node."""
        found = {key: find_topic(self.value(key)) for key in self._topic_keys}
        return {key: topic for key, topic in found.items() if topic}

    @property
    def is_clear(self) -> bool:
        """Return whether it is the cloud of seen ground, which marks nothing."""
        return any(topic.output == CLEAR_CLOUD for topic in self.topics.values())


class Layer(View):
    """A layer of a costmap.

    :param plugin: its type, as written.
    """

    def __init__(self, costmap: CostmapSection, prefix: str, plugin: str) -> None:
        super().__init__(costmap.node, prefix)
        self.costmap = costmap
        self.plugin = plugin
        # A misspelled plugin counts as the one it resembles, so that other traps are found, too.
        self.kind = plugin_meant(plugin)
        # Where the layer is merged: the costmap, or a container of layers.
        self.parent = prefix.rstrip('.').rpartition('.')[0]

    @cached_property
    def topic_key(self) -> View | None:
        """Return the view whose ``map_topic`` a StaticLayer uses."""
        own_map = self.given('map_topic')
        return (self if own_map else self.costmap) if self.kind == STATIC else None

    @cached_property
    def map_topic(self) -> Topic | None:
        """Return the node's grid that a StaticLayer subscribes to."""
        return find_topic(self.topic_key.value('map_topic')) if self.topic_key else None

    @cached_property
    def source_names(self) -> list[str]:
        """Return the names in ``observation_sources``, even if it is a list by mistake."""
        value = self.value('observation_sources', '')
        return value.split() if isinstance(value, str) else self.texts('observation_sources')

    @cached_property
    def sources(self) -> list[Source]:
        """Return the listed sources that subscribe to a topic of the node."""
        return [source for source in self.all_sources if source.topics]

    @cached_property
    def all_sources(self) -> list[Source]:
        """Return the listed sources, whoever publishes their topics."""
        return [self._source(name) for name in self.source_names if TOPIC_KEYS.get(self.kind)]

    @cached_property
    def marking_sources(self) -> list[Source]:
        """Return the `sources` from which an obstacle layer marks."""
        return [
            source for source in self.sources
            if source.value('marking', True) is not False and not source.is_clear
        ]  # fmt: skip

    @cached_property
    def unlisted_sources(self) -> list[Source]:
        """Return the sources with topics of the node that the layer does not list."""
        groups = {key.partition('.')[0] for key in self.names() if '.' in key}
        others = sorted(groups - set(self.source_names)) if TOPIC_KEYS.get(self.kind) else []
        return [source for source in map(self._source, others) if source.topics]

    def _source(self, name: str) -> Source:
        return Source(self.node, f'{self.prefix}{name}.', TOPIC_KEYS[self.kind])

    @property
    def read_keys(self) -> set[str]:
        """Return the full names of the parameters from which the layer reads the node's topics."""
        keys = {f'{self.topic_key.prefix}map_topic'} if self.topic_key else set()
        for source in (*self.sources, *self.unlisted_sources):
            keys |= {source.prefix + key for key in source.topics}
        return keys

    @property
    def is_strange(self) -> bool:
        """Return whether its plugin is not known here."""
        return bool(self.plugin) and not self.kind

    @property
    def is_ours(self) -> bool:
        """Return whether the layer names a topic of the node."""
        return self.map_topic is not None or bool(self.sources or self.unlisted_sources)

    @property
    def brings_ours(self) -> bool:
        """Return whether the layer, or a layer inside it, names a topic of the node."""
        return any(la.is_ours for la in self.costmap.layers if la.prefix.startswith(self.prefix))

    @property
    def makes_known(self) -> bool:
        """Return whether the layer has costs of its own, so that it makes cells known."""
        return self.kind not in (DENOISE, *INFLATION)


class CostmapSection(View):
    """A costmap of Nav2: ``local_costmap``, ``global_costmap`` or any other."""

    @cached_property
    def layers(self) -> list[Layer]:
        """Return the loaded layers in order, those of a container right after it."""
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
        """Return the layers that name topics of the node but are not loaded."""
        loaded = {layer.prefix for layer in self.layers}
        ends = [key.removesuffix('plugin') for key in self.names() if key.endswith('.plugin')]
        layers = [Layer(self, e, str(self.value(f'{e}plugin'))) for e in ends if e not in loaded]
        # A StaticLayer without a map_topic of its own is somebody else's.
        return [la for la in layers if la.is_ours and la.topic_key is not self]

    @property
    def unread_topics(self) -> dict[str, Topic]:
        """Return parameter -> topic of the node, where no layer known here reads it."""
        read = {key for la in (*self.layers, *self.unlisted) for key in la.read_keys}
        return {key: topic for key, topic in self.node_topics.items() if key not in read}

    def layer_of(self, key: str) -> Layer | None:
        """Return the innermost layer that a parameter is in, loaded or not."""
        loaded = {layer.prefix: layer for layer in self.layers}
        while key := key.rpartition('.')[0]:
            if f'{key}.' in loaded:
                return loaded[f'{key}.']
            if self.given(f'{key}.plugin'):
                return Layer(self, f'{key}.', str(self.value(f'{key}.plugin')))
        return None

    @property
    def ours(self) -> list[Layer]:
        """Return the loaded layers that name a topic of the node."""
        return [layer for layer in self.layers if layer.is_ours]

    @property
    def is_fixed(self) -> bool:
        """Return whether the costmap stays where it is."""
        return self.value('rolling_window', False) is False

    @property
    def has_size_of_map(self) -> bool:
        """Return whether a StaticLayer gives the costmap the size and place of its map."""
        return self.is_fixed and any(layer.kind == STATIC for layer in self.layers)
