"""Traps of the names in a costmap: its node, plugins, sources and topics."""

from __future__ import annotations

from collections.abc import Iterator

from espnet_ros.nav2.context import Context
from espnet_ros.nav2.costmaps import CostmapSection
from espnet_ros.nav2.plugins import OBSTACLE, SEMANTIC, STATIC
from espnet_ros.nav2.topics import OUTPUTS_FOR, Topic
from espnet_ros.nav2.views import Finding, View

_READERS = {'map_topic': STATIC, 'topic': OBSTACLE}


def node_name(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find costmaps that are not in a namespace of their own name: no node reads them."""
    if _lacks_namespace(costmap):
        given, name = costmap.node.name, costmap.node.last_name
        yield costmap.error(
            '',
            f'no node of Nav2 is called {given}, so no node reads these parameters',
            f'{given}/{name} ({name}: {{{name}: {{ros__parameters: ...}}}})',
        )


def plugin_name(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find misspelled plugins: pluginlib knows none of that name and the costmap does not start.

    The name is the C++ type with `::`; a slash, as in older files, is a misspelling, too.
    """
    for layer in [*costmap.layers, *costmap.unlisted]:
        if layer.kind and layer.kind != layer.plugin:
            yield layer.error(
                'plugin',
                f'there is no plugin {layer.plugin}, so the costmap does not start',
                f'plugin: "{layer.kind}"',
            )


def unread_topic(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find topics of the node that no layer reads, so that they never reach the costmap."""
    for key, topic in costmap.unread_topics.items():
        layer, last = costmap.layer_of(key), key.rpartition('.')[2]
        if layer and layer.is_strange:
            continue
        reader = next((k for k, outputs in OUTPUTS_FOR.items() if topic.output in outputs), last)
        plugin = _READERS.get(reader, SEMANTIC)
        if layer and not layer.plugin:
            problem = f'{layer.name} has no plugin, so nothing reads {topic.text}'
            cure = f'plugin: "{plugin}" in {layer.name}'
        else:
            problem = f'no layer reads {topic.text} from {key}'
            source = '' if plugin == STATIC else ' a source of'
            cure = f'put {reader} in{source} a layer with plugin: "{plugin}"'
        yield costmap.error(key, problem, cure)


def not_in_plugins(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find layers that are not in `plugins`: Costmap2DROS loads no others."""
    for layer in costmap.unlisted:
        plugins = f'{layer.parent}.plugins' if layer.parent else 'plugins'
        problem = f'{layer.name} is not in {plugins}, so it is never loaded'
        yield layer.error('', problem, f'add it to {plugins}')


def source_not_listed(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find sources that are not in `observation_sources`: the layer subscribes to no others."""
    for layer in costmap.ours:
        for source in layer.unlisted_sources:
            yield source.error(
                '',
                f'{source.name} is not in observation_sources of {layer.name}, so nothing '
                'subscribes to it',
                f'observation_sources: {" ".join([*layer.source_names, source.name])}',
            )


def relative_topic(costmap: CostmapSection, context: Context) -> Iterator[Finding]:
    """Find relative topics, whose meaning changes from release to release.

    Kilted and later resolve those of static and obstacle layers in the namespace above the
    costmap; Humble and Jazzy, and the semantic layer, resolve them below the costmap.
    """
    name = costmap.node.name
    below = name if _lacks_namespace(costmap) else name.rpartition('/')[0]
    if costmap.node.is_pattern:
        below = '/<robot>/<costmap>'
    for layer in costmap.ours:
        topics: list[tuple[View, str, Topic]] = []
        for source in layer.sources:
            topics += [(source, key, topic) for key, topic in source.topics.items()]
        if layer.map_topic and layer.topic_key:
            topics.append((layer.topic_key, 'map_topic', layer.map_topic))
        for view, key, topic in topics:
            if topic.is_absolute:
                continue
            means = f'{topic.text} is relative and means {below}/{topic.text}'
            cure = f'{key}: /{topic.text} (with the namespace of the node segmentation)'
            if layer.kind == SEMANTIC:
                yield view.error(key, means, cure)
            else:
                above = f'{below.rpartition("/")[0]}/{topic.text}'
                releases = f'on Humble and Jazzy, {above} from Kilted on'
                yield view.warning(key, f'{means} {releases}', cure)


def _lacks_namespace(costmap: CostmapSection) -> bool:
    node = costmap.node
    above = node.name.split('/')[-2]
    # A costmap that runs as its own component is the node `costmap`, in any namespace.
    return not node.is_pattern and above != node.last_name != 'costmap'


CHECKS = (
    node_name,
    plugin_name,
    unread_topic,
    not_in_plugins,
    source_not_listed,
    relative_topic,
)
