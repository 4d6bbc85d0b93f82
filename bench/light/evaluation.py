"""One way by itself, for who works on it: from any script that has `bench` in its path,

from light.evaluation import evaluate
for table in evaluate(lambda pixels: ...):
    print(table.text())
"""

from light.findings import Way
from light.measurements import measure
from light.natural import judged, wishes
from light.report import natural_table, tables_of, wishes_table
from light.scenes import sequences
from light.ways import NO_CHANGE
from quality.peers import no_change
from tables import Table

_WAY = "the way"


def evaluate(way: Way, *, scenes: int | None = None, jobs: int = 1) -> list[Table]:
    """The tables of `way` beside no change, over the first `scenes` or all, and over natural photos where there are some.

    With more than one job `way` must be picklable.

    Raises: NoScenes.
    """
    ways = {NO_CHANGE: no_change, _WAY: way}
    tables = tables_of(measure(sequences(scenes), ways, jobs=jobs))
    judgements = judged(wishes(), ways, jobs=jobs)
    return [*tables, wishes_table(judgements), natural_table(judgements, _WAY)] if judgements else tables
