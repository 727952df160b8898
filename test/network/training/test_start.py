"""Tensors of the same name and shape go over, classes by their names, no others."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from torch import Tensor, nn

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import CheckpointError
from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.espnet import create_network
from espnet_ros.network.export import write_bundle_from_network
from espnet_ros.network.training.start import Lent, fitting_tensors, passing_tensors


def write_model(folder: Path, name: str, classes: str, **options: object) -> Bundle:
    """Write a model of random weights with classes of one letter."""
    network = create_network(name, classes=len(classes), **options).eval()
    # Normalisation that leaves no channel as it is.
    for tensor in network.state_dict().values():
        if tensor.ndim == 1:
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
    write_bundle_from_network(
        network, {'name': name, 'classes': len(classes), **options},
        labels=Labels([LabelClass(c, (1, 2, 3), 'ground') for c in classes]),
        size_wh=(48, 32), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), input_scale=1.0, metrics={},
        licence='Apache-2.0', name=name, output=folder,
    )  # fmt: skip
    return Bundle.load(folder)


@pytest.fixture(scope='module')
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return the model folder of an ESPNet-C for two classes."""
    folder = tmp_path_factory.mktemp('models') / 'encoder'
    return write_model(folder, 'espnet_c', 'ab', alpha2=1, alpha3=2)


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return the model folder of an ESPNet for seven classes."""
    folder = tmp_path_factory.mktemp('models') / 'whole'
    return write_model(folder, 'espnet', 'abcdefg', alpha2=1, alpha3=1, skip='joined')


def started(bundle: Bundle, classes: str) -> tuple[nn.Module, dict[str, Tensor], Lent]:
    """Return a network with what a model lends it, and what it had before."""
    torch.manual_seed(1)
    options = {**bundle.architecture, 'classes': len(classes)}
    network = create_network(**options).eval()
    own = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    lent = fitting_tensors(own, options['name'], classes, bundle)
    network.load_state_dict({**own, **lent.tensors})
    return network, own, lent


def scores_of_both(network: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scores of a whole network and of its encoder."""
    return network(image), network.encoder(image)


def test_the_same_classes_in_another_order_are_scored_the_same(whole: Bundle) -> None:
    network, own, lent = started(whole, 'gbadcfe')
    image = torch.rand(1, 3, 32, 48)
    order = ['abcdefg'.index(name) for name in 'gbadcfe']
    expected = scores_of_both(load_bundle(whole).eval(), image)

    for ours, theirs in zip(scores_of_both(network, image), expected, strict=True):
        torch.testing.assert_close(ours, theirs[:, order])
    assert lent.classes == tuple('gbadcfe') and set(lent.tensors) == set(own)


def test_of_some_classes_of_the_same_name_these_go_over(whole: Bundle) -> None:
    # As many as the model has, in other places.
    _, own, lent = started(whole, 'xayczwb')
    theirs = load_bundle(whole).state_dict()

    assert lent.classes == ('a', 'c', 'b') and set(lent.tensors) == set(own)
    new, known, there = [0, 2, 4, 5], [1, 3, 6], [0, 2, 1]
    for name, axis in (
        ('up1.weight', 1), ('up3.weight', 0), ('norm3.running_mean', 0), ('norm3.weight', 0),
        ('encoder.classifier.weight', 0),
    ):  # fmt: skip
        ours, before, model = (t[name].movedim(axis, 0) for t in (lent.tensors, own, theirs))
        assert torch.equal(ours[known], model[there]), name
        assert torch.equal(ours[new], before[new]), name
    assert torch.equal(lent.tensors['merge1.0.weight'], theirs['merge1.0.weight'])


def test_as_many_classes_of_other_names_begin_anew(whole: Bundle) -> None:
    _, own, lent = started(whole, 'tuvwxyz')

    assert lent.classes == ()
    encoder = {name for name in own if name.startswith('encoder.')}
    assert set(lent.tensors) == encoder - {'encoder.classifier.weight'}


@pytest.mark.parametrize('classes', ['abcdefgh', 'abc'])
def test_a_decoder_of_another_width_begins_anew(classes: str, whole: Bundle) -> None:
    # Of eight classes the branches of merge2 are in part as wide as of seven.
    _, own, lent = started(whole, classes)

    assert lent.classes == ()
    assert set(lent.tensors) == {name for name in own if name.startswith('encoder.')}


def test_an_encoder_knows_its_classes_among_others(encoder: Bundle) -> None:
    network, own, lent = started(encoder, 'xba')
    image = torch.rand(1, 3, 32, 48)

    torch.testing.assert_close(
        network(image)[:, 1:], load_bundle(encoder).eval()(image)[:, [1, 0]]
    )
    assert lent.classes == ('b', 'a')
    assert torch.equal(lent.tensors['classifier.weight'][0], own['classifier.weight'][0])


def test_an_encoder_lends_itself_to_a_shallower_network(encoder: Bundle) -> None:
    own = create_network('espnet', classes=2, alpha2=1, alpha3=1).state_dict()

    taken = fitting_tensors(own, 'espnet', 'ab', encoder).tensors

    # All of its own encoder but what the depth of level 3 does not change.
    assert set(taken) == {name for name in own if name.startswith('encoder.')}


def test_other_classes_keep_their_own_classifier(encoder: Bundle) -> None:
    own = create_network('espnet_c', classes=3, alpha2=1, alpha3=2).state_dict()

    taken = fitting_tensors(own, 'espnet_c', 'xyz', encoder).tensors

    assert set(own) - set(taken) == {'classifier.weight'}


def test_a_deeper_network_begins_with_what_the_shallower_one_computes(encoder: Bundle) -> None:
    deeper = create_network('espnet_c', classes=2, alpha2=3, alpha3=4).eval()
    own = deeper.state_dict()
    taken = fitting_tensors(own, 'espnet_c', 'ab', encoder).tensors
    passing = passing_tensors(deeper, taken)
    deeper.load_state_dict({**own, **passing, **taken})
    image = torch.rand(1, 3, 32, 48)

    torch.testing.assert_close(deeper(image), load_bundle(encoder).eval()(image))

    deeper(image).sum().backward()
    added = dict(deeper.named_modules())['level3.blocks.3']
    assert all(branch.weight.grad.abs().max() > 0 for branch in added.branches)


def test_a_level_whose_first_module_is_new_begins_at_random(encoder: Bundle) -> None:
    deeper = create_network('espnet_c', classes=2, alpha2=2, alpha3=4)
    taken = fitting_tensors(deeper.state_dict(), 'espnet_c', 'ab', encoder).tensors

    assert passing_tensors(deeper, [name for name in taken if '.blocks.0.' not in name]) == {}


def test_nothing_that_fits_is_an_error(encoder: Bundle) -> None:
    with pytest.raises(CheckpointError, match=r'no tensor of .*fits into espnet'):
        fitting_tensors({'head': torch.zeros(1)}, 'espnet', 'ab', encoder)
