"""The ESPNet family in PyTorch: modules, official checkpoints, deployment graph, training."""
