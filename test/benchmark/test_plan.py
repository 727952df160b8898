from __future__ import annotations

import pytest

from espnet_ros.backends import BACKENDS
from espnet_ros.benchmark.plan import Candidate, Plan, parse_candidates
from espnet_ros.core.errors import BackendError, ParameterError


def test_candidates():
    assert parse_candidates('openvino:f32, openvino:bf16,torch') == (
        Candidate('openvino', 'f32'),
        Candidate('openvino', 'bf16'),
        Candidate('torch', 'auto'),
    )


def test_every_offender_is_named():
    with pytest.raises(ParameterError) as caught:
        parse_candidates('openvnio:f32,torch:f23,onnx,onnx')
    message = str(caught.value)
    assert "no backend 'openvnio'" in message
    assert "no precision 'f23'" in message
    assert "'onnx' comes twice" in message
    assert all(name in message for name in BACKENDS)


def test_nothing_to_measure():
    with pytest.raises(ParameterError, match='expected BACKEND:PRECISION'):
        parse_candidates(' ,')


def test_sizes_that_the_network_can_not_take():
    with pytest.raises(BackendError, match='1024x504'):
        Plan(model='m', candidates=(), sizes_wh=((64, 48), (1024, 508)))


def test_a_size_that_comes_twice():
    with pytest.raises(ParameterError, match='64x48 twice: leave one out'):
        Plan(model='m', candidates=(), sizes_wh=((64, 48), (96, 40), (64, 48)))


def test_a_device_that_is_none():
    with pytest.raises(BackendError, match="device must be auto, cpu, cuda or cuda:N, got 'foo'"):
        Plan(model='m', candidates=(), device='foo')
