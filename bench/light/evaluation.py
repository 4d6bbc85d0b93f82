"""One way by itself, for who works on it: from any script that has `bench` in its path,

from light.evaluation import evaluate
for table in evaluate(lambda pixels: ...):
    print(table.text())
"""

from light.findings import Way
from light.measurements import measure
from light.report import tables_of
from light.scenes import sequences
from light.ways import NO_CHANGE
from quality.peers import no_change
from tables import Table


def evaluate(way: Way, *, scenes: int | None = None, jobs: int = 1) -> list[Table]:
    """The tables of `way` beside no change, over the first `scenes` or all; with more than one job `way` must be picklable.

    Raises: NoScenes.
    """
    return tables_of(measure(sequences(scenes), {NO_CHANGE: no_change, "the way": way}, jobs=jobs))
