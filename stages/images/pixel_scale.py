"""What the pixels of a data set mean: which value is the background, and which is full ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.shared.arrays import Pixels, border


@dataclass(frozen=True, slots=True)
class PixelScale:
    """The values of the background and of full ink; if images are dark on light, the ink's is the smaller one."""

    background: int
    ink: int

    def pixels(self, image: Pixels) -> Pixels:
        """An image that is light on dark, from 0 to 255, in the pixels of the data set."""
        amount = image.astype(np.float32) / 255
        return np.rint(self.background + amount * (self.ink - self.background)).astype(np.uint8)

    def match_polarity(self, image: Pixels) -> Pixels:
        """An image of the network's own size, inverted if the data set has the other polarity.

        Its pixels are read as those of the data set. If they exceed that range, they are read as 0 to 255.
        """
        smallest, largest = sorted((self.background, self.ink))
        if smallest <= image.min() and image.max() <= largest:
            is_dark_on_light = bool(np.median(border(image)) > (smallest + largest) / 2)
            is_alike = is_dark_on_light == (self.ink < self.background)
            return image if is_alike else (smallest + largest - image.astype(np.int16)).astype(np.uint8)
        return self.pixels(255 - image if np.median(border(image)) > 127 else image)
