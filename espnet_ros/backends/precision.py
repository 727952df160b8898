"""Which precisions a GPU or a model has, and the errors for those that it lacks."""

from __future__ import annotations

from espnet_ros.core.errors import BackendUnavailableError

# The least compute capability of NVIDIA GPUs that have the precision.
LEAST_CAPABILITY = {'f32': (0, 0), 'f16': (5, 3), 'int8': (6, 1), 'bf16': (8, 0)}


def not_on_gpu(
    who: str, precision: str, gpu: str, capability: tuple[int, int], best: str
) -> BackendUnavailableError:
    """Return the error for a precision that a GPU does not have.

    :param who: what would compute in it, e.g. ``backend torch``.
    :param gpu: its name.
    :param best: the next best precision that the GPU has.
    """
    return BackendUnavailableError(
        f'{who} does not compute in {precision} on {gpu} (compute capability '
        f'{".".join(map(str, capability))}): choose precision {best}, the next best here'
    )


def not_in_model(backend: str, precision: str, model: str, others: str) -> BackendUnavailableError:
    """Return the error for a precision whose file a model does not have.

    :param others: precisions to choose instead, e.g. ``auto or f32``.
    """
    option = ' --int8' if precision == 'int8' else ''
    return BackendUnavailableError(
        f'backend {backend} computes in {precision} from a file that model {model} does not '
        f'have: write the model folder again with `espnet_ros export{option}`, or choose '
        f'precision {others}'
    )
