"""Rows of a training log."""

from typing import Any

Rows = list[dict[str, Any]]

WIN, CLOSE, FOOLED = (0.9, 0.1), (0.6, 0.4), (0.4, 0.6)
