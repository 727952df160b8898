from types import SimpleNamespace

import pytest

torch = pytest.importorskip('torch')

from torch import nn
from torch.nn import functional as F

from espnet_ros.network.deploy import DeploymentGraph, fold_batch_norm
from espnet_ros.network.espnet import create_network

IMAGE = torch.randint(0, 256, (2, 48, 64, 3), dtype=torch.uint8, generator=torch.manual_seed(0))


def trained(name: str, classes: int = 5, **options) -> nn.Module:
    """Return a network whose batch normalisation is as uneven as after a training."""
    torch.manual_seed(1)
    network = create_network(name, classes=classes, alpha2=1, alpha3=1, **options).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.1, 2.0)
            module.weight.data.uniform_(0.5, 2.0)
            module.bias.data.uniform_(-0.5, 0.5)
    return network


def reference(network: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = (IMAGE.permute(0, 3, 1, 2).double() - 100) / 50 * 0.5
    with torch.no_grad():
        logits = network.double()(pixels)
    network.float()
    if logits.shape[2:] != IMAGE.shape[1:3]:
        logits = F.interpolate(logits, scale_factor=8, mode='bilinear', align_corners=False)
    best = logits.softmax(1).max(1)
    return best.indices, best.values * 255


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('espnet', {}), ('espnet', {'class_bias': True}),
        ('espnet_a', {}), ('espnet_b', {}), ('espnet_c', {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize('fold', [False, True])
def test_graph_equals_network_softmax_and_argmax(name, options, fold):
    network = trained(name, **options)
    classes, levels = reference(network)
    graph = DeploymentGraph(
        fold_batch_norm(network) if fold else network, [100.0] * 3, [50.0] * 3, 0.5
    )
    with torch.no_grad():
        mask, confidence = graph(IMAGE)
    assert mask.dtype == confidence.dtype == torch.uint8
    assert mask.shape == confidence.shape == (2, 48, 64)
    assert len(mask.unique()) > 1
    assert (mask == classes).float().mean() > 0.999
    assert (confidence - levels).abs().max() <= 0.51


def test_folding_leaves_only_what_follows_a_sum_or_concatenation():
    network = fold_batch_norm(trained('espnet'))
    left = [n for n, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert not [n for n in left if n.startswith(('encoder.level1.', 'up2.', 'merge1.'))]
    # encoder: 3 levels' norms, 2 strided and 2 residual modules; decoder: norm3 and 2 in merge2
    assert len(left) == 7 + 3


class Channels(nn.Module):
    """Scores at 1/8 of the image size: the mean of each input channel."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(image, 8)


def test_channels_are_normalised_in_the_order_of_the_image():
    # Blue 30, green 60, red 90. Minus mean, over std, times 2:
    # (30-10)/5*2 = 8, (60-20)/20*2 = 4, (90-80)/2*2 = 10: red wins.
    # softmax of (8, 4, 10) at red = 1 / (e^-2 + e^-6 + 1) = 0.8789 -> 224
    image = torch.tensor([30, 60, 90], dtype=torch.uint8).expand(1, 16, 24, 3)
    mask, confidence = DeploymentGraph(Channels(), [10, 20, 80], [5, 20, 2], 2.0)(image)
    assert (mask == 2).all()
    assert (confidence == 224).all()
    mask, _ = DeploymentGraph(Channels(), [0, 0, 80], [5, 20, 2], 2.0)(image)
    assert (mask == 0).all()
    # At half the temperature twice as far apart: 1 / (e^-4 + e^-12 + 1) = 0.9820 -> 250
    model = SimpleNamespace(mean=(10, 20, 80), std=(5, 20, 2), input_scale=2.0, temperature=0.5)
    mask, confidence = DeploymentGraph.of(Channels(), model)(image)
    assert (mask == 2).all() and (confidence == 250).all()


@pytest.mark.parametrize('name', ['espnet', 'espnet_c'])
@pytest.mark.parametrize('temperature', [0.5, 2.0])
def test_a_temperature_changes_the_confidence_alone(name, temperature):
    network = trained(name)
    with torch.no_grad():
        plain, _ = DeploymentGraph(network, [100.0] * 3, [50.0] * 3, 0.5)(IMAGE)
        mask, confidence = DeploymentGraph(network, [100.0] * 3, [50.0] * 3, 0.5, temperature)(
            IMAGE
        )
        logits = network((IMAGE.permute(0, 3, 1, 2).float() - 100) / 50 * 0.5)
    if logits.shape[2:] != IMAGE.shape[1:3]:
        logits = F.interpolate(logits, scale_factor=8, mode='bilinear', align_corners=False)
    torch.testing.assert_close(mask, plain, rtol=0, atol=0)
    levels = 255 * (logits / temperature).softmax(1).amax(1)
    assert (confidence - levels).abs().max() <= 0.51


def test_encoder_scores_are_interpolated_between_their_centres():
    # Two cells side by side: blue 0 | 80 and red 40 | 40. Bilinear up-sampling by 8 gives blue
    # 0 up to x = 3, then 80 * (x - 3.5) / 8, then 80 from x = 12 on: above 40 from x = 8 on.
    image = torch.zeros(1, 8, 16, 3, dtype=torch.uint8)
    image[:, :, 8:, 0] = 80
    image[..., 2] = 40
    mask, _ = DeploymentGraph(Channels(), [0] * 3, [1] * 3)(image)
    assert mask[0, 0].tolist() == [2] * 8 + [0] * 8
    image[:, :, 8:, 0] = 240  # 240 * (x - 3.5) / 8 > 40 from x = 5 on
    mask, _ = DeploymentGraph(Channels(), [0] * 3, [1] * 3)(image)
    assert mask[0, 0].tolist() == [2] * 5 + [0] * 11
