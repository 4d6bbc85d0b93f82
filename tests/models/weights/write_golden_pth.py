"""Writes tests/weights/golden/*.pth with PyTorch: `python tests/weights/write_golden_pth.py`. PyTorch 2.13 wrote those that are there."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from golden_tensors import GOLDEN, TENSORS


def tensors() -> "OrderedDict[str, Any]":
    """TENSORS as a module's state_dict has them: an OrderedDict with versions in an attribute."""
    state: Any = OrderedDict((name, torch.from_numpy(values.copy())) for name, values in TENSORS.items())
    state["brain"] = state["brain"].to(torch.bfloat16)
    state["conv.weight"] = torch.nn.Parameter(state["conv.weight"])
    state["transposed"] = torch.arange(6.0).reshape(2, 3).T
    state["part"] = torch.arange(10.0)[2:8:3]
    state._metadata = OrderedDict({"": {"version": 1}})
    return state  # type: ignore[no-any-return]


def write(folder: Path) -> None:
    """The files, in both layouts and with each place where weights are kept."""
    state = tensors()
    worse = {"conv.bias": torch.zeros(4)}
    torch.save({"params": worse, "params_ema": state}, folder / "ema.pth")
    torch.save({"params": state}, folder / "params.pth")
    torch.save(state, folder / "plain.pth")
    torch.save({"params_ema": state}, folder / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({"params": state}, folder / "protocol4.pth", pickle_protocol=4)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    write(GOLDEN)
