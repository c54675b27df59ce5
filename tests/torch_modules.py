"""Modules as users write them, and some that misbehave."""

from __future__ import annotations

import torch

from dlonflink.learners.pytorch import TorchBatch, TorchInputs


class Wide(torch.nn.Module):
    """Every feature side by side, whatever it is, through one hidden layer."""

    def __init__(self, inputs: TorchInputs, width: int = 8, dropout: float = 0.0, normed: bool = False) -> None:
        super().__init__()
        self.names = (*inputs.features, *inputs.lists)
        size = inputs.dim * len(self.names) + inputs.dense
        self.norm = torch.nn.BatchNorm1d(size) if normed else torch.nn.Identity()
        self.hidden = torch.nn.Linear(size, width)
        self.dropout = torch.nn.Dropout(dropout)
        self.out = torch.nn.Linear(width, inputs.labels)

    def forward(self, x: TorchBatch) -> torch.Tensor:
        features = torch.cat([*(x[name] for name in self.names), x.dense], dim=1)
        return self.out(self.dropout(torch.relu(self.hidden(self.norm(features)))))


class Attentive(Wide):
    """Lists one by one, weighted by how much each is like the others."""

    def forward(self, x: TorchBatch) -> torch.Tensor:
        pooled = []
        for name in self.names:
            rows, mask = x.rows(name)
            weights = torch.where(mask, rows.sum(dim=2), -1e9).softmax(dim=1) * mask
            pooled.append((weights[:, :, None] * rows).sum(dim=1))
        return self.out(torch.relu(self.hidden(torch.cat([*pooled, x.dense], dim=1)))).squeeze(1)


class Misbehaving(Wide):
    """In the way that `how` says."""

    def __init__(self, inputs: TorchInputs, how: str) -> None:
        super().__init__(inputs)
        self.how = how
        if how == "raise":
            raise ValueError("not today")
        if how == "lazy":
            self.out = torch.nn.LazyLinear(1)
        if how == "bfloat16":
            self.out = torch.nn.Linear(8, 1, dtype=torch.bfloat16)
        if how == "nothing to learn":
            self.layers = [self.hidden, self.out]
            del self.hidden, self.out

    def forward(self, x: TorchBatch) -> torch.Tensor:
        logits = super().forward(x)
        match self.how:
            case "wide":
                return logits.repeat(1, 2)
            case "summed":
                return logits.sum()
            case "numpy":
                return logits.detach().numpy()
            case "int":
                return logits.long()
            case "detached":
                return logits.detach()
            case "nan":
                return logits * torch.nan
            case "root":
                # Finite, with a gradient that is not.
                return logits + (self.out.weight.sum() * 0).sqrt()
            case "misspelled":
                return logits + x[self.names[0] + "x"].sum(dim=1)[:, None]
        return logits
