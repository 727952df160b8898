"""The structure of the ESPNet networks, for code that builds, counts or checks them.

Mehta et al., ECCV 2018, section 3.3 and figure 4. Most robots have no torch, so none is needed.
"""

from __future__ import annotations

from typing import NamedTuple

IMAGE_CHANNELS = 3
# At 1/2, 1/4 and 1/8 of the image's size.
LEVEL_CHANNELS = (16, 64, 128)
# Dilations of an ESP module, K.
BRANCHES = 5
# What level 1 feeds into the last convolution of `WHOLE`: 16 channels, alone or with the image.
SKIPS = ('raw', 'joined')


class Connections(NamedTuple):
    """What an encoder joins to the outputs of its levels.

    :param share: a long-range connection across levels 2 and 3.
    :param reinforce: the down-sampled image, at levels 1 and 2.
    """

    share: bool
    reinforce: bool


ENCODERS = {
    'espnet_a': Connections(share=False, reinforce=False),
    'espnet_b': Connections(share=True, reinforce=False),
    'espnet_c': Connections(share=True, reinforce=True),
}
# The encoder of ESPNet-C with the light decoder.
WHOLE = 'espnet'
ARCHITECTURES = {**ENCODERS, WHOLE: ENCODERS['espnet_c']}


def branches_of(channels: int) -> int:
    """Return how many dilations an ESP module of these channels has: each needs a channel."""
    return min(BRANCHES, channels)
