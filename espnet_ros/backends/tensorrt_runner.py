"""Running an engine on one batch shape: buffers, execution context and CUDA graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from espnet_ros.backends.cuda_driver import Buffer, Cuda
from espnet_ros.backends.tensorrt_builder import INPUT, OUTPUTS
from espnet_ros.backends.tensorrt_errors import failure
from espnet_ros.backends.tensorrt_library import Library, log
from espnet_ros.backends.tensorrt_loaded import LoadedEngine
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import BackendError


class Runner:
    """Runs an engine on batches of one shape; the device must be current in every call.

    A captured graph holds addresses, shape and the state of its execution context, so each shape
    has its own context.

    :param loaded: the engine.
    :param shape: of the images, (N, H, W, 3).
    :param kernels: what TensorRT for RTX compiled for this engine earlier, or None.
    :raises BackendError: if the library refuses a call; a `DeviceError` if the device has too
        little memory or failed itself.
    """

    def __init__(
        self,
        library: Library,
        cuda: Cuda,
        loaded: LoadedEngine,
        shape: tuple[int, ...],
        kernels: bytes | None = None,
    ) -> None:
        self._library = library
        self._cuda = cuda
        self.shape = shape
        self._buffers: dict[str, Buffer] = {}
        self._graph: int | None = None
        self._is_fresh = True
        # Only for TensorRT for RTX, whose contexts refer to these.
        self._config: Any = None
        self._kernels: Any = None
        # The given kernels, until the first run shows whether it compiled more.
        self._known = kernels
        self._context: Any = None
        try:
            self._create_context(loaded, kernels)
            self._bind()
        except BaseException:
            self.close()
            raise

    def run(self, images: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
        """Return mask and confidence of a batch.

        :param images: uint8 (N, H, W, 3), contiguous.
        """
        self._fill(images)
        if self._graph is not None:
            self._cuda.launch(self._graph)
        else:
            self._enqueue()
        self._cuda.wait()
        if self._is_fresh:
            # Only now, because the context defers work to the first run, when it has a shape.
            self._is_fresh = False
            self._capture()
        mask, confidence = (
            self._buffers[name].array.reshape(self.shape[:3]).copy() for name in OUTPUTS
        )
        return mask, confidence

    def upload(self, images: UInt8Array) -> None:
        """Bring a batch to the device, without running anything on it."""
        self._fill(images)
        self._cuda.upload(self._buffers[INPUT])
        self._cuda.wait()

    def new_kernels(self) -> bytes | None:
        """Return the kernels that TensorRT for RTX has after the first run, for the next start.

        None if they are those that the runner was given.
        """
        known, self._known = self._known, None
        content = None if self._kernels is None else self._kernels.serialize()
        # The library may fail and give None, too; then the next start has to compile.
        return None if content is None or bytes(content) == known else bytes(content)

    def close(self) -> None:
        """Free what the runner made."""
        if self._graph is not None:
            self._cuda.free_graph(self._graph)
            self._graph = None
        self._context = self._config = self._kernels = None
        for buffer in self._buffers.values():
            self._cuda.free(buffer)
        self._buffers = {}

    def _fill(self, images: UInt8Array) -> None:
        self._buffers[INPUT].array[...] = images.reshape(-1)

    def _create_context(self, loaded: LoadedEngine, kernels: bytes | None) -> None:
        trt = self._library.module
        # TensorRT for RTX refuses other strategies for engines that a graph can capture.
        strategy = trt.ExecutionContextAllocationStrategy.USER_MANAGED
        if not self._library.is_rtx:
            self._context = loaded.engine.create_execution_context(strategy)
        else:
            self._configure(loaded.engine.create_runtime_config(), strategy, kernels)
            self._context = loaded.engine.create_execution_context(runtime_config=self._config)
        if self._context is None:
            raise self._failure('could not prepare the engine to run')
        loaded.lend(self._context)

    def _configure(self, config: Any, strategy: Any, kernels: bytes | None) -> None:
        self._config = config
        config.set_execution_context_allocation_strategy(strategy)
        # Compile them first: a graph would keep the general kernels that run until then.
        config.dynamic_shapes_kernel_specialization_strategy = (
            self._library.module.DynamicShapesKernelSpecializationStrategy.EAGER
        )
        self._kernels = config.create_runtime_cache()
        if kernels:
            # The library checks them: kernels that do not fit this GPU leave the cache empty.
            self._kernels.deserialize(kernels)
        config.set_runtime_cache(self._kernels)

    def _bind(self) -> None:
        pixels = int(np.prod(self.shape[:3]))
        for name in (INPUT, *OUTPUTS):
            buffer = self._cuda.allocate(pixels * (3 if name == INPUT else 1))
            self._buffers[name] = buffer
            if not self._context.set_tensor_address(name, buffer.device):
                raise self._failure(f'refuses the address of {name}')
        if not self._context.set_input_shape(INPUT, tuple(self.shape)):
            raise self._failure(f'refuses images of shape {tuple(self.shape)}')

    def _enqueue(self) -> None:
        self._cuda.upload(self._buffers[INPUT])
        if not self._context.execute_async_v3(self._cuda.stream):
            raise self._failure('could not run the engine')
        for name in OUTPUTS:
            self._cuda.download(self._buffers[name])

    def _capture(self) -> None:
        """Record upload, engine and download as one graph, for a single call to launch."""
        stream = self._cuda.stream
        if self._library.is_rtx and not self._context.is_stream_capturable(stream):
            return
        try:
            self._graph = self._cuda.capture(self._enqueue)
        except BackendError as error:
            log.warning('the engine runs without a CUDA graph, a little slower: %s', error)

    def _failure(self, what: str) -> BackendError:
        return failure(self._library, what, self._cuda)
