"""Learns the weights by which the automatic mode tells casts, and writes them into the library. Needs PyTorch.

python bench/quality_fit.py FOLDER...           folders of ordinary photos, thousands in all; most of a second each on two cores
python bench/quality_fit.py FOLDER -o FILE      elsewhere than into the library
python bench/quality_fit.py FOLDER --start FILE go on learning lights from these weights; the answer is the mean of both

Four photos in five are learned from, in lights and exposures drawn at random; of the fifth it prints how often the bench's own degradations
are found, at several rates of false alarms.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from img_enhance.light.illuminant import HALF_DIFFERENCE, LONG_DIFFERENCE, SHORT_DIFFERENCE
from img_enhance.light.illuminant_estimate import CHANNELS, FIRST_LIGHT, GRID, GRID_CORNER, GRID_STEP, LIGHTS, STRONG, WHITE_AT
from img_enhance.light.learned import probability
from img_enhance.light.light_shares import SHARES
from measure import say
from photos import ROOT
from quality.degradations import CAST, DEGRADATIONS, UNDEGRADED
from quality.lessons import Lesson, lessons_of
from tables import Column, Table

Array = npt.NDArray[Any]
Weights = dict[str, Any]

WEIGHTS = ROOT / "src" / "img_enhance" / "light" / "learned.npz"

_FILTER = (GRID - LIGHTS[0] + 1, GRID - LIGHTS[1] + 1)
_HIDDEN = 32
_BATCH = 256

# How much the filters and the prior are held smooth and small.
_SMOOTH, _SMALL, _PRIOR_SMOOTH = 3e-3, 3e-4, 1e-3
_DECAY = 1e-3
_DROPOUT = 0.3
_EPOCHS, _RATE, _SMALL_NETWORK_RATE = 20, 0.02, 3e-3
# How large steps are, against those, where earlier weights are learned further.
_FURTHER_RATE = 0.2
# What a difference of CIEDE2000 1 counts beside the logarithm of the likelihood.
_DIFFERENCE_WEIGHT = 0.1

# Of well lit photos that were kept, so many per cent may be taken for having a cast when the confidence is a half.
CAST_FALSE_ALARMS = 6.5
FALSE_ALARMS = (10, 8, 6.5, 5, 3)
_CASTS = tuple(degradation.name for degradation in DEGRADATIONS if degradation.family == CAST)

Score = Callable[[Sequence[Lesson]], Array]


def main(given: Sequence[str] | None = None) -> int:
    """Learn, report, write."""
    arguments = _parser().parse_args(given)
    say("looking at photos in all lights")
    lessons = lessons_of(arguments.folders, photos=arguments.photos, jobs=arguments.jobs)
    learned, kept = ([lesson for lesson in lessons if lesson.kept is wanted] for wanted in (False, True))
    torch.manual_seed(0)
    say(f"learning lights from {len(learned)} pictures")
    start = None if arguments.start is None else _read(arguments.start)
    illuminant, score = learn_lights(learned, epochs=arguments.epochs, start=start)
    casts = score(kept)
    alarms = float(np.quantile(casts[_family(kept, UNDEGRADED)], 1 - CAST_FALSE_ALARMS / 100))
    illuminant["illuminant.out_bias"] += alarms
    print(_table("Casts found", kept, casts - alarms, _CASTS).text())
    if start is not None:
        illuminant = {name: (array + start[name]) / 2 for name, array in illuminant.items()}
    np.savez_compressed(arguments.output, **{name: array.astype(np.float16) for name, array in illuminant.items()})
    say(f"written: {arguments.output}")
    return 0


def learn_lights(lessons: Sequence[Lesson], *, epochs: int = _EPOCHS, start: Weights | None = None) -> tuple[Weights, Score]:
    """The arrays of `IlluminantWeights` by name, and what gives the logarithms of the odds of a cast in lessons.

    With `start` it goes on from such arrays, in smaller steps.
    """
    spectra, shares, wanted = _spectra(lessons), _tensor(lessons, "shares"), _wanted(lessons)
    mean, spread = shares.mean(0), shares.std(0) + 1e-3
    filters = torch.zeros(CHANNELS, *_FILTER, requires_grad=True)
    prior = torch.full(LIGHTS, -3.0, requires_grad=True)
    decision = _perceptron(LIGHTS[0] * LIGHTS[1] + SHARES, 1)
    if start is not None:
        _set(filters, start["illuminant.filters"])
        _set(prior, start["illuminant.prior"])
        hidden = start["illuminant.hidden"].T.copy()
        _set(decision[0].bias, start["illuminant.hidden_bias"] + hidden[:, -SHARES:] @ mean.numpy())
        hidden[:, -SHARES:] *= spread.numpy()
        _set(decision[0].weight, hidden)
        _set(decision[-1].weight, start["illuminant.out"].T)
        _set(decision[-1].bias, start["illuminant.out_bias"])
    lights_at, lit = torch.from_numpy(_lights_at()).float(), torch.from_numpy(_lit(lessons)).float()

    def scores(spectra: Any, shares: Any) -> Any:
        seen = torch.view_as_complex(spectra.float())
        turned = torch.fft.rfft2(filters, s=(GRID, GRID)).conj()
        found = torch.fft.irfft2((seen * turned).sum(1), s=(GRID, GRID))[:, : LIGHTS[0], : LIGHTS[1]]
        lights = (found - _at_white(found)[:, None, None] + prior).flatten(1)
        white = decision(torch.cat([torch.tanh(lights / STRONG), (shares - mean) / spread], 1))
        return torch.cat([white, lights], 1)

    def loss(batch: Any) -> Any:
        likely = torch.log_softmax(scores(spectra[batch], shares[batch]), 1)
        # What is left of the light, or put in, when the mean of all that is likely is taken out; white lies at 0.
        left = likely[:, 1:].exp() @ lights_at - lit[batch]
        return (
            -(wanted[batch] * likely).sum(1).mean()
            + _DIFFERENCE_WEIGHT * _difference(left).mean()
            + _SMOOTH * _steps(filters)
            + _SMALL * (filters**2).sum()
            + _PRIOR_SMOOTH * _steps(prior)
        )

    step = 1 if start is None else _FURTHER_RATE
    groups = [
        {"params": [filters, prior], "lr": step * _RATE, "weight_decay": 0.0},
        {"params": list(decision.parameters()), "lr": step * _SMALL_NETWORK_RATE, "weight_decay": _DECAY},
    ]
    _descend(loss, groups, count=len(lessons), epochs=epochs, network=decision)

    def odds(lessons: Sequence[Lesson]) -> Array:
        with torch.no_grad():
            found = scores(_spectra(lessons), _tensor(lessons, "shares"))
            return np.asarray((torch.logsumexp(found[:, 1:], 1) - found[:, 0]).numpy())

    arrays = {"illuminant.filters": filters.detach().numpy(), "illuminant.prior": prior.detach().numpy()}
    # The shares' scale goes into the first layer.
    first, last = decision[0], decision[-1]
    hidden = first.weight.detach().clone()
    hidden[:, -SHARES:] /= spread
    bias = first.bias.detach() - hidden[:, -SHARES:] @ mean
    return {**arrays, **_arrays("illuminant", hidden, bias, last)}, odds


def _perceptron(inputs: int, outputs: int) -> Any:
    network = torch.nn.Sequential(
        torch.nn.Linear(inputs, _HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(_DROPOUT), torch.nn.Linear(_HIDDEN, outputs)
    )
    torch.nn.init.zeros_(network[-1].weight)
    torch.nn.init.zeros_(network[-1].bias)
    return network


def _arrays(name: str, hidden: Any, bias: Any, last: Any) -> Weights:
    """As `learned.Perceptron` wants them."""
    parts = {"hidden": hidden.T, "hidden_bias": bias, "out": last.weight.detach().T, "out_bias": last.bias.detach()}
    return {f"{name}.{part}": value.numpy().copy() for part, value in parts.items()}


def _descend(loss: Callable[[Any], Any], groups: list[dict[str, Any]], *, count: int, epochs: int, network: Any) -> None:
    """Adam over all pictures, `epochs` times, in ever smaller steps."""
    optimizer = torch.optim.AdamW(groups)
    largest = [group["lr"] for group in optimizer.param_groups]
    network.train()
    for epoch in range(epochs):
        for group, rate in zip(optimizer.param_groups, largest, strict=True):
            group["lr"] = rate * (1 - epoch / epochs)
        for batch in torch.randperm(count).split(_BATCH):
            optimizer.zero_grad()
            loss(batch).backward()
            optimizer.step()
    network.eval()


def _spectra(lessons: Sequence[Lesson]) -> Any:
    """In half precision: all pictures have to lie in memory at once."""
    parts = [lessons[start : start + 1000] for start in range(0, len(lessons), 1000)]
    return torch.cat([torch.view_as_real(torch.fft.rfft2(_tensor(part, "colours"))).half() for part in parts])


def _tensor(lessons: Sequence[Lesson], field: str) -> Any:
    return torch.from_numpy(np.stack([getattr(lesson, field) for lesson in lessons])).float()


def _set(parameter: Any, values: Array) -> None:
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)))


def _read(path: Path) -> Weights:
    with np.load(path) as file:
        return {name: file[name].astype(np.float32) for name in file.files}


def _lights_at() -> Array:
    """(lights, 2) the logarithms of the ratios of every light."""
    axes = [
        (np.arange(count) + first + 0.5) * step + corner
        for count, first, step, corner in zip(LIGHTS, FIRST_LIGHT, GRID_STEP, GRID_CORNER, strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def _lit(lessons: Sequence[Lesson]) -> Array:
    """(N, 2) what should be taken out: nothing where nobody corrects."""
    return np.stack([lesson.light if lesson.given.family == CAST else np.zeros(2) for lesson in lessons])


def _difference(left: Any) -> Any:
    """About the CIEDE2000 of a grey in lights (N, 2), logarithms of ratios."""
    near = torch.sqrt((LONG_DIFFERENCE * left[:, 0]) ** 2 + (SHORT_DIFFERENCE * left[:, 1]) ** 2 + 1e-2)
    return near / (1 + near / HALF_DIFFERENCE)


def _wanted(lessons: Sequence[Lesson]) -> Any:
    """(N, 1 + lights) what should be answered: white, or the light, which is shared out among the four points around it."""
    wanted = torch.zeros(len(lessons), 1 + LIGHTS[0] * LIGHTS[1])
    for row, lesson in zip(wanted, lessons, strict=True):
        if lesson.given.family != CAST:
            row[0] = 1
            continue
        at = np.clip((lesson.light - GRID_CORNER) / GRID_STEP - 0.5 - FIRST_LIGHT, 0, np.array(LIGHTS) - 1.001)
        (long, short), (right, down) = at.astype(int), at % 1
        for column, part in (
            (0, (1 - right) * (1 - down)),
            (1, (1 - right) * down),
            (LIGHTS[1], right * (1 - down)),
            (LIGHTS[1] + 1, right * down),
        ):
            row[1 + long * LIGHTS[1] + short + column] += part
    return wanted


def _at_white(found: Any) -> Any:
    (long, short), (right, down) = np.floor(WHITE_AT).astype(int), WHITE_AT % 1
    here = found[:, long : long + 2, short : short + 2]
    return (here * torch.tensor(np.outer([1 - right, right], [1 - down, down])).float()).sum((1, 2))


def _steps(values: Any) -> Any:
    """The sum of the squared steps along the last two axes."""
    return (values[..., 1:, :] - values[..., :-1, :]).square().sum() + (values[..., 1:] - values[..., :-1]).square().sum()


def _family(lessons: Sequence[Lesson], family: str) -> Array:
    return np.array([lesson.given.family == family for lesson in lessons])


def _table(title: str, lessons: Sequence[Lesson], odds: Array, names: Sequence[str]) -> Table:
    """How many per cent of the degradations of these names are found, at several rates of false alarms."""
    well = odds[_family(lessons, UNDEGRADED)]
    rows = []
    for alarms in FALSE_ALARMS:
        least = np.quantile(well, 1 - alarms / 100)
        found = (100 * np.mean(odds[[lesson.given.name == name for lesson in lessons]] > least) for name in names)
        rows.append((alarms, float(probability(least)), *map(float, found)))
    columns = (Column("false alarms %", ".1f"), Column("probability", ".2f"), *(Column(name, ".0f") for name in names))
    photos = len({lesson.photo for lesson in lessons})
    return Table(
        title, f"Per cent of {photos} photos that were not learned from, by the degradation; at several false alarms.", columns, tuple(rows)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="a folder of photos")
    parser.add_argument(
        "-o", "--output", type=Path, default=WEIGHTS, metavar="FILE", help="where the weights go (default: into the library)"
    )
    parser.add_argument("--start", type=Path, metavar="FILE", help="weights to go on from")
    parser.add_argument("--photos", type=int, metavar="N", help="only the first N photos of each folder")
    parser.add_argument(
        "--epochs", type=int, default=_EPOCHS, metavar="N", help=f"how often all pictures are gone through (default {_EPOCHS})"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes that share the work (default: one a core)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
