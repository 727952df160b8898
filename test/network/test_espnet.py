import pytest

torch = pytest.importorskip('torch')

from espnet_ros.network.espnet import ESPNet, create_network


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ('name', 'options', 'count'),
    [
        # what the published checkpoints hold
        ('espnet', {'classes': 20, 'alpha3': 3, 'skip': 'raw'}, 202_649),
        ('espnet', {'classes': 20, 'alpha3': 5, 'skip': 'raw'}, 267_417),
        ('espnet', {'classes': 20, 'alpha3': 8, 'skip': 'raw'}, 364_569),
        ('espnet', {'classes': 12, 'alpha3': 8, 'skip': 'joined'}, 354_517),
        ('espnet_c', {'classes': 20, 'alpha3': 3}, 187_529),
        ('espnet_c', {'classes': 20, 'alpha3': 5}, 252_297),
        ('espnet_c', {'classes': 20, 'alpha3': 8}, 349_449),
        # B lacks the normalisation of 19 channels (3 values each), 3 of 131 channels in the
        # next one, and 3 image channels into the 3 x 3 reductions to 12 and 25 channels
        ('espnet_b', {'classes': 20, 'alpha3': 3}, 187_529 - 57 - 9 - 3 * 9 * (12 + 25)),
    ],
)
def test_parameter_counts(name, options, count):
    assert parameters(create_network(name, alpha2=2, **options)) == count


@pytest.mark.parametrize('name', ['espnet_a', 'espnet_b', 'espnet_c', 'espnet'])
@pytest.mark.parametrize(('classes', 'alpha2', 'alpha3'), [(1, 0, 0), (2, 1, 3), (21, 3, 1)])
def test_any_class_count_and_depth(name, classes, alpha2, alpha3):
    network = create_network(name, classes=classes, alpha2=alpha2, alpha3=alpha3).eval()
    size = (24, 40) if name == 'espnet' else (3, 5)
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 24, 40)).shape == (2, classes, *size)


def test_a_bias_of_a_class_is_added_to_its_logits_everywhere():
    network = create_network('espnet', classes=3, alpha2=1, alpha3=1, class_bias=True).eval()
    image = torch.rand(1, 3, 16, 24)
    with torch.no_grad():
        network.up1.bias.copy_(torch.zeros(3))
        plain = network(image)
        network.up1.bias.copy_(torch.tensor([0.0, 0.5, -0.25]))
        moved = network(image) - plain
    for class_id, bias in enumerate((0.0, 0.5, -0.25)):
        torch.testing.assert_close(moved[0, class_id], torch.full((16, 24), bias))


@pytest.mark.parametrize(('name', 'sees'), [('espnet_b', False), ('espnet_c', True)])
def test_only_c_feeds_the_image_in_again(name, sees):
    network = create_network(name, classes=4, alpha2=1, alpha3=1).eval()
    network.level1[0].weight.data.zero_()
    image = torch.rand(1, 3, 16, 24, requires_grad=True)
    network(image).sum().backward()
    assert bool(image.grad.abs().sum() > 0) is sees


@pytest.mark.parametrize(('name', 'sees'), [('espnet_a', False), ('espnet_b', True)])
def test_only_b_bypasses_the_modules_of_a_level(name, sees):
    network = create_network(name, classes=4, alpha2=1, alpha3=1).eval()
    for level in (network.level2, network.level3):
        level.blocks[0].norm_act.bn.weight.data.zero_()
    image = torch.rand(1, 3, 16, 24, requires_grad=True)
    network(image).sum().backward()
    assert bool(image.grad.abs().sum() > 0) is sees


@pytest.mark.parametrize(('skip', 'sees'), [('raw', False), ('joined', True)])
def test_only_the_joined_skip_carries_the_image(skip, sees):
    network = ESPNet(4, 1, 1, skip).eval()
    # What is left of the image behind a dead level 1 and dead deeper levels is the skip.
    network.encoder.level1[0].weight.data.zero_()
    network.up2[0].weight.data.zero_()
    image = torch.rand(1, 3, 16, 24, requires_grad=True)
    network(image).sum().backward()
    assert bool(image.grad.abs().sum() > 0) is sees


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match='espnet_c, espnet, got'):
        create_network('espnet_d', classes=4)
    with pytest.raises(ValueError, match='raw or joined'):
        ESPNet(4, skip='none')
