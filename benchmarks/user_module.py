"""A module as a user would write it for us, and the loop around the same layers that he would write without us."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dlonflink.learners.pytorch import TorchBatch, TorchInputs

ROWS = 1 << 20


def layers(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))


class Deep(nn.Module):
    def __init__(self, inputs: TorchInputs) -> None:
        super().__init__()
        self.names = inputs.features
        self.layers = layers(len(inputs.features) * inputs.dim)

    def forward(self, x: TorchBatch) -> torch.Tensor:
        return self.layers(torch.cat([x[name] for name in self.names], dim=1))


class Loop:
    """Scores, then learns: a fixed number of embedding rows, Adagrad on their sparse gradients, Adam on the rest."""

    def __init__(self, columns: int, dim: int) -> None:
        self.embedding = nn.Embedding(ROWS, dim, sparse=True)
        nn.init.normal_(self.embedding.weight, std=0.01)
        self.layers = layers(columns * dim)
        self.table = torch.optim.Adagrad(self.embedding.parameters(), lr=0.1)
        self.rest = torch.optim.Adam(self.layers.parameters(), fused=True)

    def learn(self, ids: NDArray[np.uint64], labels: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = torch.tensor((ids % ROWS).astype(np.int64))
        logits = self.layers(self.embedding(rows).flatten(1))
        loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(labels))
        self.table.zero_grad()
        self.rest.zero_grad()
        loss.backward()
        self.table.step()
        self.rest.step()
        return torch.sigmoid(logits).detach().numpy()
