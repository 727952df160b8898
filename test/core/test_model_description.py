from types import SimpleNamespace

import numpy as np
import pytest

from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.core.model_description import ModelDescription, description_like

PARTS = {
    'name': 'tiny', 'architecture': {'name': 'espnet_c', 'classes': 2, 'alpha2': 1, 'alpha3': 3},
    'size_wh': (64, 48), 'mean': (10.5, 20.0, 30.0), 'std': (40.0, 50.0, 60.0),
    'input_scale': 1 / 255, 'metrics': {'miou': 0.5}, 'licence': 'MIT', 'temperature': 1.25,
    'labels': Labels([LabelClass(n, (1, 2, 3), 'ground') for n in ('road', 'kerb')]),
}  # fmt: skip


def test_what_was_written_is_read():
    description = ModelDescription(**PARTS)
    assert ModelDescription.from_dict(description.to_dict()) == description


def test_numbers_of_numpy_become_plain_ones():
    changes = {
        'mean': np.array([1, 2, 3]), 'metrics': {'miou': np.float32(0.5)},
        'size_wh': np.array([64, 48]), 'temperature': np.float32(1.25),
    }  # fmt: skip
    data = ModelDescription(**{**PARTS, **changes}).to_dict()
    assert (data['mean'], data['metrics'], data['size_wh'], data['temperature']) == (
        [1.0, 2.0, 3.0], {'miou': 0.5}, [64, 48], 1.25,
    )  # fmt: skip
    for value in (*data['mean'], data['metrics']['miou'], data['temperature']):
        assert type(value) is float


def test_one_like_a_model_has_what_is_not_changed():
    model = SimpleNamespace(**PARTS, channel_order='BGR', path='somewhere', files={})
    found = description_like(model, metrics={}, temperature=2.0)
    assert found == ModelDescription(**{**PARTS, 'metrics': {}, 'temperature': 2.0})


def test_an_unknown_part_is_refused():
    with pytest.raises(TypeError, match='temprature'):
        ModelDescription(**PARTS, temprature=1.0)
