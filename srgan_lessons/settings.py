"""The names of settings, and what the command line says about them. Nothing heavy is imported here.

A setting is a field of a frozen dataclass, `Annotated[type, Setting("what it is", "UPDATES")]`. The options of the
command line are made from such fields (`cli_settings.py`).
"""

from dataclasses import dataclass
from typing import Literal, get_args

ADVERSARIAL_WEIGHT = 1e-3  # paper, eq. 3
TV_WEIGHT = 2e-8  # paper, section 3.4: only for SRResNet-VGG22

Content = Literal["mse", "vgg22", "vgg54", "offline", "offline-vgg22", "stlpips", "random"]
CONTENT: tuple[Content, ...] = get_args(Content)
Schedule = Literal["constant", "drop", "one-cycle"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)


@dataclass(frozen=True)
class Setting:
    """The description of a setting. unit: placeholder for the option's value. none: what None means."""

    text: str
    unit: str = ""
    none: str = ""
