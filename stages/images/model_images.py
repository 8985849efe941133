"""What a trained model knows about its images."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from numbers import Integral

from stages.images.deskew import DESKEWS


@dataclass(frozen=True, slots=True)
class Images:
    """The label of every class, the size of the images, and how pixels become inputs.

    An input is ``(pixel - offset) / scale``, clipped to [0, 1]. Then ``deskew``, a name in ``DESKEWS``, is applied.
    Raises ValueError if this is impossible.
    """

    classes: tuple[int | str, ...]
    height: int
    width: int
    offset: float = 0.0
    scale: float = 255.0
    deskew: str = "none"

    def __post_init__(self) -> None:
        if self.deskew not in DESKEWS:
            raise ValueError(f"deskew must be one of {', '.join(DESKEWS)}, not {self.deskew!r}")
        sides = self.height, self.width
        if not all(isinstance(side, Integral) and side is not True and 1 <= side < 2**31 for side in sides):
            raise ValueError(f"images of {self.height} x {self.width} have no pixels")
        are_numbers = all(
            isinstance(label, Integral) and not isinstance(label, bool) and abs(int(label)) < 2**63
            for label in self.classes
        )
        are_strings = all(isinstance(label, str) for label in self.classes)
        are_distinct = isinstance(self.classes, tuple) and len(set(self.classes)) == len(self.classes)
        if not are_distinct or not (are_numbers or are_strings):
            raise ValueError("the classes are neither distinct whole numbers of 64 bits nor distinct texts")
        "".join(map(str, self.classes)).encode()  # UnicodeEncodeError is a ValueError: a label holds half a character
        if not (isfinite(self.offset) and isfinite(self.scale) and self.scale):
            raise ValueError(f"pixels cannot be scaled by offset={self.offset}, scale={self.scale}")
