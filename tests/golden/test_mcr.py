"""MCR: importances, the game's value and gradients, the contrastive loss, the reconstruction, the
whole loss and its gradients. Games in which a player's terms flow into the base too (`*_live_*`,
`released_colab_*`, `released_ind_*`) are not ours; the released greedy one is."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from bench.methods.mcr import GAMES, MCR, contrastive, importances, reconstructed, regularizer
from bench.types import Clock, Prediction
from tests.golden.files import close
from tests.golden.linear_head import Case

FILE = "mcr.npz"
KEYS = {"greedy": "greedy", "ind": "independent", "colab": "collaborative"}


class Network(Case):
    """A method with the file's head, own heads, permutations and features."""

    def __init__(self, golden, name):
        lam, mu, con, tau, ceb, k = (
            golden[f"{name}_{key}"].item() for key in ("lam", "mu", "con", "tau", "ceb", "k")
        )
        self.aligned = f"{name}_contrastive" in golden.arrays
        settings = {"weight": lam, "unimodal_weight": mu, "temperature": tau, "reconstruction": ceb}
        settings |= {"contrast": con if self.aligned else 0.0}
        settings |= {"game": {v: g for g, v in GAMES.items()}[k]}
        super().__init__(golden, name, MCR, **settings)
        weights, biases = (self.of_each(f"own_{kind}") for kind in ("weight", "bias"))
        heads = {m: nn.Linear(w.shape[1], len(w)).double() for m, w in weights.items()}
        for m, head in heads.items():
            head.load_state_dict({"weight": weights[m], "bias": biases[m]})
        self.method.own = nn.ModuleDict(heads)
        self.method.back = nn.ParameterList(self.need("recon_in", "recon_out"))
        (self.order,) = self.need("perms")
        self.method.permuted = lambda size, clock: self.order
        unimodal = {m: heads[m](z) for m, z in self.features.items()}
        self.out = Prediction(self.out.logits, unimodal, self.features)
        self.parts = self.method.parts(self.features)

    def of_each(self, kind):
        return self.golden.each(f"{self.case}_{kind}_", self.names)

    def leaves(self):
        """What the head's losses reach, key -> tensor with a gradient."""
        return self.features | dict(self.head.linear.named_parameters())

    def check_gradients(self, loss, prefix, leaves):
        found = torch.autograd.grad(
            loss,
            list(leaves.values()),
            allow_unused=True,
            materialize_grads=True,
            retain_graph=True,
        )
        for key, gradient in zip(leaves, found, strict=True):
            close(gradient, *self.need(f"{prefix}grad_{key}"))


def networks(golden):
    return [Network(golden, name) for name in golden.names("", "_labels")]


def test_importances_and_games(golden):
    for net in networks(golden):
        found = importances(net.parts, net.out.logits, net.order)
        close(found.detach(), *net.need("jsd"))
        for key, game in KEYS.items():
            value = regularizer(net.parts, net.out.logits, net.order, GAMES[game])
            close(value.detach(), *net.need(f"{key}_value"))
            net.check_gradients(value, f"{key}_", net.leaves())
            if game == "greedy" and len(net.names) == 2:
                net.check_gradients(value, "released_greedy_", net.leaves())


def test_answers_and_losses(golden):
    for net in networks(golden):
        label, (tau,) = net.batch.label, net.need("tau")
        own = torch.stack(list(net.out.unimodal.values()))
        close(net.out.logits.detach(), *net.need("logits_fused"))
        close(own.detach(), *net.need("logits_uni"))
        close(cross_entropy(net.out.logits, label).detach(), *net.need("loss_fused"))
        losses = torch.stack([cross_entropy(u, label) for u in own])
        close(losses.detach(), *net.need("loss_uni"))
        again = reconstructed(net.out.logits, *net.method.back)
        apart = mse_loss(again, torch.cat(list(net.features.values()), dim=1))
        close(apart.detach(), *net.need("reconstruction"))
        if net.aligned:
            loss = contrastive(list(net.features.values()), label, tau.item())
            close(loss.detach(), *net.need("contrastive"))
            net.check_gradients(loss, "contrastive_", net.features)


def test_loss_and_gradients(golden):
    for net in networks(golden):
        loss = net.method.loss(net.out, net.batch, Clock(0, 1, 0, 1))
        close(loss.detach(), *net.need("total"))
        own = {f"own_weight_{m}": head.weight for m, head in net.method.own.items()}
        back = dict(zip(("recon_in", "recon_out"), net.method.back, strict=True))
        net.check_gradients(loss, "", net.leaves() | own | back)
