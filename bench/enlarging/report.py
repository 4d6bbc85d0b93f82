"""Tables of how near enlarged pictures come to the truth, what keeping colours does, and what a model costs."""

from collections.abc import Sequence
from statistics import fmean

from enlarging.costs import SIZES, Cost
from enlarging.degradations import DEGRADATIONS
from enlarging.measurements import BARE, Measurement
from tables import Column, Table, verdict

# Decibels that keeping colours may cost any picture.
MOST_LOST = 0.05

_METRICS = (Column("PSNR", ".2f"), Column("SSIM", ".4f"), Column("GMSD", ".4f"), Column("colour", ".2f"), Column("LPIPS", ".3f"))


def nearness_table(kind: str, scale: int, degradation: str, measurements: Sequence[Measurement]) -> Table:
    """One row a way: means over all pictures of one kind."""
    of_all = [m for m in measurements if m.scale == scale and m.degradation == degradation]
    ways = list(dict.fromkeys((m.model, m.level) for m in of_all))
    pictures = len({m.picture for m in of_all})
    return Table(
        f"{kind}, reduced {scale} times, {degradation}",
        f"Means of {pictures} pictures. More PSNR and SSIM, less GMSD, colour (CIEDE2000 of the reduced result) and LPIPS are better.",
        (Column("model"), Column("level"), *_METRICS),
        tuple((*way, *_means([m for m in of_all if (m.model, m.level) == way])) for way in ways),
    )


def _means(measurements: Sequence[Measurement]) -> tuple[float | None, ...]:
    """In the order of the columns; none where a metric was not there for one of them."""
    figures = zip(*((m.scores.psnr, m.scores.ssim, m.scores.gmsd, m.scores.colour, m.scores.lpips) for m in measurements), strict=True)
    return tuple(fmean(found) if None not in found else None for found in figures)


def colours_table(kind: str, measurements: Sequence[Measurement]) -> Table:
    """What keeping the picture's own colours gains over the bare network, in decibels: one row a model and degradation."""
    rows = []
    for model in dict.fromkeys(m.model for m in measurements if m.level == BARE):
        for degradation in DEGRADATIONS:
            of_model = [m for m in measurements if m.model == model and m.degradation == degradation]
            kept, bare = ({m.picture: m.scores for m in of_model if m.level == level} for level in ("1", BARE))
            gains = {picture: kept[picture].psnr - bare[picture].psnr for picture in kept}
            worst = min(gains, key=lambda picture: gains[picture])
            colour = fmean(kept[picture].colour - bare[picture].colour for picture in kept)
            met = verdict(gains[worst] >= -MOST_LOST, f"none loses more than {MOST_LOST}")
            rows.append((model, degradation, fmean(gains.values()), gains[worst], worst, colour, met))
    return Table(
        f"{kind}: the picture's own colours against the bare network",
        "Decibels of PSNR gained, the mean and the picture that gains least, and by how much the colour's error changes.",
        (
            Column("model"),
            Column("pictures"),
            Column("gain", "+.2f"),
            Column("least", "+.2f"),
            Column("of"),
            Column("colour", "+.2f"),
            Column("goal"),
        ),
        tuple(rows),
    )


def cost_table(costs: Sequence[Cost]) -> Table:
    """One row a model."""
    return Table(
        "What a model takes",
        f"The command line over results of {SIZES[0]:g} and {SIZES[1]:g} megapixels: by how much the larger takes longer, for a megapixel.",
        (Column("model"), Column("s/MP", ".2f"), Column("processor s/MP", ".2f"), Column("MB at the larger", ".0f")),
        tuple((cost.model, cost.seconds, cost.processor_seconds, cost.anonymous_bytes / 1e6) for cost in costs),
    )
