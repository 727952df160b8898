"""The topics of the node `segmentation` in a parameter file of other nodes."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from espnet_ros.core.names import CAMERA, NODE
from espnet_ros.core.spelling import nearest
from espnet_ros.core.topics import (
    ANY_LAYER,
    CLEAR_CLOUD,
    LAYER_CLOUD,
    LAYER_GRID,
    PER_CAMERA,
    SHARED,
    of_camera,
)

# Parameter of Nav2's nodes -> the outputs it can take.
OUTPUTS_FOR = {
    'map_topic': ('costmap', LAYER_GRID),
    'topic': (LAYER_CLOUD, CLEAR_CLOUD),
    'segmentation_topic': ('nav/mask', 'mask'),
    'confidence_topic': ('nav/confidence', 'confidence'),
    'labels_topic': ('label_info',),
    'pointcloud_topic': ('nav/points',),
}


@dataclass(frozen=True)
class Topic:
    """A topic of the node.

    :param text: as written in the file.
    :param output: its name in `espnet_ros.core.topics`, empty if the node has no such output.
    :param layer: the name in place of ``<layer>``.
    :param camera: the camera's name before the output, empty for none.
    """

    text: str
    output: str
    layer: str = ''
    camera: str = ''

    @property
    def type(self) -> str:
        """Return the type of the messages, empty if there is no such output."""
        return {**SHARED, **PER_CAMERA}.get(self.output, '')

    @property
    def head(self) -> str:
        """Return the prefix of the node's private names, with a slash at its end."""
        return self.text.rpartition(f'{NODE}/')[0] + f'{NODE}/'

    @property
    def name(self) -> str:
        """Return the private name without the camera's."""
        return self.output.replace(ANY_LAYER, self.layer)

    @property
    def is_absolute(self) -> bool:
        """Return whether the topic means the same in every node.

        nav2_bringup replaces <robot_namespace> by '/robot1'; anything else that launch fills in
        ($(var x)) counts as absolute.
        """
        return self.text.startswith(('/', '<', '$'))

    def beside(self, name: str) -> str:
        """Return the full topic of another output, of the same camera if each has its own."""
        shared = {output.partition('/')[0] for output in SHARED}
        camera = '' if name.partition('/')[0] in shared else self.camera
        return self.head + of_camera(camera, name)

    @property
    def nearest(self) -> str:
        """Return the full topic of the output with the most similar name."""
        names = [*SHARED, *PER_CAMERA]
        private = self.text[len(self.head) :]
        return self.head + nearest(private, names, 0.0)


def find_topic(value: object) -> Topic | None:
    """Return the topic of the node that a parameter names, or None if it names none.

    In any namespace but the root, a name that resembles none of the outputs is taken as a topic
    of somebody else's node.
    """
    if not isinstance(value, str):
        return None
    match = re.fullmatch(rf'(?:.*/)?{NODE}/(.+?)/?', value)
    if not match:
        return None
    name = match.group(1)
    found = _output(value, name)
    if found:
        return found
    at_root = value.lstrip('/').startswith(f'{NODE}/')
    return Topic(value, '') if at_root or _close(name) else None


def _output(text: str, name: str) -> Topic | None:
    # The longest first: left/nav/mask is nav/mask of the camera left.
    for output in sorted((*SHARED, *PER_CAMERA), key=lambda o: -o.count('/')):
        pattern = re.escape(output).replace(ANY_LAYER, r'(?P<layer>[^/]+)')
        camera = f'(?:(?P<camera>{CAMERA})/)?' if output in PER_CAMERA else ''
        match = re.fullmatch(camera + pattern, name)
        # A misspelled group (navv/mask) is not meant as a camera of that name.
        if match and not (match.groupdict().get('camera') and _close(name)):
            groups = match.groupdict(default='')
            return Topic(text, output, groups.get('layer', ''), groups.get('camera', ''))
    return None


def _close(name: str) -> list[str]:
    # Topics are case-sensitive, so a camera may be called NAV.
    alike = [o for o in (*SHARED, *PER_CAMERA) if o.count('/') == name.count('/')]
    return difflib.get_close_matches(name, alike, n=1, cutoff=0.85)
