"""A torch module of one's own over the embedding table, with a list that is kept as a sequence. The pipeline learns
made-up clicks; run it: dlonflink run examples/two_tower.py:pipeline --on local
"""

from __future__ import annotations

import random

import torch

import dlonflink as dlf
from dlonflink.learners.pytorch import TorchBatch, TorchInputs


class TwoTower(torch.nn.Module):
    """One tower for the user and what he saw before, one for the ad and its price."""

    def __init__(self, inputs: TorchInputs, width: int = 64) -> None:
        super().__init__()
        self.user = torch.nn.Linear(2 * inputs.dim, width)
        self.ad = torch.nn.Linear(inputs.dim + inputs.dense, width)
        self.bias = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: TorchBatch) -> torch.Tensor:
        seen, mask = x.rows("seen")  # [n, longest, dim] and [n, longest]
        match = (seen * x["ad"][:, None]).sum(dim=2).masked_fill(~mask, -1e9).softmax(dim=1)
        history = (match[:, :, None] * seen).sum(dim=1)
        user = self.user(torch.cat([x["user"], history], dim=1))
        ad = self.ad(torch.cat([x["ad"], x.dense], dim=1))
        return (user * ad).sum(dim=1) + self.bias  # logits, [n] or [n, labels]


def clicks(count: int = 20_000) -> tuple[dict[str, object], ...]:
    """Made-up rows: users click on ads of their own colour more often than on others."""
    draw = random.Random(0)
    rows: list[dict[str, object]] = []
    for _ in range(count):
        user, ad = draw.randrange(100), draw.randrange(10)
        click = int(draw.random() < (0.8 if user % 5 == ad % 5 else 0.1))
        seen = [draw.randrange(10) for _ in range(draw.randrange(4))]
        rows.append({"user": user, "ad": ad, "seen": seen, "price": draw.random(), "click": click})
    return tuple(rows)


pipeline = dlf.Pipeline(
    name="two-tower",
    source=dlf.MemorySource(
        columns={"user": "BIGINT", "ad": "BIGINT", "seen": "ARRAY<BIGINT>", "price": "DOUBLE", "click": "INT"},
        rows=clicks(),
    ),
    features=dlf.Features(hashed=("user", "ad", dlf.Hashed(column="seen", vocabulary="ad")), dense=("price",)),
    label="click",
    learner=dlf.Torch(module=f"{__file__}:TwoTower", args={"width": 16}, lr=0.01, batch=64),
    embedding=dlf.Embedding(dim=8, init=0.1, lr=0.2),
)
