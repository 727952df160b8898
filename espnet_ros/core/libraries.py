"""Python libraries that only some parts need: whether they are there, and how to get them."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from espnet_ros.core.errors import BackendUnavailableError

_EXTRA = "`pip install '.[{}]'` in the checkout"
# Library -> the name of what pip installs, where that is all there is to it.
_PIP = {
    'onnx': 'onnx',
    'onnxruntime': 'onnxruntime',
    'openvino': 'openvino',
    'safetensors': 'safetensors',
    'tensorboard': 'tensorboard',
    'tensorrt_rtx': 'tensorrt-rtx-cu12',
    'tqdm': 'tqdm',
    'yaml': 'PyYAML',
}
# Library -> the advice of its own. On a Jetson, what pip has would not see the GPU, or would take
# the place of NVIDIA's build.
_ADVICE = {
    'av': _EXTRA.format('demo'),
    'cv2': '`apt install python3-opencv`, or `pip install opencv-python-headless`',
    'numpy': '`apt install python3-numpy`, or `pip install numpy`',
    'pytorch_optimizer': _EXTRA.format('train'),
    'rclpy': '`source /opt/ros/<distribution>/setup.bash`, or `make demo` in the checkout',
    'tensorrt': 'on a Jetson `sudo apt install python3-libnvinfer` (a virtual environment sees it '
    'if made with --system-site-packages), elsewhere `pip install tensorrt`',
    'torch': "on a Jetson NVIDIA's own build for its JetPack, elsewhere `pip install torch` or, "
    f'with all that training needs, {_EXTRA.format("train")}',
}
KNOWN = frozenset({*_PIP, *_ADVICE})


def installed(library: str) -> bool:
    """Tell whether a Python library can be found, without importing it."""
    return importlib.util.find_spec(library) is not None


def how_to_get(*libraries: str) -> str:
    """Return how to install Python libraries of `KNOWN`, in words."""
    plain = [_PIP[library] for library in libraries if library in _PIP]
    pip = [f'`pip install {" ".join(plain)}`'] if plain else []
    own = [_ADVICE[library] for library in libraries if library not in _PIP]
    return ', and '.join(dict.fromkeys([*pip, *own]))


def absence(who: str, *libraries: str) -> str:
    """Return the sentence for libraries that are not there.

    :param who: needs them, e.g. ``backend onnx``.
    """
    are = 'library {}, which is' if len(libraries) == 1 else 'libraries {}, which are'
    named = are.format(' and '.join(libraries))
    return f'{who} needs the Python {named} not installed: {how_to_get(*libraries)}'


def failed_load(who: str, library: str, reason: str) -> str:
    """Return the sentence for a library that is there and can't be imported.

    :param reason: in the words of who tried.
    """
    # pip does nothing for what is there already.
    again = f'remove it, and install it again: {how_to_get(library)}'
    if library in _PIP:
        again = f'install it again: `pip install --force-reinstall {_PIP[library]}`'
    return (
        f'{who} needs the Python library {library}, which is installed but does not load '
        f'({reason}); {again}'
    )


def require(who: str, *libraries: str) -> None:
    """Check, without importing them, that libraries are there.

    :param who: needs them, e.g. ``int8``.
    :raises BackendUnavailableError: naming all that are not, and how to get them.
    """
    missing = [library for library in libraries if not installed(library)]
    if missing:
        raise BackendUnavailableError(absence(who, *missing))


def import_library(library: str, who: str) -> ModuleType:
    """Import a library.

    :param who: needs it, e.g. ``backend onnx``.
    :raises BackendUnavailableError: saying how to get it, or why it does not load.
    """
    require(who, library)
    try:
        return importlib.import_module(library)
    except (ImportError, OSError) as error:
        raise BackendUnavailableError(failed_load(who, library, str(error))) from error
