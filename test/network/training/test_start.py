"""Tensors of the same name and shape go over, no others."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import CheckpointError
from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.espnet import create_network
from espnet_ros.network.export import write_bundle_from_network
from espnet_ros.network.training.start import fitting_tensors, passing_tensors


@pytest.fixture(scope='module')
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return the model folder of an ESPNet-C for two classes."""
    folder, name = tmp_path_factory.mktemp('models') / 'encoder', 'espnet_c'
    options = {'classes': 2, 'alpha2': 1, 'alpha3': 2}
    write_bundle_from_network(
        create_network(name, **options).eval(), {'name': name, **options},
        labels=Labels([LabelClass('a', (1, 2, 3), 'ground'), LabelClass('b', (4, 5, 6), 'sky')]),
        size_wh=(48, 32), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), input_scale=1.0, metrics={},
        licence='Apache-2.0', name=name, output=folder,
    )  # fmt: skip
    return Bundle.load(folder)


def test_an_encoder_lends_itself_to_a_shallower_network(encoder: Bundle) -> None:
    own = create_network('espnet', classes=2, alpha2=1, alpha3=1).state_dict()

    taken = fitting_tensors(own, 'espnet', encoder)

    # All of its own encoder but what the depth of level 3 does not change.
    assert set(taken) == {name for name in own if name.startswith('encoder.')}


def test_other_classes_keep_their_own_classifier(encoder: Bundle) -> None:
    own = create_network('espnet_c', classes=3, alpha2=1, alpha3=2).state_dict()

    taken = fitting_tensors(own, 'espnet_c', encoder)

    assert set(own) - set(taken) == {'classifier.weight'}


def test_a_deeper_network_begins_with_what_the_shallower_one_computes(encoder: Bundle) -> None:
    deeper = create_network('espnet_c', classes=2, alpha2=3, alpha3=4).eval()
    own = deeper.state_dict()
    taken = fitting_tensors(own, 'espnet_c', encoder)
    passing = passing_tensors(deeper, taken)
    deeper.load_state_dict({**own, **passing, **taken})
    image = torch.rand(1, 3, 32, 48)

    torch.testing.assert_close(deeper(image), load_bundle(encoder).eval()(image))

    deeper(image).sum().backward()
    added = dict(deeper.named_modules())['level3.blocks.3']
    assert all(branch.weight.grad.abs().max() > 0 for branch in added.branches)


def test_a_level_whose_first_module_is_new_begins_at_random(encoder: Bundle) -> None:
    deeper = create_network('espnet_c', classes=2, alpha2=2, alpha3=4)
    taken = fitting_tensors(deeper.state_dict(), 'espnet_c', encoder)

    assert passing_tensors(deeper, [name for name in taken if '.blocks.0.' not in name]) == {}


def test_nothing_that_fits_is_an_error(encoder: Bundle) -> None:
    with pytest.raises(CheckpointError, match=r'no tensor of .*fits into espnet'):
        fitting_tensors({'head': torch.zeros(1)}, 'espnet', encoder)
