"""Exercise 7.3: the discriminator's step."""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.calling import why_none
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.reading import as_array, as_number
from srgan_lessons.exercises.shared.adversarial import (
    LEAK,
    OWN_OPTIMISER,
    Seen,
    after,
    as_it_is,
    name_length,
    name_slip,
    name_standstill,
    run,
    same,
    small_discriminator,
    wrong_losses,
)
from srgan_lessons.exercises.shared.updates import Watched, batch_of, small_network, weights_of


def discriminator_step(discriminator, optimizer, sr, hr):
    # SOLUTION
    real = discriminator(hr)  # (N, 1), logits
    fake = discriminator(sr.detach())  # (N, 1), logits
    loss = F.softplus(-real).mean() + F.softplus(fake).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    # STUB
    # real = ...  # 1. (N, 1), logits of HR
    # fake = ...  # 2. (N, 1), logits of SR; the generator must not notice
    # loss = ...  # 3. -log D(HR), mean, plus -log(1 - D(SR)), mean
    # ...  # 4. one update of the discriminator: three calls
    # END
    return torch.sigmoid(real).mean().item(), torch.sigmoid(fake).mean().item()


def judge(candidate) -> None:
    generator, start = small_network(), small_discriminator()
    before = weights_of(generator)
    lr, hr = batch_of(0, count=3)
    sr = generator(lr)  # (3, 3, 24, 24), with its graph, as the generator's step hands it on
    network = copy.deepcopy(start)
    optimizer, seen = Watched(network), Seen(network)
    no_path = (
        "The loss has no path back to D: it was turned into a number, or computed under torch.no_grad(). Detach "
        "only sr, D's input, not D's answers."
    )
    result = run(candidate, network, optimizer, sr, hr, no_path=no_path)
    if any(parameter.grad is not None for parameter in generator.parameters()):
        raise NotYet(
            f"{LEAK} Without it, the generator collects gradients that ask it to be found out, at first a thousand "
            "times as strong as its own."
        )
    if not torch.equal(weights_of(generator), before):
        raise NotYet("The generator has moved. In this step, only the discriminator learns.")
    if torch.equal(weights_of(network), weights_of(start)):
        name_standstill(optimizer, "The discriminator")
    if optimizer.events.count("step") != 1:
        count = optimizer.events.count("step")
        raise NotYet(
            f"D takes {count} steps in one call, so its second answer comes from a changed D. Add both "
            "losses, then call optimizer.step() once."
            if count
            else OWN_OPTIMISER.format("D")
        )
    seen.handle.remove()
    _name_discriminators_weights(weights_of(network), start, sr.detach(), hr, seen)
    _name_probabilities(result, start, network, sr.detach(), hr)
    if not network.training:
        raise NotYet("The discriminator is left in evaluation mode. Leave the mode alone.")
    _with_gradients_of_the_generators_step(candidate, start, sr.detach(), hr, no_path)
    for logit in (200.0, -200.0):
        _with_a_sure_discriminator(candidate, start, logit, sr.detach(), hr, no_path)


def _with_a_sure_discriminator(candidate, start, logit: float, sr: Tensor, hr: Tensor, no_path: str) -> None:
    """Judges the step of a D that is sure of the same answer for all images. Where D is wrong, it needs a gradient."""
    sure = copy.deepcopy(start)
    with torch.no_grad():
        sure[-1].bias.fill_(logit)
    network = copy.deepcopy(sure)
    run(candidate, network, Watched(network), sr, hr, no_path=no_path)
    if same(weights_of(network), after(sure, lambda d: _judgement(d, sr, hr)), weights_of(sure)):
        return
    formulas = "Work on the logits: -log D(HR) is softplus(-logit), -log(1 - D(SR)) is softplus(+logit)."
    if not torch.isfinite(weights_of(network)).all():
        raise NotYet(
            f"With a D that is sure, at logits near {logit:.0f}, its weights become nan: a sigmoid is exactly 0 or 1 "
            f"there, and the log of 0 is not finite, or an exp has become infinite. {formulas}"
        )
    raise NotYet(
        f"With a D that is sure, at logits near {logit:.0f}, the step is not right. The loss is finite, but capped: by "
        "a clamp, by a small number inside the log, or by binary_cross_entropy of a sigmoid. Where D is sure and "
        f"wrong, a capped loss has no slope. {formulas}"
    )


def _with_gradients_of_the_generators_step(candidate, start, sr: Tensor, hr: Tensor, no_path: str) -> None:
    """Judges D's step after the generator's step, which leaves gradients in D."""
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
            "Gradients left over from before also count. The generator's step has passed through D and left some: "
            "call optimizer.zero_grad() before backward()."
        )
    raise NotYet("A second call, after a generator's step, goes wrong. Is anything kept from the call before?")


def _judgement(d: nn.Module, sr: Tensor, hr: Tensor) -> Tensor:
    return F.softplus(-d(hr)).mean() + F.softplus(d(sr)).mean()


def _name_discriminators_weights(found: Tensor, start: nn.Module, sr: Tensor, hr: Tensor, seen: Seen) -> None:
    first = weights_of(start)
    if same(found, after(start, lambda d: _judgement(d, sr, hr)), first):
        return

    def by(loss: Callable[[nn.Module], Tensor]) -> Callable[[], Tensor]:
        return lambda: after(start, loss)

    def merged(d: nn.Module) -> Tensor:
        real, fake = d(torch.cat([hr, sr])).chunk(2)
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    slips = {message: by(lambda d, f=loss: f(d(hr), d(sr))) for message, loss in wrong_losses().items()}
    slips |= {
        "SR is clamped to [0, 1]. D judges SR as the generator made it: values below 0 or above 1 are a fault that D "
        "should find.": by(lambda d: _judgement(d, sr.clamp(0, 1), hr)),
        "HR and SR go through D as one batch, and BatchNorm mixes their statistics. Call D twice: once with HR, once "
        "with SR.": by(merged),
        "HR and SR go through D as one batch, and the loss is the mean of both. Call D twice, and add both.": by(
            lambda d: merged(d) / 2
        ),
        "D is in evaluation mode: BatchNorm uses running statistics, not the batch's. Leave the mode alone.": by(
            lambda d: _judgement(d.eval(), sr, hr)
        ),
    }
    name_slip(found, first, slips)
    for name, images in (("hr", hr), ("sr", sr)):
        if not seen.saw(images):
            raise NotYet(
                f"D is never shown {name} as it is. Is something else shown, or is {name} changed or cut first?"
            )
    name_length(found, after(start, lambda d: _judgement(d, sr, hr)), first)
    raise NotYet(
        "D's weights are not those of one step down softplus(-D(HR)) + softplus(D(SR)), each a mean over the batch. "
        "The order is: real, fake, loss, zero_grad, backward, step."
    )


def _name_probabilities(result: Any, start: nn.Module, moved: nn.Module, sr: Tensor, hr: Tensor) -> None:
    if result is None:
        raise NotYet(f"The result is None. {why_none()}")
    if not isinstance(result, tuple | list) or len(result) != 2:
        found = as_array(result)
        raise NotYet(
            f"{found.size} number{'' if found.size == 1 else 's'} came back. Two are expected: the mean D(HR) and the "
            "mean D(SR)."
        )
    d_hr, d_sr = (as_number(value, what) for value, what in zip(result, ("D(HR)", "D(SR)"), strict=True))
    with torch.no_grad():
        real, fake = copy.deepcopy(start)(hr), copy.deepcopy(start)(sr)  # (3, 1), logits
        real_later, fake_later = as_it_is(moved, start)(hr), as_it_is(moved, start)(sr)
    p_real, p_fake = torch.sigmoid(real).mean().item(), torch.sigmoid(fake).mean().item()

    def are(first: float | Tensor, second: float | Tensor) -> bool:
        return abs(d_hr - float(first)) < 1e-4 and abs(d_sr - float(second)) < 1e-4

    if are(p_real, p_fake):
        if any(isinstance(value, Tensor) and value.requires_grad for value in result):
            raise NotYet(
                "The numbers returned still carry their graph, and a list of them fills the memory. Return .item()."
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
        f"It returns {d_hr:.4f} and {d_sr:.4f}. The mean of sigmoid(real) is {p_real:.4f}, and that of sigmoid(fake) "
        f"is {p_fake:.4f}. Return these numbers, between 0 and 1 and with all their digits."
    )


EXERCISE = Exercise(
    name="discriminator_step",
    lesson=7,
    place=3,
    title="the discriminator's step",
    difficulty="medium",
    minutes=8,
    reference=discriminator_step,
    judge=judge,
    hints=(
        "Call the discriminator twice, use softplus twice, and make one update. Which of the two softplus has a minus?",
        "sr comes with the graph that made it. x.detach() has the same numbers without the graph. And 1 - "
        "sigmoid(x) = sigmoid(-x), so -log(1 - D(SR)) = softplus(+logit).",
        "fake = discriminator(sr.detach()); loss = F.softplus(-real).mean() + F.softplus(fake).mean(); then "
        "zero_grad, backward, step.",
    ),
    mistakes=(
        Mistake("no detach", says="sr is still attached to the graph", ask="Where does the gradient of D's loss flow?"),
        Mistake(
            "softplus(-real) - softplus(-fake)",
            says="log D has no lower limit",
            ask="D takes SR for a photo, and is sure. How steep is log D there, and how steep is -log(1 - D)?",
        ),
        Mistake("HR and SR as one batch", says="as one batch", ask="Which statistics does BatchNorm then see?"),
    ),
)
