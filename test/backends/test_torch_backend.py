"""PyTorch on the processor; what all backends do is in test_contract."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from espnet_ros.backends import create_backend

pytest.importorskip('torch')


def test_the_network_has_its_number_of_threads_and_the_process_its_own_again(checker):
    import torch

    def of_a_new_thread():
        with ThreadPoolExecutor(1) as other:
            return other.submit(torch.get_num_threads).result()

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        backend = create_backend('torch', checker, 'cpu', 'f32')
        for threads, expected in ((1, 1), (0, 2)):
            backend.threads = threads
            with backend:
                assert backend._thread.submit(torch.get_num_threads).result() == expected
            assert of_a_new_thread() == 2
    finally:
        torch.set_num_threads(before)


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
