"""What settings are called, and what the command line says of them. Nothing heavy is imported here.

A setting is a field of a frozen dataclass, `Annotated[type, Setting("what it is", "UPDATES")]`. The command line is
made from such fields (`cli_settings.py`).
"""

from dataclasses import dataclass
from typing import Literal, get_args

ADVERSARIAL_WEIGHT = 1e-3  # paper, eq. 3
TV_WEIGHT = 2e-8  # paper, section 3.2: for SRResNet-VGG22 alone

Content = Literal["mse", "vgg22", "vgg54", "offline", "offline-vgg22", "stlpips", "random"]
CONTENT: tuple[Content, ...] = get_args(Content)
Schedule = Literal["constant", "drop", "one-cycle"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)


@dataclass(frozen=True)
class Setting:
    """What is said of a setting. unit: of its value, as the placeholder of the option. none: what None stands for."""

    text: str
    unit: str = ""
    none: str = ""
