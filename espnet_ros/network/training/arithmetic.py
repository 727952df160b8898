"""The arithmetic of training: bfloat16 if the device multiplies it faster, else float32."""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager

import torch
from torch import nn

from espnet_ros.core.errors import ParameterError


class Arithmetic:
    """Precision and memory layout for training on a device.

    Weights, batch statistics and the loss stay in float32, see `torch.autocast`.

    :param device: to train on.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == 'cuda':
            # PyTorch reports bf16 as supported even if it is emulated, before NVIDIA's Ampere.
            # With ROCm, AMD's capabilities count from 9 on, and PyTorch says all support it.
            self.bf16 = torch.cuda.get_device_capability(device) >= (8, 0)
        else:
            self.bf16 = bool(torch.cpu.get_capabilities().get('avx512_bf16'))
        # On CPUs, PyTorch 2.13 computes wrong gradients for dilated convolutions in bfloat16
        # with channels last.
        contiguous = self.bf16 and device.type == 'cpu'
        self.memory_format = torch.contiguous_format if contiguous else torch.channels_last

    def __call__(self) -> AbstractContextManager[object]:
        """Return the context in which the network runs."""
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self.bf16)

    def compile(self, network: nn.Module) -> None:
        """Let TorchInductor fuse PyTorch's several passes over memory; changes `network`.

        The first step of a run then takes a minute.

        :raises ParameterError: if the C++ compiler that it needs is missing.
        """
        compiler = os.environ.get('CXX', 'g++')
        if shutil.which(compiler) is None:
            raise ParameterError(
                f'--compile needs a C++ compiler, but {compiler} was not found: install g++, set '
                'CXX, or leave --compile out'
            )
        # Inductor would choose channels last by itself, see above.
        channels_last = self.memory_format == torch.channels_last
        network.compile(options={'layout_optimization': channels_last})  # type: ignore[no-untyped-call]
