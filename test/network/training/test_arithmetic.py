from __future__ import annotations

import copy
import shutil

import pytest

torch = pytest.importorskip('torch')

from espnet_ros.core.errors import ParameterError
from espnet_ros.network.esp import ESP
from espnet_ros.network.training.arithmetic import Arithmetic

# Of level 3. With channels last, gradients are wrong here (PyTorch 2.13); of smaller ones they
# happen to be right.
CHANNELS = 128
SHAPE = (2, CHANNELS, 36, 44)


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


@pytest.mark.parametrize(('capability', 'able'), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_bf16_is_taken_where_a_gpu_does_not_emulate_it(
    capability: tuple[int, int], able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda _device: capability)
    # What PyTorch says of a GPU that emulates it, too.
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda: True)
    arithmetic = Arithmetic(torch.device('cuda'))
    assert arithmetic.bf16 is able and arithmetic.memory_format is torch.channels_last


def test_the_gradients_here_are_those_of_float32() -> None:
    arithmetic = Arithmetic(torch.device('cpu'))
    torch.manual_seed(0)
    module = ESP(CHANNELS, CHANNELS)
    image = torch.randn(SHAPE)
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


@pytest.mark.skipif(shutil.which('g++') is None, reason='TorchInductor needs a C++ compiler')
def test_the_gradients_of_a_compiled_network_are_those_of_float32() -> None:
    arithmetic = Arithmetic(torch.device('cpu'))
    torch.manual_seed(0)
    module = ESP(CHANNELS, CHANNELS)
    compiled = copy.deepcopy(module).to(memory_format=arithmetic.memory_format)
    arithmetic.compile(compiled)
    image = torch.randn(SHAPE)
    module(image).square().mean().backward()

    with arithmetic():
        out = compiled(image.contiguous(memory_format=arithmetic.memory_format))
    out.float().square().mean().backward()

    assert list(compiled.state_dict()) == list(module.state_dict())
    for exact, here in zip(module.parameters(), compiled.parameters(), strict=True):
        assert float((exact.grad - here.grad).norm() / exact.grad.norm()) < 0.05


def test_without_a_compiler_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('CXX', '/nowhere/g++')
    with pytest.raises(ParameterError, match=r'/nowhere/g\+\+ was not found: install g\+\+'):
        Arithmetic(torch.device('cpu')).compile(ESP(16, 32, branches=4))
