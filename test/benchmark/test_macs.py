from __future__ import annotations

import pytest

from espnet_ros.benchmark.macs import macs

CITYSCAPES = {'name': 'espnet', 'classes': 20, 'alpha2': 2, 'alpha3': 8, 'skip': 'raw'}


def test_the_published_cityscapes_network():
    assert round(macs(CITYSCAPES, (1024, 512)) * 1e-9, 3) == 4.709


def test_a_network_counted_by_hand():
    # 16x8 pixels: 32 at level 1, 8 at level 2, 2 at level 3.
    level1 = 32 * (3 * 3 * 3 * 16)
    # Reduce 3x3 from 16 to 64 // 5 = 12 channels, then 3x3 from 12 to 64 in five branches.
    level2 = 8 * (9 * 16 * 12 + 9 * 12 * 64)
    level3 = 2 * (9 * 64 * 25 + 9 * 25 * 128)
    classifier = 2 * (128 * 2)
    architecture = {'name': 'espnet_a', 'classes': 2, 'alpha2': 0, 'alpha3': 0}
    assert level1 + level2 + level3 + classifier == 169856
    assert macs(architecture, (16, 8)) == 169856


def test_it_grows_with_the_pixels():
    assert macs(CITYSCAPES, (1024, 512)) == 64 * macs(CITYSCAPES, (128, 64))


@pytest.mark.parametrize(
    'architecture',
    [
        {'name': 'espnet_a', 'classes': 5, 'alpha2': 1, 'alpha3': 2},
        {'name': 'espnet_b', 'classes': 5, 'alpha2': 2, 'alpha3': 1},
        {'name': 'espnet_c', 'classes': 20, 'alpha2': 2, 'alpha3': 3},
        {'name': 'espnet', 'classes': 12, 'alpha2': 2, 'alpha3': 8, 'skip': 'joined'},
        {'name': 'espnet', 'classes': 3, 'alpha2': 1, 'alpha3': 1, 'skip': 'raw'},
    ],
    ids=lambda a: a['name'],
)
def test_as_counted_while_the_network_runs(architecture: dict):
    torch = pytest.importorskip('torch')
    from espnet_ros.network.espnet import create_network

    network = create_network(**architecture).eval()
    counted = 0

    def count(module, inputs, output):
        nonlocal counted
        each = module.weight[0].numel() if isinstance(module, torch.nn.Conv2d) else 0
        if each:
            counted += output.numel() * each
        else:
            # Transposed: every input value goes to each weight of its channel.
            counted += inputs[0].numel() * module.weight[0].numel()

    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            module.register_forward_hook(count)
    with torch.inference_mode():
        network(torch.zeros(1, 3, 24, 40))
    assert macs(architecture, (40, 24)) == counted
