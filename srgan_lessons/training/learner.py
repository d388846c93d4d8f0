"""What learns: a recipe's networks, their optimisers, the moving average of the weights, and one update of them all."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from srgan_lessons import UserError
from srgan_lessons.datasets.crops import CropSampler
from srgan_lessons.folding import ShuffleLast, foldable
from srgan_lessons.training.graph import GraphedUpdate
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.recipes import Recipe
from srgan_lessons.training.steps import average_decay, gan_step, pretrain_step, update_average
from srgan_lessons.weights import describe, label, load_network

PRETRAIN_LOSSES = ("content",)  # what the two steps return
GAN_LOSSES = ("content", "adversarial", "discriminator", "d_hr", "d_sr")


class Learner:
    """A recipe's networks on a machine, ready for update number 0, or for a later one after `load_state_dict`.

    generator: untrained, or with the weights to start from. content: the content loss. graphed: the updates will be
    recorded as a CUDA graph, in which the learning rate must be a tensor. If the recipe has a discriminator, its first
    weights are drawn from torch's global random numbers. shuffled_last: the form of the generator that updates use.
    totals: sums of the losses of the last `counted` updates, on the device.
    """

    def __init__(
        self, recipe: Recipe, generator: nn.Module, content: nn.Module, machine: Machine, *, graphed: bool = False
    ):
        self.recipe, self.machine, self.graphed = recipe, machine, graphed
        discriminator = recipe.make_discriminator()
        self.generator = machine.prepare(generator).train()
        self.shuffled_last = ShuffleLast(self.generator) if foldable(self.generator) else self.generator
        self.discriminator = machine.prepare(discriminator) if discriminator else None
        self.content = machine.prepare(content)
        self.average = copy.deepcopy(self.generator).requires_grad_(False).eval()
        _share_buffers(self.average, self.generator)
        self.rate = torch.tensor(recipe.rate, device=machine.device) if graphed else recipe.rate
        self.optimizer_g = self._adam(self.generator)
        self.optimizer_d = self._adam(self.discriminator) if self.discriminator else None
        self.losses = GAN_LOSSES if self.discriminator else PRETRAIN_LOSSES
        self.totals, self.counted = torch.zeros(len(self.losses), device=machine.device), 0

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        parameters = list(network.parameters())  # beta2 is not stated in the paper
        return torch.optim.Adam(parameters, lr=self.rate, betas=(0.9, 0.999), fused=True, capturable=self.graphed)

    def updates_on(self, sampler: CropSampler, *, compile: bool = False) -> Callable[[int], None]:
        """Returns a function that makes update number `step`, counted from 0, and adds the losses to `totals`.

        compile: run the networks and the cutting of crops through torch.compile.
        """
        generator, discriminator, content, cut = self.shuffled_last, self.discriminator, self.content, sampler.cut
        if compile:
            compiled: Any = torch.compile  # it returns a module for a module, but its types do not say so
            generator, content, cut = compiled(generator), compiled(content), compiled(cut)
            discriminator = compiled(discriminator) if discriminator else None
        recipe, machine = self.recipe, self.machine

        def update_at(places: Tensor) -> None:
            lr, hr = cut(places)
            if recipe.shuffled:
                hr = hr.roll(1, dims=0)  # the crop of another photo
            if discriminator is None or self.optimizer_d is None:
                found = pretrain_step(generator, self.optimizer_g, content, lr, hr, machine, total_variation=recipe.tv)
            else:
                found = gan_step(
                    generator,
                    discriminator,
                    self.optimizer_g,
                    self.optimizer_d,
                    content,
                    lr,
                    hr,
                    machine,
                    adversarial=recipe.adversarial,
                    total_variation=recipe.tv,
                )
            self.totals += torch.stack([found[name] for name in self.losses])

        if self.graphed:
            update_at = GraphedUpdate(update_at, machine)

        def update(step: int) -> None:
            self._set_rate(recipe.rate_at(step))
            update_at(sampler.places(step))
            update_average(self.average, self.generator, average_decay(recipe.ema, step))
            self.counted += 1

        return update

    def _set_rate(self, rate: float) -> None:
        if isinstance(self.rate, Tensor):
            self.rate.fill_(rate)  # the tensor that both optimisers hold
            return
        for optimizer in (self.optimizer_g, self.optimizer_d):
            for group in optimizer.param_groups if optimizer else ():
                group["lr"] = rate

    def mean_losses(self) -> dict[str, float]:
        """Means of the losses since `forget_losses`, as numbers. The host waits for the GPU."""
        return dict(zip(self.losses, (self.totals / self.counted).tolist(), strict=True))

    def forget_losses(self) -> None:
        """Sets the sums of the losses to zero."""
        self.totals.zero_()
        self.counted = 0

    def broken(self) -> list[str]:
        """The names of the networks with weights that are no longer numbers. Makes the host wait for the GPU."""
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        return [
            name
            for name, network in networks.items()
            if network is not None and not torch.stack([torch.isfinite(p).all() for p in network.parameters()]).all()
        ]

    def checkpoint_bytes(self) -> int:
        """Bytes of the weights, their average and Adam's two moments. A discriminator makes up almost all of them."""
        tensors = self.state_dict()
        weights = sum(
            t.nbytes for name in ("generator", "average", "discriminator") for t in tensors.get(name, {}).values()
        )
        networks = [self.generator, *([self.discriminator] if self.discriminator else [])]
        return weights + 2 * sum(p.nbytes for network in networks for p in network.parameters())

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update depends on, except its number."""
        state = {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "optimizer_g": self.optimizer_g.state_dict(),
            "scaler": self.machine.scaler.state_dict(),  # {} if the precision needs none
            "totals": self.totals,
            "counted": self.counted,
        }
        if self.discriminator is not None and self.optimizer_d is not None:
            state |= {
                "discriminator": self.discriminator.state_dict(),
                "optimizer_d": self.optimizer_d.state_dict(),
            }
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from a state. Raises RuntimeError, KeyError or ValueError if it belongs to other networks."""
        self.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        _load_moments(self.optimizer_g, state["optimizer_g"])
        if self.discriminator is not None and self.optimizer_d is not None:
            self.discriminator.load_state_dict(state["discriminator"])
            _load_moments(self.optimizer_d, state["optimizer_d"])
        if state["scaler"] and self.machine.scaler.is_enabled():
            self.machine.scaler.load_state_dict(state["scaler"])
        self.totals.copy_(state["totals"])
        self.counted = state["counted"]


def _share_buffers(average: nn.Module, network: nn.Module) -> None:
    """Lets the averaged network share BatchNorm's running statistics, which are averages already.

    Copying them would take a hundred small kernels per update. They average about the last 10 updates, and the weights
    about the last 1,000, so they do not quite belong to the averaged weights. When they were computed again with these,
    the best checkpoint from the middle of a compact SRGAN's run gained .10 dB on Set5; at the end of a run with the
    one-cycle schedule, when the weights hardly move, the gain was .01 dB.
    """
    for mine, theirs in zip(average.modules(), network.modules(), strict=True):
        for name, buffer in theirs.named_buffers(recurse=False):
            setattr(mine, name, buffer)


def _load_moments(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Loads Adam's moments from a state and keeps this run's own settings.

    The settings in the state come from the options of the run that wrote it: a run with a CUDA graph keeps its learning
    rate in a tensor, for example. The learning rate itself is set at every update.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    optimizer.load_state_dict({"state": state["state"], "param_groups": optimizer.state_dict()["param_groups"]})
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate  # the learner's own tensor again: torch put a copy here, which no update would change


def starting_generator(recipe: Recipe, init: str | Path | None) -> nn.Module:
    """The generator before its first update: untrained, or with the weights `init`, a shipped name or a file.

    "scratch" asks for an untrained generator even if the recipe starts from another recipe's weights. Raises UserError
    if weights are needed but not given, cannot be read, or belong to another network.
    """
    network = recipe.make_generator()
    needed = recipe.starts_from
    if init == "scratch" or (init is None and needed is None):
        return network
    if init is None:
        raise UserError(
            f"{recipe.name} starts from the weights of {needed}. Give them with --init: a file, such as "
            f"runs/{needed}/weights.safetensors, or the name of weights that come with the course, such as srresnet. "
            "--init scratch starts without weights, which rarely ends well."
        )
    loaded = load_network(init)
    theirs, ours = describe(loaded), describe(network)
    if theirs != ours:
        fitting = " ".join(f"--{name} {value}" for name, value in theirs.items() if value != ours.get(name))
        advice = (
            f"Train that size ({fitting}), or choose other weights."
            if theirs["kind"] == ours["kind"]
            else "No option makes them fit: choose other weights."
        )
        raise UserError(
            f"the weights {init} are those of {label(loaded)}, and {recipe.name} trains {label(network)}. {advice}"
        )
    network.load_state_dict(loaded.state_dict())
    return network
