"""SRGAN Lessons: from a photo to a trained SRGAN (Ledig et al. 2017, arXiv 1609.04802).

The rooms, in the order in which the lessons teach them: images, resize, metrics, models, vgg, losses, datasets,
training, upscaling, evaluation, classroom. Nothing heavy is imported here; take what you need by its room, for example
`from srgan_lessons.models import Generator`.
"""

__version__ = "0.1.0"


class UserError(ValueError):
    """Something that the person at the keyboard can mend.

    Its message says what was wrong, where, and what to do next. The command line prints it without a traceback.
    told: whether another process of the same command prints it.
    """

    told = False
