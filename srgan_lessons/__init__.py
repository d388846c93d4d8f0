"""SRGAN Lessons: from a photo to a trained SRGAN (Ledig et al. 2017, arXiv 1609.04802).

    import srgan_lessons as sl

    net = sl.load("srgan")                              # a network; net.about says what it is
    sr = net(lr)                                        # tensors (N, 3, h, w) -> (N, 3, 4h, 4w), in [0, 1]
    large = sl.upscale("photo.jpg")                     # a whole photo, in tiles
    run = sl.train("espcn", "my photos")                # a recipe, and a folder
    table = sl.evaluate(run.network, ["Set5"])          # PSNR and SSIM under a named protocol

These four functions are imported when they are used. Everything else is in its room: images, resize, metrics, models,
weights, vgg, losses, datasets, training, upscaling, evaluation, rating, classroom, in the order of the lessons. For
example: `from srgan_lessons.models import Generator`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srgan_lessons.evaluation import evaluate
    from srgan_lessons.training import train
    from srgan_lessons.upscaling import upscale
    from srgan_lessons.weights import load_network as load

__version__ = "0.1.0"
__all__ = ["UserError", "__version__", "evaluate", "load", "train", "upscale"]


class UserError(ValueError):
    """An error that the person at the keyboard can fix.

    Its message says what was wrong, where, and what to do next. The command line prints it without a traceback.
    told: whether another process of the same command prints the message.
    """

    told = False


# Name -> its room, and what it is called there.
_LAZY = {
    "evaluate": ("evaluation", "evaluate"),
    "load": ("weights", "load_network"),
    "train": ("training", "train"),
    "upscale": ("upscaling", "upscale"),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    room, called = _LAZY[name]
    return getattr(import_module(f"{__name__}.{room}"), called)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
