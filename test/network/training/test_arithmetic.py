from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from espnet_ros.network.esp import ESP
from espnet_ros.network.training.arithmetic import Arithmetic


def test_bf16_is_taken_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for able in (True, False):
        monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda able=able: {'avx512_bf16': able})
        arithmetic = Arithmetic(torch.device('cpu'))
        assert arithmetic.bf16 is able
        # Wrong gradients otherwise, see the class.
        expected = torch.contiguous_format if able else torch.channels_last
        assert arithmetic.memory_format is expected
    monkeypatch.setattr(torch.cpu, 'get_capabilities', dict)
    assert not Arithmetic(torch.device('cpu')).bf16


def test_the_gradients_here_are_those_of_float32() -> None:
    arithmetic = Arithmetic(torch.device('cpu'))
    torch.manual_seed(0)
    module = ESP(16, 32, branches=4)
    image = torch.randn(2, 16, 24, 40)
    gradients = []
    for context in (torch.autocast('cpu', enabled=False), arithmetic()):
        module.zero_grad()
        layout = arithmetic.memory_format
        with context:
            out = module.to(memory_format=layout)(image.contiguous(memory_format=layout))
        out.float().square().mean().backward()
        gradients.append([p.grad.clone() for p in module.parameters()])
    for exact, here in zip(*gradients, strict=True):
        # bfloat16 has 8 bits of mantissa.
        assert float((exact - here).norm() / exact.norm()) < 0.05
