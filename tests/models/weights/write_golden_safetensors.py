"""Writes tests/weights/golden/numpy.safetensors with the safetensors package: `python tests/weights/write_golden_safetensors.py`.

Version 0.8.0 wrote the one that is there. numpy has no bfloat16, so that tensor is stored as the two bytes it is, and its type is put
right afterwards.
"""

import numpy as np
from golden_tensors import GOLDEN, TENSORS
from safetensors.numpy import save

if __name__ == "__main__":
    tensors = {name: np.ascontiguousarray(values).reshape(values.shape) for name, values in TENSORS.items()}
    tensors["brain"] = (TENSORS["brain"].view(np.uint32) >> 16).astype(np.uint16)
    data = save(tensors, metadata={"format": "np"}).replace(b'"brain":{"dtype":"U16"', b'"brain":{"dtype":"BF16"')
    values = len(data) - sum(values.nbytes for values in tensors.values())
    text = data[8:values].rstrip(b" ")  # spaces fill the header up to a multiple of 8, and it has become longer
    padded = text + b" " * (-len(text) % 8)
    (GOLDEN / "numpy.safetensors").write_bytes(len(padded).to_bytes(8, "little") + padded + data[values:])
