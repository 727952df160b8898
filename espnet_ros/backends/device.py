"""The device names that backends accept."""

from __future__ import annotations

from dataclasses import dataclass

from espnet_ros.core.errors import BackendUnavailableError
from espnet_ros.core.parameter_checks import DEVICE


@dataclass(frozen=True)
class Device:
    """A requested device.

    :param kind: ``auto``, ``cpu`` or ``cuda``.
    :param index: of the CUDA device; 0 if the name has none.
    """

    kind: str
    index: int = 0

    @classmethod
    def parse(cls, name: str) -> Device:
        """Read ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

        :raises BackendUnavailableError: for any other name, listing the valid ones.
        """
        if not DEVICE.fullmatch(name):
            raise BackendUnavailableError(
                f'device must be auto, cpu, cuda or cuda:N, got {name!r}'
            )
        # Libraries fail on longer numbers in other ways than on a device that is missing.
        if len(name) > len('cuda:99'):
            raise BackendUnavailableError(
                f'device must be cuda:N with an N of one or two digits, got {name!r}: choose one '
                'of those that `nvidia-smi -L` lists'
            )
        kind, _, index = name.partition(':')
        return cls(kind, int(index or 0))
