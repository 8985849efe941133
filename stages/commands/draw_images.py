"""Images in the terminal, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.terminal import output
from stages.images.terminal_drawing import GAP, characters, fitted, half_blocks
from stages.shared.arrays import Pixels


def draw(images: Sequence[Pixels]) -> int:
    """Print the first images side by side, as many as fit but at least one; return how many.

    They are drawn in greys on a terminal with colours, else in characters.
    """
    console = output.console()
    shown = [fitted(image, console.width) for image in images]
    fit = max(1, (console.width + GAP) // (shown[0].shape[1] + GAP))
    if output.has_colours(console):
        console.print(half_blocks(shown[:fit]), end="", no_wrap=True)
    else:
        output.echo(*characters(shown[:fit], console.width).splitlines())
    return len(shown[:fit])
