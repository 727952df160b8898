"""Tensors of the same name and shape go over, no others."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import CheckpointError
from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.network.espnet import create_network
from espnet_ros.network.export import write_bundle_from_network
from espnet_ros.network.training.start import fitting_tensors


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


def test_nothing_that_fits_is_an_error(encoder: Bundle) -> None:
    with pytest.raises(CheckpointError, match=r'no tensor of .*fits into espnet'):
        fitting_tensors({'head': torch.zeros(1)}, 'espnet', encoder)
