"""How the judges of lesson 07 look at the two steps of a GAN: whose weights move, and along whose gradient."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.classroom.judges.updates import RATE, Watched, batch_of, small_network, weights_of
from srgan_lessons.classroom.judging import NotYet, as_array, as_number, as_tensor, call, on_cpu
from srgan_lessons.losses import mse_loss

WEIGHT = 1e-3  # of the adversarial loss (paper, eq. 3)


def small_discriminator() -> nn.Sequential:
    """Judges (N, 3, 24, 24), and is steep, so that 1e-3 times its gradient shows beside that of the content loss."""
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(8 * 6 * 6, 1),
    )
    with torch.no_grad():
        network[0].weight *= 6
        network[-1].weight *= 20
    return network


class Seen:
    """Writes down what a network is fed with."""

    def __init__(self, network: nn.Module):
        self.inputs: list[Tensor] = []
        self.handle = network.register_forward_pre_hook(lambda module, args: self.inputs.append(args[0].detach().cpu()))

    def saw(self, images: Tensor) -> bool:
        return any(x.shape == images.shape and torch.allclose(x, images, atol=1e-5) for x in self.inputs)


def as_it_is(network: nn.Module, start: nn.Module) -> nn.Module:
    """A copy of a network whose hooks stay behind; `start` is one of the same kind."""
    twin = copy.deepcopy(start)
    twin.load_state_dict(network.state_dict())
    return twin


def after(start: nn.Module, loss_of: Callable[[nn.Module], Tensor], gradients: list[Tensor] | None = None) -> Tensor:
    """The weights after one step of the judge's SGD down that loss, on top of gradients that were there."""
    network = copy.deepcopy(start)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    if gradients:
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            parameter.grad = gradient.clone()
    loss_of(network).backward()
    optimizer.step()
    return weights_of(network)


def same(a: Tensor, b: Tensor, start: Tensor) -> bool:
    """Whether two steps from `start` are the same, to 3 in 1000: rounding is ten times smaller, slips are larger."""
    return (a - b).norm() <= 0.003 * (b - start).norm()


def name_slip(found: Tensor, start: Tensor, slips: Mapping[str, Callable[[], Tensor]]) -> None:
    """Raises NotYet with the first message whose weights were found."""
    for message, outcome in slips.items():
        if same(found, outcome(), start):
            raise NotYet(message)


def name_standstill(optimizer: Watched, whose: str, elsewhere: str = "") -> None:
    """The weights have not moved. Why? `elsewhere`: what to say where backward() ran, and reached others."""
    events = optimizer.events
    if "backward" not in events and elsewhere:
        raise NotYet(f"{whose} does not move: {elsewhere}")
    if "backward" not in events:
        also = "" if "step" in events else " Nor is there an optimizer.step()."
        raise NotYet(f"{whose} does not move: no gradient reached its weights. Is the backward() missing?{also}")
    if "step" not in events:
        raise NotYet(f"{whose} does not move: its gradients are there, and nobody uses them. Call optimizer.step().")
    if events.index("step") < events.index("backward"):
        raise NotYet("optimizer.step() comes before backward(). First the gradient, then the step.")
    raise NotYet(f"{whose} does not move: zero_grad() threw the new gradients away. It comes before backward().")


def run(candidate: Callable, *args: Any, no_path: str) -> Any:
    """candidate(*args), on the judge's own tensors: they carry the graph that is judged."""
    try:
        result = call(lambda: candidate(*args))
        on_cpu(args)  # the networks, wherever they were moved
        return result
    except (RuntimeError, UserWarning) as error:
        if "does not require grad" in str(error):
            raise NotYet(no_path) from error
        if "second time" in str(error) or "modified by an inplace operation" in str(error):
            raise NotYet(_LEAK) from error
        raise


_OWN_OPTIMISER = "{} moves, but not by the optimizer that was given. Call optimizer.step(), once."

# --- the generator's step --------------------------------------------------------------------------------------------


def judge_generator_step(candidate) -> None:
    start, discriminator = small_network(), small_discriminator()
    opponent, opponents_weights = copy.deepcopy(discriminator), weights_of(discriminator)
    lr, hr = batch_of(0)
    network = copy.deepcopy(start)
    optimizer, seen, through_d = Watched(network), Seen(discriminator), []
    hook = next(discriminator.parameters()).register_hook(lambda gradient: through_d.append("backward"))
    no_path = (
        "The loss has no path back to the generator: it was detached, turned into a number, or computed under "
        "torch.no_grad()."
    )
    result = run(candidate, network, discriminator, optimizer, lr, hr, no_path=no_path)
    seen.handle.remove()
    hook.remove()
    if torch.equal(weights_of(network), weights_of(start)):
        cut = (
            "backward() runs, and its gradient ends in D. sr has no path back to the generator: it was made under "
            "torch.no_grad(), or detached. Take it as generator(lr) returns it."
        )
        name_standstill(optimizer, "The generator", elsewhere=cut if through_d else "")
    if "step" not in optimizer.events:
        raise NotYet(_OWN_OPTIMISER.format("The generator"))
    if not torch.equal(weights_of(discriminator), opponents_weights):
        raise NotYet("The discriminator has learned, too. This is the generator's step: D is used, and stays as it is.")
    if not all(parameter.requires_grad for parameter in discriminator.parameters()):
        raise NotYet(
            "The discriminator is left frozen: requires_grad is still False, and its own step could not move it. "
            "Thaw it again at the end, or do not freeze it."
        )
    with torch.no_grad():
        sr = copy.deepcopy(start)(lr)  # (2, 3, 24, 24)
    found = weights_of(network)
    _name_generators_weights(found, start, opponent, lr, hr, seen)
    _name_sr(result, sr, as_it_is(network, start)(lr).detach(), hr)
    if optimizer.events.count("forward") > 1:
        raise NotYet("The generator runs twice. One SR serves both losses, and is handed on to the discriminator.")
    if not (network.training and discriminator.training):
        raise NotYet("A network is left in evaluation mode. Leave the modes alone.")
    stale = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    before = as_it_is(network, start)
    lr, hr = batch_of(1)
    run(candidate, network, discriminator, optimizer, lr, hr, no_path=no_path)
    wanted = after(before, lambda g: _perceptual(g, opponent, lr, hr))
    if not same(weights_of(network), wanted, weights_of(before)):
        piled = after(before, lambda g: _perceptual(g, opponent, lr, hr), stale)
        if stale and same(weights_of(network), piled, weights_of(before)):
            raise NotYet(
                "The first step is right, the second is not: backward() adds to the gradients of the step before. Call "
                "optimizer.zero_grad() before backward()."
            )
        raise NotYet("The first step is right, the second is not. Is anything kept from one to the next?")


def _perceptual(g: nn.Module, d: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    sr = g(lr)
    return mse_loss(sr, hr) + WEIGHT * F.softplus(-d(sr)).mean()


def _name_generators_weights(found: Tensor, start: nn.Module, d: nn.Module, lr: Tensor, hr: Tensor, seen: Seen) -> None:
    first = weights_of(start)

    def by(loss: Callable[[Tensor, nn.Module], Tensor], mode: bool = True) -> Callable[[], Tensor]:
        return lambda: after(start.train(mode), lambda g: loss(g(lr), copy.deepcopy(d)))

    if same(found, by(lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-d(sr)).mean())(), first):
        return
    only_content = by(lambda sr, d: mse_loss(sr, hr))
    if same(found, only_content(), first):
        if not seen.inputs:
            raise NotYet("The discriminator is never asked: only the content loss moves the generator.")
        if seen.saw(hr) and len(seen.inputs) == 1:
            raise NotYet("The discriminator is shown HR. The generator wants to know what D says of its own SR.")
        raise NotYet(
            "D is asked, and its opinion does not reach the generator: the weights move as by the content loss alone. "
            "In this step nothing is detached, and nothing runs under no_grad: the gradient passes through D."
        )
    slips = {
        "Only the adversarial loss moves the generator. perceptual_loss also has the content. The order is (sr, hr): "
        "hr is the fixed target and gets no gradient.": by(lambda sr, d: WEIGHT * F.softplus(-d(sr)).mean()),
        "Only the adversarial loss moves the generator, and it counts fully. Take perceptual_loss(sr, hr, D(sr)): the "
        "content, and 1e-3 times this.": by(lambda sr, d: F.softplus(-d(sr)).mean()),
        "SR and HR go through D as one batch, and BatchNorm mixes their statistics. In this step D is asked for SR "
        "alone.": by(lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-d(torch.cat([sr, hr]))[: len(sr)]).mean()),
        "The adversarial loss counts fully. Its weight is 1e-3: perceptual_loss has it.": by(
            lambda sr, d: mse_loss(sr, hr) + F.softplus(-d(sr)).mean()
        ),
        "The generator is rewarded for being found out: the sign of the adversarial loss is that of D's own.": by(
            lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(d(sr)).mean()
        ),
        "The adversarial loss is the opposite of D's, log(1 - D(SR)). The paper takes -log D(SR), whose gradient does "
        "not fade where D is sure: perceptual_loss has it.": by(
            lambda sr, d: mse_loss(sr, hr) - WEIGHT * F.softplus(d(sr)).mean()
        ),
        "perceptual_loss takes logits, D(SR) as the network returns it. Here a sigmoid comes before it.": by(
            lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-torch.sigmoid(d(sr))).mean()
        ),
        "The discriminator is in evaluation mode in this step. Leave the modes alone.": by(
            lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-d.eval()(sr)).mean()
        ),
        "The generator is in evaluation mode in this step. Leave the modes alone.": by(
            lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-d(sr)).mean(), mode=False
        ),
        "SR is clamped to [0, 1]: where it is clamped, the gradient is zero. Leave SR as it is.": by(
            lambda sr, d: mse_loss(sr.clamp(0, 1), hr) + WEIGHT * F.softplus(-d(sr.clamp(0, 1))).mean()
        ),
        "The step goes up, not down: the sign of the loss is changed.": by(
            lambda sr, d: -mse_loss(sr, hr) - WEIGHT * F.softplus(-d(sr)).mean()
        ),
        "The discriminator's loss is in it, too: HR is judged, and the generator pays for SR being found out. The "
        "generator's loss is perceptual_loss(sr, hr, D(sr)), and nothing else.": by(
            lambda sr, d: (
                mse_loss(sr, hr)
                + WEIGHT * F.softplus(-d(sr)).mean()
                + F.softplus(-d(hr)).mean()
                + F.softplus(d(sr)).mean()
            )
        ),
    }
    try:
        name_slip(found, first, slips)
    finally:
        start.train()
    raise NotYet(
        "The generator's weights are not those of one step down perceptual_loss(sr, hr, discriminator(sr)). The order "
        "is: sr, loss, zero_grad, backward, step."
    )


def _name_sr(result: Any, sr: Tensor, later: Tensor, hr: Tensor) -> None:
    if isinstance(result, tuple | list):
        raise NotYet(f"{len(result)} values come back. Return sr alone, the images that the discriminator judges next.")
    result = as_tensor(result).detach()
    if result.shape != sr.shape:
        text = "the loss" if result.numel() == 1 else f"a tensor of shape {tuple(result.shape)}"
        raise NotYet(f"It returns {text}. Return sr, {tuple(sr.shape)}: the discriminator judges the same images next.")
    if torch.allclose(result, sr, atol=1e-5):
        return
    if torch.allclose(result, later, atol=1e-5):
        raise NotYet("It returns the SR of a second pass, after the step. Return the sr that the loss was taken of.")
    if torch.allclose(result, hr):
        raise NotYet("It returns HR. Return sr.")
    raise NotYet("The images returned are not the generator's sr of this step. Return sr as it is.")


# --- the discriminator's step ----------------------------------------------------------------------------------------

_LEAK = (
    "The gradient runs on from D into the generator: sr still hangs on the graph that made it. Cut it off: "
    "discriminator(sr.detach())."
)


def judge_discriminator_step(candidate) -> None:
    generator, start = small_network(), small_discriminator()
    before = weights_of(generator)
    lr, hr = batch_of(0)
    sr = generator(lr)  # (2, 3, 24, 24), with its graph, as the generator's step hands it on
    handed = sr.detach().clone()
    network = copy.deepcopy(start)
    optimizer = Watched(network)
    no_path = (
        "The loss has no path back to D: it was turned into a number, or computed under torch.no_grad(). What is "
        "detached is sr, D's input, not what D says."
    )
    result = run(candidate, network, optimizer, sr, hr, no_path=no_path)
    if any(parameter.grad is not None for parameter in generator.parameters()):
        raise NotYet(
            f"{_LEAK} Without it, the generator collects gradients that ask it to be found out, at first a thousand "
            "times as strong as its own."
        )
    if not torch.equal(weights_of(generator), before):
        raise NotYet("The generator has moved. This step is the discriminator's alone.")
    if torch.equal(weights_of(network), weights_of(start)):
        name_standstill(optimizer, "The discriminator")
    if not sr.requires_grad or not torch.equal(sr, handed):
        raise NotYet(
            "sr is another one after the call: a method whose name ends in _, such as detach_(), changes the caller's "
            "own tensor. sr.detach() gives a new one, and leaves sr as it is."
        )
    if optimizer.events.count("step") != 1:
        count = optimizer.events.count("step")
        raise NotYet(
            f"D takes {count} steps in one call: the second answer comes from another D than the first. Add both "
            "losses, then one optimizer.step()."
            if count
            else _OWN_OPTIMISER.format("D")
        )
    _name_discriminators_weights(weights_of(network), start, sr.detach(), hr)
    _name_probabilities(result, start, network, sr.detach(), hr)
    if not network.training:
        raise NotYet("The discriminator is left in evaluation mode. Leave the mode alone.")
    _with_gradients_of_the_generators_step(candidate, start, sr.detach(), hr, no_path)
    for logit in (200.0, -200.0):
        _with_a_sure_discriminator(candidate, start, logit, sr.detach(), hr, no_path)


def _with_a_sure_discriminator(candidate, start, logit: float, sr: Tensor, hr: Tensor, no_path: str) -> None:
    """A D that says the same to all images, without a doubt: half of it is wrong, and wants a slope."""
    sure = copy.deepcopy(start)
    with torch.no_grad():
        sure[-1].bias.fill_(logit)
    network = copy.deepcopy(sure)
    run(candidate, network, Watched(network), sr, hr, no_path=no_path)
    if same(weights_of(network), after(sure, lambda d: _judgement(d, sr, hr)), weights_of(sure)):
        return
    formulas = "Stay with the logits: -log D(HR) is softplus(-logit), -log(1 - D(SR)) is softplus(+logit)."
    if not torch.isfinite(weights_of(network)).all():
        raise NotYet(
            f"With a D that is sure, at logits near {logit:.0f}, its weights become nan: a sigmoid is exactly 0 or 1 "
            f"there, and the log of 0 is not finite, or an exp has become infinite. {formulas}"
        )
    raise NotYet(
        f"With a D that is sure, at logits near {logit:.0f}, the step is another. The loss is finite, but capped: by a "
        "clamp, by a small number inside the log, or by binary_cross_entropy of a sigmoid. Where D is surely wrong, a "
        f"capped loss has no slope. {formulas}"
    )


def _with_gradients_of_the_generators_step(candidate, start, sr: Tensor, hr: Tensor, no_path: str) -> None:
    """Before D's step stands the generator's, which leaves gradients in D."""
    network = copy.deepcopy(start)
    optimizer = Watched(network)
    stale = [torch.full_like(parameter, 0.5) for parameter in network.parameters()]
    for parameter, gradient in zip(network.parameters(), stale, strict=True):
        parameter.grad = gradient.clone()
    run(candidate, network, optimizer, sr, hr, no_path=no_path)
    first = weights_of(start)
    if same(weights_of(network), after(start, lambda d: _judgement(d, sr, hr)), first):
        return
    if same(weights_of(network), after(start, lambda d: _judgement(d, sr, hr), stale), first):
        raise NotYet(
            "Gradients that were there before count, too. The generator's step has passed through D and left some: "
            "call optimizer.zero_grad() before backward()."
        )
    raise NotYet("A second call, after a generator's step, moves D elsewhere. Is anything kept from the call before?")


def _judgement(d: nn.Module, sr: Tensor, hr: Tensor) -> Tensor:
    return F.softplus(-d(hr)).mean() + F.softplus(d(sr)).mean()


def _name_discriminators_weights(found: Tensor, start: nn.Module, sr: Tensor, hr: Tensor) -> None:
    first = weights_of(start)
    if same(found, after(start, lambda d: _judgement(d, sr, hr)), first):
        return

    def by(loss: Callable[[nn.Module], Tensor]) -> Callable[[], Tensor]:
        return lambda: after(start, loss)

    def merged(d: nn.Module) -> Tensor:
        real, fake = d(torch.cat([hr, sr])).chunk(2)
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    bce = F.binary_cross_entropy_with_logits

    def smoothed(d: nn.Module) -> Tensor:
        real, fake = d(hr), d(sr)
        return bce(real, torch.full_like(real, 0.9)) + F.softplus(fake).mean()

    name_slip(
        found,
        first,
        {
            "The labels are swapped: D learns to call SR real and HR made. D(HR) shall rise, D(SR) fall.": by(
                lambda d: F.softplus(d(hr)).mean() + F.softplus(-d(sr)).mean()
            ),
            "Both are called real. SR is made: its loss is -log(1 - D(SR)), softplus(+logit).": by(
                lambda d: F.softplus(-d(hr)).mean() + F.softplus(-d(sr)).mean()
            ),
            "Both are called made. HR is real: its loss is -log D(HR), softplus(-logit).": by(
                lambda d: F.softplus(d(hr)).mean() + F.softplus(d(sr)).mean()
            ),
            "Only HR's loss moves D: it would learn to say `real` to everything. Is SR's loss missing? Add it. Is SR's "
            "loss there? Then D gets no gradient from it: detach the images before D, discriminator(sr.detach()), not "
            "D's answer after it.": by(lambda d: F.softplus(-d(hr)).mean()),
            "Only SR's loss moves D: it would learn to say `made` to everything. Is HR's loss missing? Add it. Is it "
            "there? Then D gets no gradient from it: D's answer to HR must keep its graph.": by(
                lambda d: F.softplus(d(sr)).mean()
            ),
            "SR's loss is subtracted. Both are added: D(SR) shall fall, and -log(1 - D(SR)) = +softplus(+logit).": by(
                lambda d: F.softplus(-d(hr)).mean() - F.softplus(d(sr)).mean()
            ),
            "SR is clamped to [0, 1]. D judges SR as the generator made it: its values beyond 0 and 1 are a fault to "
            "be found.": by(lambda d: _judgement(d, sr.clamp(0, 1), hr)),
            "The loss is half of what is expected: it is the sum of both parts, not their mean.": by(
                lambda d: _judgement(d, sr, hr) / 2
            ),
            "HR and SR go through D as one batch, and BatchNorm mixes their statistics. Call D twice: once with HR, "
            "once with SR.": by(merged),
            "HR and SR go through D as one batch, and the loss is the mean of both. Call D twice, and add.": by(
                lambda d: merged(d) / 2
            ),
            "The sigmoid is taken twice: the loss is made for logits, and gets probabilities. Give it what D "
            "returns.": by(
                lambda d: F.softplus(-torch.sigmoid(d(hr))).mean() + F.softplus(torch.sigmoid(d(sr))).mean()
            ),
            "D is in evaluation mode: BatchNorm uses running statistics, not the batch's. Leave the mode alone.": by(
                lambda d: _judgement(d.eval(), sr, hr)
            ),
            "HR's label is 0.9 (label smoothing). That is a cure for a strong D; the paper's label is 1.": by(smoothed),
            "The losses are summed over the batch. Take the mean of each.": by(
                lambda d: F.softplus(-d(hr)).sum() + F.softplus(d(sr)).sum()
            ),
            "The loss is a squared error (LSGAN). The paper's is the cross-entropy: softplus of the logits.": by(
                lambda d: ((d(hr) - 1) ** 2).mean() + (d(sr) ** 2).mean()
            ),
            "The factor 1e-3 belongs to the generator's loss alone. D's counts fully.": by(
                lambda d: WEIGHT * _judgement(d, sr, hr)
            ),
            "The step goes up, not down: the sign of the loss is changed.": by(lambda d: -_judgement(d, sr, hr)),
        },
    )
    raise NotYet(
        "D's weights are not those of one step down softplus(-D(HR)) + softplus(D(SR)), each a mean over the batch. "
        "The order is: real, fake, loss, zero_grad, backward, step."
    )


def _name_probabilities(result: Any, start: nn.Module, moved: nn.Module, sr: Tensor, hr: Tensor) -> None:
    if result is None:
        raise NotYet("The result is None. Is the `return` missing?")
    if not isinstance(result, tuple | list) or len(result) != 2:
        found = as_array(result)
        raise NotYet(f"{found.size} value(s) come back. Two are expected: the mean D(HR) and the mean D(SR).")
    d_hr, d_sr = (as_number(value, what) for value, what in zip(result, ("D(HR)", "D(SR)"), strict=True))
    with torch.no_grad():
        real, fake = copy.deepcopy(start)(hr), copy.deepcopy(start)(sr)  # (2, 1), logits
        real_later, fake_later = as_it_is(moved, start)(hr), as_it_is(moved, start)(sr)
    p_real, p_fake = torch.sigmoid(real).mean().item(), torch.sigmoid(fake).mean().item()

    def are(first: float | Tensor, second: float | Tensor) -> bool:
        return abs(d_hr - float(first)) < 1e-4 and abs(d_sr - float(second)) < 1e-4

    if are(p_real, p_fake):
        if any(isinstance(value, Tensor) and value.requires_grad for value in result):
            raise NotYet(
                "The numbers returned still hold their graph, and a list of them fills the memory. Return .item()."
            )
        return
    if are(p_fake, p_real):
        raise NotYet("D(HR) and D(SR) are returned in the wrong order: first HR's, then SR's.")
    if are(real.mean(), fake.mean()):
        raise NotYet("These are logits. D(HR) and D(SR) are probabilities: take the sigmoid, then the mean.")
    if are(torch.sigmoid(real.mean()), torch.sigmoid(fake.mean())):
        raise NotYet("This is the sigmoid of the mean logit. Take the sigmoid of each image's logit, then the mean.")
    if are(torch.sigmoid(real_later).mean(), torch.sigmoid(fake_later).mean()):
        raise NotYet("These are the probabilities after the step, from a second pass. Return those of this step.")
    if are(F.softplus(-real).mean(), F.softplus(fake).mean()):
        raise NotYet("These are the two losses. Return the mean probabilities, sigmoid(real) and sigmoid(fake).")
    raise NotYet(
        f"It returns {d_hr:.3f} and {d_sr:.3f}; the mean of sigmoid(real) is {p_real:.3f}, that of sigmoid(fake) "
        f"{p_fake:.3f}."
    )
