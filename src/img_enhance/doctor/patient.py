"""What is examined."""

from dataclasses import dataclass, field

from img_enhance.models.table import ModelTable
from img_enhance.models.weights.cache import WeightStore
from img_enhance.planning.speeds import Speed, fitted

# An amount of work, and the seconds that it took.
Sample = tuple[float, float]


@dataclass(frozen=True)
class Patient:
    """This machine with its weights and models. `algorithm` is the step that is examined, None for all.

    `measured` takes the speeds that checks come upon.
    """

    store: WeightStore
    models: ModelTable
    algorithm: str | None = None
    measured: dict[str, Speed] = field(default_factory=dict)

    def learn(self, work: str, small: Sample, large: Sample) -> None:
        """Note how fast work is done, by two amounts of it, if they tell."""
        speed = fitted(small, large)
        if speed is not None:
            self.measured[work] = speed

    def includes(self, step: str) -> bool:
        """Whether a step is examined."""
        return self.algorithm in (None, step)
