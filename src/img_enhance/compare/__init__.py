"""Before/after sheets: two photos on one picture, for people who would rather look."""

from img_enhance.compare.drawing import sheet
from img_enhance.compare.files import compare_files, write_sheet

__all__ = ["compare_files", "sheet", "write_sheet"]
