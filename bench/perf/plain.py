"""Joint training as one would write it without the suite, of the same network."""

from torch import Tensor, optim
from torch.nn.functional import cross_entropy

from bench.config.spec import TrainConfig
from bench.method import Method, Metrics
from bench.types import Batch, Clock


def optimizer(method: Method, config: TrainConfig) -> optim.Optimizer:
    """Torch's own."""
    rates = {"lr": config.lr, "weight_decay": config.weight_decay}
    if config.optimizer == "adamw":
        return optim.AdamW(method.parameters(), **rates)
    return optim.SGD(method.parameters(), momentum=config.momentum, **rates)


def answer(method: Method, inputs: dict[str, Tensor]) -> Tensor:
    """Logits [B, C]; autocast surrounds the encoders where the run's precision asks for it."""
    return method.head({m: method.through(method.encoders[m], x) for m, x in inputs.items()})


def descend(method: Method, optimizer: optim.Optimizer, inputs: dict, label: Tensor) -> Tensor:
    """One update; the loss, detached."""
    loss = cross_entropy(answer(method, inputs), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def step(method: Method, batch: Batch, optimizer: optim.Optimizer, clock: Clock) -> Metrics:
    """The same as a stage's step."""
    return {"loss": descend(method, optimizer, batch.inputs, batch.label)}
