"""What the networks of the ESPNet family are made of, for those who build, count or check them.

Mehta et al., ECCV 2018, section 3.3 and figure 4. No torch is needed here, as on most robots.
"""

from __future__ import annotations

from typing import NamedTuple

IMAGE_CHANNELS = 3
# At 1/2, 1/4 and 1/8 of the image's size.
LEVEL_CHANNELS = (16, 64, 128)
# Dilations of an ESP module, K.
BRANCHES = 5
# What level 1 feeds into the last convolution of `WHOLE`: its 16 channels, or them with the image.
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
    """Return the dilations of an ESP module of so many channels, as each needs one."""
    return min(BRANCHES, channels)
