"""Before/after sheets: two photos on one picture, for people who would rather look."""

from img_enhance.compare.drawing import sheet
from img_enhance.compare.files import check_sheet, compare_files, read_file, steps_of, write_sheet

__all__ = ["check_sheet", "compare_files", "read_file", "sheet", "steps_of", "write_sheet"]
