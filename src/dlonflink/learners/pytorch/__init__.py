"""Learners on torch: the only room that imports it. Modules of your own get `TorchInputs`, then `TorchBatch`es."""

from dlonflink.learners.pytorch.inputs import TorchBatch, TorchInputs

__all__ = ["TorchBatch", "TorchInputs"]
