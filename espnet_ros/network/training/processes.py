"""Several GPUs, CPU sockets or hosts that train one model: PyTorch's data parallelism.

Started by torchrun, each process learns from its share of every batch, and the gradients are
averaged (`torch.nn.parallel.DistributedDataParallel`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from espnet_ros.core.errors import ParameterError

Item = TypeVar('Item')
Result = TypeVar('Result')


@dataclass(frozen=True)
class Processes:
    """One process among those that train together.

    :param rank: 0 is the one that writes files and says what happens.
    :param count: of all processes on all hosts.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Tell whether this is the one that writes files."""
        return self.rank == 0

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that can't be shared evenly.

        :raises ParameterError: saying so.
        """
        if batch % self.count:
            raise ParameterError(
                f'batch must be a multiple of the {self.count} processes that share it, '
                f'got {batch}'
            )

    def share(self, network: nn.Module) -> nn.Module:
        """Return the network to train: gradients are averaged over all processes."""
        if self.count == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return what `function` makes of each item; the processes share the work.

        :param items: the same for all of them.
        """
        mine = [function(item) for item in items[self.rank :: self.count]]
        if self.count == 1:
            return mine
        parts: list[Any] = [None] * self.count
        distributed.all_gather_object(parts, mine)
        return [parts[index % self.count][index // self.count] for index in range(len(items))]

    def as_first(self, network: nn.Module) -> None:
        """Take the first process's tensors, e.g. batch statistics, which are not averaged."""
        if self.count > 1:
            for tensor in network.state_dict().values():
                distributed.broadcast(tensor, 0)


def join() -> tuple[Processes, torch.device]:
    """Return this process's place, and the device it trains on.

    What torchrun set in the environment tells; without it, this process is alone.
    """
    cuda = torch.cuda.is_available()
    if 'TORCHELASTIC_RUN_ID' not in os.environ:
        return Processes(), torch.device('cuda' if cuda else 'cpu')
    distributed.init_process_group('nccl' if cuda else 'gloo')
    device = torch.device('cuda', int(os.environ['LOCAL_RANK'])) if cuda else torch.device('cpu')
    if cuda:
        torch.cuda.set_device(device)
    return Processes(distributed.get_rank(), distributed.get_world_size()), device


def leave() -> None:
    """Let the other processes go."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
