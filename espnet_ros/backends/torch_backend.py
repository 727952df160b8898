"""PyTorch: on CUDA devices as CUDA graphs, and on the CPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from espnet_ros.backends.base import Backend
from espnet_ros.backends.device import Device
from espnet_ros.backends.machine import processor_name
from espnet_ros.backends.precision import LEAST_CAPABILITY, not_on_gpu
from espnet_ros.backends.torch_cuda import CudaRunners, device_failure
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import BackendUnavailableError
from espnet_ros.core.libraries import import_library
from espnet_ros.core.malloc import tune_malloc


class TorchBackend(Backend):
    """Runs the deployment graph from the weights, with folded batch normalisation."""

    name = 'torch'
    device_kinds = ('cpu', 'cuda')
    precisions = ('f32', 'bf16', 'f16')
    _run: Any = None
    _runners: CudaRunners | None = None
    _thread: ThreadPoolExecutor | None = None
    _threads_before = 0

    def upload(self, images: UInt8Array) -> bool:
        """Bring images to the device, unless it is the processor."""
        if self._runners is None:
            return False
        self._runners.upload(images)
        return True

    def _load(self, device: str, precision: str) -> tuple[str, str]:
        self._torch = torch = import_library('torch', f'backend {self.name}')
        import_library('safetensors', f'backend {self.name}')
        target = self._resolve(device)
        resolved = self._precision_on(target, precision)
        graph = self._deployment_graph(resolved)
        if target.type == 'cpu':
            # PyTorch allocates the memory of every activation anew.
            tune_malloc()
            # OpenMP gives each computing thread its own helpers. Once these outnumber the
            # processors, they all sleep between loops (GOMP_SPINCOUNT in libgomp's manual): a
            # second computing thread in a node would double all times.
            self._thread = ThreadPoolExecutor(1, 'torch')
            if self.threads:
                # For the whole process, so until this backend is left.
                self._threads_before = torch.get_num_threads()
                self._thread.submit(torch.set_num_threads, self.computing_threads).result()
            self._run = self._on_cpu(graph, self._thread)
            return f'CPU ({processor_name()})', resolved
        try:
            graph = graph.to(target)
        except RuntimeError as error:
            failure = device_failure(torch, target, error, 'the network')
            raise failure or error from error
        self._runners = CudaRunners(torch, graph, target)
        self._run = self._runners.run
        return f'{target} ({torch.cuda.get_device_name(target)})', resolved

    def _infer(self, images: UInt8Array) -> tuple[Any, Any]:
        mask, confidence = self._run(images)
        return mask, confidence

    def _free(self) -> None:
        self._run = None
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
        if self._threads_before:
            self._torch.set_num_threads(self._threads_before)
            self._threads_before = 0
        if self._runners is not None:
            self._runners.close()
            self._runners = None
            # PyTorch keeps freed memory that others may need. A lost GPU fails every call.
            with suppress(RuntimeError):
                self._torch.cuda.empty_cache()

    def _deployment_graph(self, precision: str) -> Any:
        from espnet_ros.network.checkpoint import load_bundle
        from espnet_ros.network.deploy import DeploymentGraph, fold_batch_norm

        torch, bundle = self._torch, self.bundle
        dtype = {'f32': torch.float32, 'bf16': torch.bfloat16, 'f16': torch.float16}[precision]
        network = fold_batch_norm(load_bundle(bundle))
        graph: Any = DeploymentGraph.of(network, bundle)
        # The head belongs to the graph and stays in float32, see there.
        network.to(dtype)
        return graph.to(memory_format=torch.channels_last)

    def _on_cpu(self, graph: Any, thread: ThreadPoolExecutor) -> Any:
        torch = self._torch

        def compute(images: UInt8Array) -> tuple[Any, Any]:
            # PyTorch has no read-only tensors and warns about read-only arrays.
            images = images if images.flags.writeable else images.copy()
            with torch.inference_mode():
                mask, confidence = graph(torch.from_numpy(images))
                return mask.numpy(), confidence.numpy()

        return lambda images: thread.submit(compute, images).result()

    def _resolve(self, device: str) -> Any:
        torch = self._torch
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        asked = Device.parse(device)
        if asked.kind == 'cpu' or (asked.kind == 'auto' and not count):
            return torch.device('cpu')
        if asked.index >= count:
            raise BackendUnavailableError(
                f'backend {self.name} has no device {device!r}: PyTorch {torch.__version__} '
                f'sees {count} CUDA devices; it needs an NVIDIA GPU with its driver and a '
                'CUDA build of PyTorch, or choose device cpu'
            )
        return torch.device('cuda', asked.index)

    def _precision_on(self, target: Any, asked: str) -> str:
        if target.type == 'cpu':
            if asked == 'f16':
                raise BackendUnavailableError(
                    f'backend {self.name} computes in f16 only on CUDA devices: choose device '
                    'cuda, or precision f32 or bf16'
                )
            return 'f32' if asked == 'auto' else asked
        capability = self._torch.cuda.get_device_capability(target)
        # In this order the last one is the next best for a precision that is missing.
        able = [n for n in ('f32', 'f16', 'bf16') if capability >= LEAST_CAPABILITY[n]]
        if asked == 'auto':
            # If the file is missing, the export found that float16 changes the masks.
            return 'f16' if 'f16' in able and 'onnx_f16' in self.bundle.files else 'f32'
        if asked not in able:
            gpu = self._torch.cuda.get_device_name(target)
            raise not_on_gpu(f'backend {self.name}', asked, gpu, capability, able[-1])
        return asked
