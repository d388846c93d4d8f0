"""What is due after an update: a line of the log, a validation, a checkpoint, the end."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Due:
    """What the loop does after an update, before the next."""

    report: bool = False
    validate: bool = False
    save: bool = False
    stop: bool = False

    def __bool__(self) -> bool:
        return self.report or self.validate or self.save or self.stop


@dataclass(kw_only=True)
class Schedule:
    """Says what is due after each update. It needs neither networks nor files.

    steps: updates of the whole run. log_every, validate_every: updates between two lines and two validations; the last
    update has both. validate_every is None if there is nothing to validate on. checkpoint_seconds: seconds between two
    checkpoints. seconds: the run stops after this many seconds; None: never.
    now: the time at which the run begins, on the same clock as in the later calls.
    """

    steps: int
    log_every: int
    validate_every: int | None
    checkpoint_seconds: float
    seconds: float | None
    now: float

    def __post_init__(self) -> None:
        self.began = self.saved = self.now

    def out_of_time(self, now: float) -> bool:
        """Whether this run's time is up."""
        return self.seconds is not None and now - self.began > self.seconds

    def reports_at(self, step: int) -> bool:
        """Whether a line of the log is due after `step` updates."""
        return step % self.log_every == 0 or step == self.steps

    def after(self, step: int, now: float, *, stop: bool) -> Due:
        """What is due after `step` updates. stop: the run was asked to stop, or its time is up."""
        last = step == self.steps
        save = last or stop or now - self.saved > self.checkpoint_seconds
        validate = self.validate_every is not None and (step % self.validate_every == 0 or last)
        return Due(report=self.reports_at(step) or validate, validate=validate, save=save, stop=stop)
