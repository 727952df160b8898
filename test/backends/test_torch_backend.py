"""PyTorch on the processor; what all backends do is in test_contract."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from espnet_ros.backends import create_backend

pytest.importorskip('torch')


def test_one_thread_computes_for_all(checker, monkeypatch):
    from espnet_ros.network.deploy import DeploymentGraph

    computed, forward = [], DeploymentGraph.forward

    def noted(graph, images):
        computed.append(threading.current_thread())
        return forward(graph, images)

    monkeypatch.setattr(DeploymentGraph, 'forward', noted)
    image = np.zeros((1, 16, 24, 3), np.uint8)
    with create_backend('torch', checker, 'cpu', 'f32') as backend:
        for _ in range(2):
            with ThreadPoolExecutor(1) as other:
                other.submit(backend.infer, image).result()
        assert len(computed) == 2 and len(set(computed)) == 1
        assert computed[0].is_alive()
    assert not computed[0].is_alive()
