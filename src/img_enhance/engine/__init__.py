"""The engine: runs a recipe on a photo as the plan says. It knows no algorithm."""

from img_enhance.engine.engine import Engine, enhance

__all__ = ["Engine", "enhance"]
