import pytest

torch = pytest.importorskip('torch')

from torch import nn

from espnet_ros.network.deploy import DeploymentGraph
from espnet_ros.network.esp import NormAct
from espnet_ros.network.espnet import Encoder, create_network
from espnet_ros.network.export import export_onnx
from espnet_ros.network.rewrite import RewrittenEncoder, ScaleAct, rewrite

IMAGE = torch.randn(2, 3, 48, 64, generator=torch.manual_seed(0))


def trained(name: str, slope: float = 0.9, **options) -> nn.Module:
    """Return a network whose normalisation and PReLU are as uneven as after a training.

    :param slope: of the PReLUs, between -slope and slope.
    """
    torch.manual_seed(1)
    network = create_network(name, classes=5, alpha2=1, alpha3=2, **options).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.1, 2.0)
            module.weight.data.uniform_(-2.0, 2.0)
            module.bias.data.uniform_(-0.5, 0.5)
        if isinstance(module, nn.PReLU):
            module.weight.data.uniform_(-slope, slope)
    return network


@pytest.mark.parametrize('slope', [0.9, 3.0])
@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('espnet', {'skip': 'joined'}), ('espnet', {'skip': 'raw'}),
        ('espnet', {'class_bias': True}),
        ('espnet_a', {}), ('espnet_b', {}), ('espnet_c', {}),
    ],
)  # fmt: skip
def test_the_scores_are_those_of_the_network(name, options, slope):
    network = trained(name, slope, **options).double()
    # In float64 only a mistake can be as large as the tolerance.
    with torch.no_grad():
        expected = network(IMAGE.double())
        rewritten = rewrite(network).double()(IMAGE.double())
    assert expected.std() > 1e-3
    torch.testing.assert_close(rewritten, expected, rtol=1e-4, atol=1e-4 * float(expected.std()))


def test_biases_of_classes_are_weights_of_a_channel_of_ones():
    network = trained('espnet', class_bias=True)
    rewritten = rewrite(network)
    assert rewritten.up1.bias is None
    with torch.no_grad():
        features = rewritten.decode1(IMAGE)
    assert features.shape == (2, 5 + 1, 24, 32)
    assert (features[:, 5] == 1).all()


def test_the_given_network_is_left_as_it_is():
    network = trained('espnet', class_bias=True).train()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    rewrite(network)
    assert network.training
    assert type(network.encoder) is Encoder
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)


def test_sums_over_the_image_are_those_of_pooling_even_at_its_border():
    # Ones: inside of a 5 x 7 map each 3 x 3 has sum 9, the first row and column have zero padding
    # beside them, 6 in a row and 4 in the corner. Of a stride of 4 inside: (3 * 3)^2 = 81; at the
    # left the pooled pixels of columns -1, 0 and 1 sum to 0 + 2 + 3: 5 / 9 of it.
    encoder = rewrite(trained('espnet')).encoder
    assert isinstance(encoder, RewrittenEncoder)
    ones = torch.ones(1, 3, 16, 24)
    with torch.no_grad():
        half, quarter = encoder.joined(ones)[0, -3:], encoder.quarter(ones)[0]
    assert half.shape == (3, 8, 12) and quarter.shape == (3, 4, 6)
    assert (half[:, 1:, 1:] == 9).all()
    assert half[:, 0, 1:].unique().tolist() == [6] and half[:, 0, 0].tolist() == [4] * 3
    assert (quarter[:, 1:, 1:] == 81).all()
    assert quarter[:, 1:, 0].unique().tolist() == [45] and quarter[:, 0, 0].tolist() == [25] * 3


@pytest.mark.parametrize(('slope', 'expected'), [(0.5, -1.5), (-2.0, 6.0), (4.0, -12.0)])
def test_scale_act_scales_shifts_and_then_bends(slope, expected):
    # 2 * -5 + 7 = -3 is negative: times the slope. 2 * 1 + 7 = 9 is not.
    act = ScaleAct(torch.tensor([2.0]), torch.tensor([7.0]), torch.tensor([slope]))
    x = torch.tensor([-5.0, 1.0]).view(1, 1, 1, 2)
    assert act(x).flatten().tolist() == [expected, 9.0]


@pytest.mark.parametrize('name', ['espnet', 'espnet_c'])
def test_onnx_keeps_to_operators_that_stay_in_one_layout(name):
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    network = trained(name)
    graph = DeploymentGraph(rewrite(network), [100.0] * 3, [50.0] * 3)
    reference = DeploymentGraph(network, [100.0] * 3, [50.0] * 3)
    model = onnx.load_model_from_string(export_onnx(graph, 5, reference))
    kinds = [node.op_type for node in model.graph.node]
    assert 'AveragePool' not in kinds
    maker = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        if node.op_type == 'PRelu':
            assert maker[node.input[0]].op_type in ('Conv', 'ConvTranspose')
        if node.op_type == 'BatchNormalization':
            assert maker[node.input[0]].op_type == 'Conv'
    assert kinds[:4] == ['Cast', 'Sub', 'Mul', 'Transpose']
    ranks = {
        len(t.dims) for t in model.graph.initializer if 'scale' in t.name or 'slope' in t.name
    }
    assert ranks == {4}


def test_normalisation_behind_concatenations_and_sums_becomes_arithmetic():
    rewritten = rewrite(trained('espnet'))
    left = [m for m in rewritten.modules() if isinstance(m, NormAct)]
    # Behind up2 and merge1, both in their convolution.
    assert len(left) == 2
    assert all(isinstance(block.bn, nn.Identity) for block in left)
    # 3 levels' norms, 2 strided and 3 residual modules, 2 in merge2.
    assert sum(isinstance(m, ScaleAct) for m in rewritten.modules()) == 3 + 2 + 3 + 2
