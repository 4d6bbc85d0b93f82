"""Draws what was found on a copy of the photo."""

import cv2

from img_enhance.faces.detect import Face
from img_enhance.machine.canvas import Pixels

# RGB in 8 bits.
_WANTED, _LEFT_ALONE = (40, 220, 60), (255, 170, 0)
# Lines and numbers grow with the face.
_LINE, _POINT, _NUMBER = 1 / 60, 1 / 40, 1 / 150
_SMALLEST_NUMBER = 0.4


def draw_faces(pixels: Pixels, faces: list[tuple[Face, bool]]) -> None:
    """Draw boxes, points and numbers from 1 into (H, W, 3) RGB of 8 or 16 bits; each face with whether it is to be restored (green)."""
    unit = 257 if pixels.dtype.itemsize == 2 else 1
    for number, (face, wanted) in enumerate(faces, 1):
        colour = [unit * value for value in (_WANTED if wanted else _LEFT_ALONE)]
        line = max(1, round(face.side * _LINE))
        box = face.box
        cv2.rectangle(pixels, (box.left, box.top), (box.right - 1, box.bottom - 1), colour, line)
        for x, y in face.points:
            cv2.circle(pixels, (round(x), round(y)), max(1, round(face.side * _POINT)), colour, cv2.FILLED)
        scale = max(_SMALLEST_NUMBER, face.side * _NUMBER)
        place = (box.left + 2 * line, box.bottom - 3 * line)
        cv2.putText(pixels, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, line, cv2.LINE_AA)
