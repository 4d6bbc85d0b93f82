"""What children of the service are told at their start, in tests."""

from img_enhance.workers.protocol import CPU, Setup

SETUP = Setup(
    device=CPU,
    precision="f32",
    max_memory=None,
    max_gpu_memory=None,
    gpu_share=1.0,
    max_pixels=1_000_000,
    max_result_pixels=1_000_000,
    warm_model="",
    idle_seconds=60,
    reader_memory=500_000_000,
    reader_seconds=10,
    max_file_bytes=1_000_000,
)
