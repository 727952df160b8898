"""TensorRT on a Jetson or a desktop GPU, without PyTorch: engines are built once and kept."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from espnet_ros.backends import tensorrt_cache
from espnet_ros.backends.base import Backend
from espnet_ros.backends.by_shape import ByShape
from espnet_ros.backends.cuda_driver import Cuda
from espnet_ros.backends.device import Device
from espnet_ros.backends.error_frames import cleared_frames
from espnet_ros.backends.tensorrt_builder import Profile
from espnet_ros.backends.tensorrt_engines import Engines, resolve_precision
from espnet_ros.backends.tensorrt_errors import opened
from espnet_ros.backends.tensorrt_library import Library, load_library
from espnet_ros.backends.tensorrt_loaded import LoadedEngine
from espnet_ros.backends.tensorrt_runner import Runner
from espnet_ros.bundle import Bundle
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import BackendError, BackendUnavailableError
from espnet_ros.core.input_size import check_size_wh


class TensorRTBackend(Backend):
    """Builds an engine for each image size when it first occurs; call `warm_up` to do it early.

    An engine takes batches up to the largest so far; a larger batch makes it build a new engine.
    """

    name = 'tensorrt'
    device_kinds = ('cuda',)
    precisions = ('f32', 'f16', 'int8')

    def upload(self, images: UInt8Array) -> bool:
        """Bring images to the device through the buffers of their shape."""
        assert self._cuda is not None
        with self._cuda.current():
            self._runners[images.shape].upload(images)
        return True

    def _load(self, device: str, precision: str) -> tuple[str, str]:
        self._cuda: Cuda | None = None
        # Engines by (height, width), runners by the shape of the batch.
        self._loaded: dict[tuple[int, ...], LoadedEngine] = {}
        self._runners: ByShape[Runner] = ByShape(self._close)
        self._library = load_library()
        index = Device.parse(device).index
        self._cuda = Cuda(index)
        gpu = self._cuda.gpu
        resolved = resolve_precision(precision, self.bundle, self._library, gpu)
        self._engines = Engines(self._library, self._cuda, self.bundle, resolved, self._tell)
        with self._cuda.current():
            self._runtime = opened(self._library, self._library.module.Runtime, self._cuda)
        return f'cuda:{index} ({gpu.name}, {self._library.name})', resolved

    def _infer(self, images: UInt8Array) -> tuple[Any, Any]:
        assert self._cuda is not None
        with self._cuda.current():
            if images.shape in self._runners:
                return self._runners.of(images.shape, self._runner).run(images)
            # The library's objects must not outlive the device.
            with cleared_frames():
                return self._first_run(images)

    def _free(self) -> None:
        if self._cuda is None:
            return
        with self._cuda.freeing():
            self._runners.clear()
            self._runtime = None
        self._cuda.close()
        self._cuda = None

    def _first_run(self, images: UInt8Array) -> tuple[Any, Any]:
        runner = self._runners.of(images.shape, self._runner)
        result = runner.run(images)
        compiled = runner.new_kernels()
        if compiled:
            profile = self._loaded[images.shape[1:3]].profile
            tensorrt_cache.store('kernels', self._engines.kernels_key(profile), compiled)
        return result

    def _runner(self, shape: tuple[int, ...]) -> Runner:
        assert self._cuda is not None
        loaded = self._engine(shape)
        kernels = None
        if self._library.is_rtx:
            kernels = tensorrt_cache.load('kernels', self._engines.kernels_key(loaded.profile))
        try:
            return Runner(self._library, self._cuda, loaded, shape, kernels)
        except BaseException:
            self._drop_unused(shape[1:3])
            raise

    def _close(self, runner: Runner) -> None:
        runner.close()
        self._drop_unused(runner.shape[1:3])

    def _drop_unused(self, size: tuple[int, ...]) -> None:
        """Drop the engine of a size that no runner uses."""
        if not any(shape[1:3] == size for shape in self._runners):
            self._loaded.pop(size).close()

    def _engine(self, shape: tuple[int, ...]) -> LoadedEngine:
        batch, height, width = shape[:3]
        size = (height, width)
        if size in self._loaded and self._loaded[size].profile.batch >= batch:
            return self._loaded[size]
        # Before the larger engine is built, which may need the memory.
        for other in [s for s in self._runners if s[1:3] == size]:
            self._runners.drop(other)
        profile = Profile(batch, height, width)
        engine = self._engines.load(self._runtime, profile)
        assert self._cuda is not None
        self._loaded[size] = LoadedEngine(engine, profile, self._cuda)
        return self._loaded[size]

    def _tell(self, percent: int) -> None:
        if self.on_progress is not None:
            self.on_progress(f'building the TensorRT engine, {percent} % done')


def build_ahead(
    bundle: Bundle, device: str, precision: str, size_wh: tuple[int, int], batch: int = 1
) -> tuple[str, bool]:
    """Put the engine of a model into the cache, so that a start need not wait for the build.

    TensorRT needs the GPU that will run the engine; TensorRT for RTX builds without a GPU, for
    all from Ampere on.

    :param device: ``auto``, ``cuda`` or ``cuda:N``.
    :param precision: ``auto``, ``f32``, ``f16`` or ``int8``.
    :param size_wh: of the images.
    :param batch: the most images in one call.
    :return: a description of the engine, and whether it was built (False: it was in the cache).
    :raises BackendError: if it can't be built or stored.
    """
    TensorRTBackend(bundle, device, precision).check_asked()
    check_size_wh(size_wh)
    library = load_library()
    cuda = _device(library, device)
    profile = Profile(batch, *size_wh[::-1])
    if cuda is None:
        return _build_ahead(bundle, library, None, precision, profile)
    # Keep the device current until the end: the library measures on the current one.
    with closing(cuda), cuda.current():
        return _build_ahead(bundle, library, cuda, precision, profile)


def _build_ahead(
    bundle: Bundle, library: Library, cuda: Cuda | None, precision: str, profile: Profile
) -> tuple[str, bool]:
    gpu = None if cuda is None else cuda.gpu
    resolved = resolve_precision(precision, bundle, library, gpu)
    engines = Engines(library, cuda, bundle, resolved)
    words = (
        f'engine of {library.name} in {resolved} for model {bundle.name}, images of '
        f'{profile.width}x{profile.height}, up to {profile.batch} at once, on '
        f'{gpu.name if gpu else "any RTX GPU from Ampere on"}'
    )
    if engines.cached(profile) is not None:
        return words, False
    if not engines.build(profile)[1]:
        raise BackendError(
            'the engine was built, but could not be stored: free space in the cache or set '
            'XDG_CACHE_HOME to a folder you can write to, here and where the node runs'
        )
    return words, True


def _device(library: Library, device: str) -> Cuda | None:
    try:
        return Cuda(Device.parse(device).index)
    except BackendUnavailableError:
        if library.is_rtx and device == 'auto':
            return None
        raise
