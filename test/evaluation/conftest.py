"""Fixtures of a drive whose truth is derived by hand."""

from hand_made_drive import (
    labels,
    make_costmap,
    make_truth,
    moved_fixture,
)

__all__ = ['labels', 'make_costmap', 'make_truth', 'moved_fixture']
