"""What learns: the networks of a recipe, their optimisers and their moving average, and one update of them all."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from srgan_lessons.datasets.crops import CropSampler
from srgan_lessons.training.graph import GraphedStep
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.recipes import Recipe
from srgan_lessons.training.steps import average_decay, gan_step, pretrain_step, update_average


class Learner:
    """A recipe's networks on a machine, ready for update number 0, or for another after `load_state_dict`.

    generator: untrained or with the weights to start from. content: the content loss. compile, cuda_graph: see Options.
    Makes the discriminator, if the recipe has one, from torch's global random numbers.
    """

    def __init__(
        self,
        recipe: Recipe,
        generator: nn.Module,
        content: nn.Module,
        machine: Machine,
        *,
        compile: bool = False,
        cuda_graph: bool = False,
    ):
        self.recipe, self.machine = recipe, machine
        discriminator = recipe.make_discriminator()
        self.generator = machine.prepare(generator).train()
        self.discriminator = machine.prepare(discriminator) if discriminator else None
        self.content = machine.prepare(content)
        self.average = copy.deepcopy(self.generator).requires_grad_(False).eval()
        self.optimizer_g = self._adam(self.generator, cuda_graph)
        self.optimizer_d = self._adam(self.discriminator, cuda_graph) if self.discriminator else None
        self._compile, self._cuda_graph = compile, cuda_graph

    def _adam(self, network: nn.Module, cuda_graph: bool) -> torch.optim.Adam:
        lr = self.recipe.lr
        if cuda_graph:
            lr = torch.tensor(lr, device=self.machine.device)  # so that a recorded update sees it change
        parameters = list(network.parameters())  # beta2 is not stated in the paper
        return torch.optim.Adam(parameters, lr=lr, betas=(0.9, 0.999), fused=True, capturable=cuda_graph)

    def updates_on(self, sampler: CropSampler) -> Callable[[int], dict[str, Tensor]]:
        """A function that makes update number `step`, counted from 0, and returns its losses, still on the device."""
        generator, discriminator, content = self.generator, self.discriminator, self.content
        if self._compile:
            generator, content = torch.compile(generator), torch.compile(content)
            discriminator = torch.compile(discriminator) if discriminator else None
        recipe, machine = self.recipe, self.machine

        def step_at(places: Tensor) -> dict[str, Tensor]:
            lr, hr = sampler.cut(places)
            if recipe.shuffled:
                hr = hr.roll(1, dims=0)  # another photo's
            if discriminator is None:
                return pretrain_step(generator, self.optimizer_g, content, lr, hr, machine, total_variation=recipe.tv)
            return gan_step(
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

        if self._cuda_graph:
            step_at = GraphedStep(step_at, machine)

        def update(step: int) -> dict[str, Tensor]:
            self._set_lr(recipe.lr_at(step))
            losses = step_at(sampler.places(step))
            update_average(self.average, self.generator, average_decay(recipe.ema, step))
            return losses

        return update

    def _set_lr(self, lr: float) -> None:
        for optimizer in (self.optimizer_g, self.optimizer_d):
            for group in optimizer.param_groups if optimizer else ():
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(lr)
                else:
                    group["lr"] = lr

    def broken(self) -> list[str]:
        """The networks that hold weights which are not numbers. Makes the host wait for the GPU."""
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        return [
            name
            for name, network in networks.items()
            if network is not None and not all(torch.isfinite(p).all() for p in network.parameters())
        ]

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update depends on, but its number."""
        state = {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "optimizer_g": self.optimizer_g.state_dict(),
            "scaler": self.machine.scaler.state_dict(),  # {} where the precision needs none
        }
        if self.discriminator is not None:
            state |= {
                "discriminator": self.discriminator.state_dict(),
                "optimizer_d": self.optimizer_d.state_dict(),
            }
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state. Raises RuntimeError, KeyError or ValueError where it is of other networks."""
        self.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        _load_moments(self.optimizer_g, state["optimizer_g"])
        if self.discriminator is not None:
            self.discriminator.load_state_dict(state["discriminator"])
            _load_moments(self.optimizer_d, state["optimizer_d"])
        if state["scaler"] and self.machine.scaler.is_enabled():
            self.machine.scaler.load_state_dict(state["scaler"])


def _load_moments(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Takes Adam's moments from a state and keeps this run's own settings.

    Those in the state follow from the options of the run that wrote it: one with a CUDA graph keeps its learning rate
    in a tensor. The rate itself is set at every update.
    """
    optimizer.load_state_dict({"state": state["state"], "param_groups": optimizer.state_dict()["param_groups"]})
