"""PyTorch, eager: on CUDA devices, and the reference on the CPU."""

from __future__ import annotations

from typing import Any

from espnet_ros.backends.base import Backend, UInt8Array
from espnet_ros.backends.machine import import_library, processor_name
from espnet_ros.core.errors import BackendUnavailableError


class TorchBackend(Backend):
    """Runs the deployment graph from the weights, with folded batch normalisation."""

    name = 'torch'
    device_kinds = ('cpu', 'cuda')
    precisions = ('f32', 'bf16', 'f16')

    def _load(self, device: str, precision: str) -> tuple[str, str]:
        self._torch = torch = import_library('torch', self.name)
        import_library('safetensors', self.name)
        from espnet_ros.network.checkpoint import load_bundle
        from espnet_ros.network.deploy import DeploymentGraph, fold_batch_norm

        target = self._resolve(device)
        if precision == 'f16' and target.type == 'cpu':
            raise BackendUnavailableError(
                f'backend {self.name} computes in f16 only on CUDA devices: choose device cuda, '
                'or precision f32 or bf16'
            )
        resolved = 'f32' if precision == 'auto' else precision
        dtype = {'f32': torch.float32, 'bf16': torch.bfloat16, 'f16': torch.float16}[resolved]
        network = fold_batch_norm(load_bundle(self.bundle))
        bundle = self.bundle
        graph: Any = DeploymentGraph(
            network, bundle.mean, bundle.std, bundle.input_scale, bundle.temperature
        )
        # The head is the graph's own and stays in float32, see there.
        network.to(dtype)
        self._graph = graph.to(target).to(memory_format=torch.channels_last)
        self._target = target
        if target.type == 'cpu':
            return f'CPU ({processor_name()})', resolved
        return f'{target} ({torch.cuda.get_device_name(target)})', resolved

    def _infer(self, images: UInt8Array) -> tuple[Any, Any]:
        torch = self._torch
        # PyTorch has no read-only tensors and warns of arrays that are.
        images = images if images.flags.writeable else images.copy()
        with torch.inference_mode():
            mask, confidence = self._graph(torch.from_numpy(images).to(self._target))
            return mask.cpu().numpy(), confidence.cpu().numpy()

    def _free(self) -> None:
        self._graph = None

    def _resolve(self, device: str) -> Any:
        torch = self._torch
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if device == 'auto':
            return torch.device('cuda:0' if count else 'cpu')
        target = torch.device(device)
        if target.type == 'cuda':
            target = torch.device('cuda', target.index or 0)
            if target.index >= count:
                raise BackendUnavailableError(
                    f'backend {self.name} has no device {device!r}: PyTorch {torch.__version__} '
                    f'sees {count} CUDA devices; it needs an NVIDIA GPU with its driver and a '
                    'CUDA build of PyTorch, or choose device cpu'
                )
        return target
