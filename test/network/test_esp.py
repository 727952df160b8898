import pytest

torch = pytest.importorskip('torch')

from espnet_ros.network.esp import BN_EPS, ESP


def touched(module: ESP, channel: int) -> torch.Tensor:
    """Return which input pixels the centre of an output channel depends on, bool (71, 73)."""
    image = torch.ones(1, module.reduce.in_channels, 71, 73, requires_grad=True)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0.5)  # all positive: no two paths cancel out
    module(image)[0, channel, 35, 36].backward()
    assert image.grad is not None
    return image.grad[0].abs().sum(0) > 0


@pytest.mark.parametrize('kernel', [3, 5])
@pytest.mark.parametrize('branches', [1, 2, 3, 4, 5])
@pytest.mark.parametrize('fusion', [True, False])
def test_effective_receptive_field_is_that_of_the_paper(kernel, branches, fusion):
    module = ESP(4, 2 * branches, branches, kernel, fusion=fusion).eval()
    pixels = touched(module, channel=-1).nonzero()
    extent = pixels.max(0).values - pixels.min(0).values + 1
    side = (kernel - 1) * 2 ** (branches - 1) + 1
    assert extent.tolist() == [side, side]


@pytest.mark.parametrize(('fusion', 'pixels'), [(False, 9), (True, 1 + 8 * 4)])
def test_fusion_fills_the_gaps_of_the_largest_dilation(fusion, pixels):
    # Without it the last of 5 branches sees 3 x 3 pixels, 16 apart; with it also the 8 around
    # the centre of the branches with dilation 2, 4 and 8.
    module = ESP(3, 10, fusion=fusion).eval()
    assert touched(module, channel=-1).sum() == pixels


def test_fusion_leaves_the_undilated_branch_out_of_the_sums():
    module = ESP(3, 10).eval()
    with torch.no_grad():
        for branch in module.branches:
            branch.weight.zero_()
            branch.weight[:, :, 1, 1] = 1.0
        module.reduce.weight.fill_(1.0)
    module.norm_act.act.weight.data.fill_(1.0)
    # 3 ones reduced to 3, in each of 2 channels: branch k is 6, sums are 6, 6, 12, 18, 24.
    output = module(torch.ones(1, 3, 5, 7))[0, :, 2, 3]
    expected = torch.tensor([6.0, 6, 6, 6, 12, 12, 18, 18, 24, 24]) / (1 + BN_EPS) ** 0.5
    torch.testing.assert_close(output, expected)


def test_widths_share_the_remainder_as_the_paper_does():
    assert [b.out_channels for b in ESP(19, 64, stride=2).branches] == [16, 12, 12, 12, 12]
    assert [b.out_channels for b in ESP(128, 128).branches] == [28, 25, 25, 25, 25]


def test_parameter_count_by_hand():
    # reduce 10*2, five branches 2*2*9, batch norm 2*10, PReLU 10
    assert sum(p.numel() for p in ESP(10, 10).parameters()) == 20 + 5 * 36 + 20 + 10


@pytest.mark.parametrize(('stride', 'size'), [(1, (5, 7)), (2, (3, 4))])
def test_stride_divides_the_size_rounding_up(stride, size):
    assert ESP(3, 10, stride=stride)(torch.zeros(2, 3, 5, 7)).shape == (2, 10, *size)


def test_residual_adds_the_input_before_the_normalisation():
    module = ESP(10, 10, residual=True).eval()
    with torch.no_grad():
        for branch in module.branches:
            branch.weight.zero_()
    image = torch.rand(1, 10, 5, 7)
    torch.testing.assert_close(module(image), image / (1 + BN_EPS) ** 0.5)


@pytest.mark.parametrize(
    ('options', 'word'),
    [
        ({'branches': 0}, 'branches must be 1..10'),
        ({'branches': 11}, 'got 11'),
        ({'kernel': 4}, 'kernel must be odd'),
        ({'kernel': -1}, 'kernel must be odd'),
        ({'residual': True}, '3 and 10 channels'),
        ({'in_channels': 10, 'residual': True, 'stride': 2}, 'stride 2'),
    ],
)
def test_impossible_modules_are_refused(options, word):
    with pytest.raises(ValueError, match=word):
        ESP(**{'in_channels': 3, 'out_channels': 10, **options})
