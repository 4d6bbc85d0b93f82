"""What spandrel imports of torchvision, which has no build for PyTorch without CUDA; networks that would call it are not tried here."""
