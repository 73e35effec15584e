"""Golden files of losses on one linear head: `<case>_features_<modality>`, `weight`, `bias`,
`labels`, and gradients `<case>_<source>_grad_<modality>`, `weight` and `bias`."""

import torch

from bench.config.spec import NetworkConfig
from bench.method import Method
from bench.networks.fusion import ConcatHead
from bench.networks.task import Task
from bench.types import Batch, DatasetSpec, Modality, Prediction
from tests.golden.files import Golden, close


class Case:
    """A method whose head is the file's, and what it says of the file's features."""

    def __init__(self, golden: Golden, case: str, cls: type[Method], **settings: object):
        self.golden, self.case = golden, case
        self.names = golden.names(f"{case}_features_")
        self.features = {
            m: z.requires_grad_() for m, z in golden.each(f"{case}_features_", self.names).items()
        }
        weight, bias, label = self.need("weight", "bias", "labels")
        inputs = dict.fromkeys(self.names, Modality("vector", (1,)))
        task = Task(DatasetSpec("toy", len(bias), inputs), NetworkConfig(dim=1), 0)
        self.method = cls(task, cls.Config(**settings)).double()
        widths = {m: z.shape[1] for m, z in self.features.items()}
        self.head = self.method.head = ConcatHead(widths, len(bias), "").double()
        self.head.linear.load_state_dict({"weight": weight, "bias": bias})
        shares = self.head.contributions(self.features)
        self.out = Prediction(self.head(self.features), shares, self.features)
        keep = torch.ones(len(label), len(self.names), dtype=torch.bool)
        self.batch = Batch({}, label, torch.arange(len(label)), keep)

    def need(self, *keys: str) -> list[torch.Tensor]:
        return self.golden.need(*(f"{self.case}_{k}" for k in keys))

    def check(self, loss: torch.Tensor, source: str) -> None:
        """The loss is the file's `total`, and so are its gradients."""
        close(loss.detach(), *self.need(f"{source}_total"))
        leaves = self.features | dict(self.head.linear.named_parameters())
        expected = self.need(*(f"{source}_grad_{name}" for name in leaves))
        for actual, gradient in zip(
            torch.autograd.grad(loss, list(leaves.values())), expected, strict=True
        ):
            close(actual, gradient)
