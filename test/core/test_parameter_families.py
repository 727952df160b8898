"""Parameters that are of use together only."""

from __future__ import annotations

import pytest

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.parameter_families import incomplete

HALF = {
    'layers.a.classes': ('Car',), 'layers.b.cost': 5, 'layers.b.min_probability': 0.3,
    'camera_mount.rpy': (0.0, 0.1, 0.0), 'camera_mount.left.rpy': (0.0, 0.1, 0.0),
}  # fmt: skip
WHOLE = {
    'layers.c.classes': ('Car',), 'layers.c.cost': 5, 'camera_mount.right.xyz': (0.0, 0.0, 1.0),
}  # fmt: skip


def test_each_group_that_lacks_something_is_named_with_what_it_lacks():
    assert list(incomplete({**WHOLE, **HALF})) == [
        ('layers.a', "a: 'cost' is missing"), ('layers.b', "b: 'classes' is missing"),
        ('camera_mount.left', 'camera_mount has rpy without xyz for left: give both'),
        ('camera_mount', 'camera_mount has rpy without xyz for the camera: give both'),
    ]  # fmt: skip
    assert list(incomplete(WHOLE)) == []


@pytest.mark.parametrize('name', HALF)
def test_the_config_refuses_the_same(name):
    ((_, sentence),) = incomplete({name: HALF[name]})
    with pytest.raises(ParameterError) as error:
        NodeConfig.from_parameters({name: HALF[name]})
    assert sentence in str(error.value)
