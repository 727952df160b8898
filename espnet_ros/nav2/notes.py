"""What could not be checked in a file: there, no finding does not mean no fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from espnet_ros.core.names import NODE
from espnet_ros.core.parameter_file import ParameterFile
from espnet_ros.nav2.context import Context
from espnet_ros.nav2.costmaps import CostmapSection
from espnet_ros.nav2.plugins import nearest_plugin
from espnet_ros.nav2.views import View


def notes(
    file: ParameterFile, costmaps: Iterable[CostmapSection], context: Context
) -> Iterator[str]:
    """Yield a sentence for each check that was left out."""
    topics = [t for view in map(View, file.nodes()) for t in view.node_topics.values()]
    named = dict.fromkeys(topic.layer for topic in topics if topic.layer)
    if named and not context.layers:
        yield (
            f'layer names are not checked ({", ".join(named)}): pass the file with the layers of '
            f'{NODE} as --layers; without one it has only a layer named obstacles'
        )
    for costmap in costmaps:
        strange = {la.prefix: la for la in map(costmap.layer_of, costmap.unread_topics) if la}
        for layer in strange.values():
            if layer.is_strange:
                yield (
                    f'{costmap.node.name}: {layer.name} is not checked: its plugin {layer.plugin} '
                    f'is not known here (the nearest one is {nearest_plugin(layer.plugin)})'
                )
