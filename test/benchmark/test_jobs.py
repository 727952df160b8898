"""What a worker loads of what it was asked for."""

from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from espnet_ros.benchmark import jobs


def test_a_model_is_opened_as_it_was_asked_for(monkeypatch: pytest.MonkeyPatch):
    asked = []

    @contextmanager
    def open_model(*values, **named):
        asked.append((values, named))
        yield SimpleNamespace(backend=SimpleNamespace(device='CPU', precision='f32'))

    monkeypatch.setattr(jobs, 'open_model', open_model)
    config = {
        'model': 'm', 'backend': 'onnx', 'device': 'cpu', 'precision': 'auto', 'threads': 3,
        'size_wh': [64, 48],
    }  # fmt: skip
    with ExitStack() as stack:
        _, _, facts = jobs._open(config, stack)
    assert asked == [(('m', 'onnx', 'cpu', 'auto', (64, 48), 'network'), {'threads': 3})]
    assert facts == {'device': 'CPU', 'precision': 'f32'}
