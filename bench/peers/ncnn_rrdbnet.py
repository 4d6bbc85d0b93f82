"""RRDBNet in ncnn on the CPU, from file to file, tiled as realesrgan-ncnn-vulkan tiles.

    python ncnn_rrdbnet.py PHOTO.png OUT.png NETWORK.param [--threads 2]

The weights are in NETWORK.bin beside the .param file. Tiles of 200 pixels see 10 more on each side; beyond the photo its edge is
repeated (https://github.com/xinntao/Real-ESRGAN-ncnn-vulkan, `RealESRGAN::process`). Weights and features are stored as float16,
computed in float32, as there. It runs in the peers' environment and imports nothing of img-enhance.
"""

import argparse
from pathlib import Path

import ncnn
import numpy as np
import numpy.typing as npt
from PIL import Image

SCALE = 4
TILE = 200
PREPADDING = 10
PNG_COMPRESSION = 1


def network(param: Path, threads: int) -> ncnn.Net:
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = True
    net.opt.use_fp16_storage = True
    net.opt.use_fp16_arithmetic = False
    if net.load_param(str(param)) or net.load_model(str(param.with_suffix(".bin"))):
        raise SystemExit(f"cannot read {param}")
    return net


def tile_answer(net: ncnn.Net, tile: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(H * 4, W * 4, 3) for (H, W, 3)."""
    picture = np.ascontiguousarray((tile.astype(np.float32) / 255).transpose(2, 0, 1))
    extractor = net.create_extractor()
    extractor.input("data", ncnn.Mat(picture))
    _, answer = extractor.extract("output")
    values: npt.NDArray[np.uint8] = np.rint(np.clip(np.array(answer) * 255, 0, 255)).astype(np.uint8)
    return values.transpose(1, 2, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("param", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    net = network(arguments.param, arguments.threads)
    pixels = np.asarray(Image.open(arguments.photo).convert("RGB"))
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((PREPADDING, PREPADDING), (PREPADDING, PREPADDING), (0, 0)), mode="edge")
    result = np.empty((height * SCALE, width * SCALE, 3), np.uint8)
    border = PREPADDING * SCALE
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            answer = tile_answer(net, padded[top : bottom + 2 * PREPADDING, left : right + 2 * PREPADDING])
            result[top * SCALE : bottom * SCALE, left * SCALE : right * SCALE] = answer[border:-border, border:-border]
    Image.fromarray(result).save(arguments.result, compress_level=PNG_COMPRESSION)


if __name__ == "__main__":
    main()
