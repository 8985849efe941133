"""Reading a picture takes bounded memory, whatever its file says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import DataError
from stages.images.read_picture import MOST_PIXELS, WORKING_SIDE, as_grey, read_picture

SIDE = int(MOST_PIXELS**0.5)
PEAK = """
import resource, sys
from pathlib import Path
from stages.images.read_picture import read_picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_picture(Path(sys.argv[1]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "P"])
def test_the_largest_picture_of_a_small_file_takes_little_more_than_its_pixels(tmp_path: Path, mode: str) -> None:
    plain = mode in {"P", "I;16"}
    options = {"transparency": 0} if mode == "P" else {}
    Image.new(mode, (SIDE, SIDE), 0 if plain else "white").save(tmp_path / "a.png", compress_level=1, **options)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / "a.png")], capture_output=True, text=True, check=False
    )
    assert float(done.stdout) < 4 * MOST_PIXELS / 2**20 + 60, done.stderr  # MB


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1"])
def test_a_large_picture_read_in_bands_is_the_picture_made_smaller(mode: str) -> None:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 2, (90, 61), dtype=np.uint8) * 255)
    large = coarse.resize((61 * 50, 90 * 50), Image.Resampling.NEAREST).convert(mode)
    grey = as_grey(large)
    assert max(grey.shape) <= WORKING_SIDE
    whole = large.convert("L").reduce(90 * 50 // WORKING_SIDE)
    whole.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    assert np.abs(grey.astype(int) - np.asarray(whole)).max() <= 1


def test_a_png_with_a_flipped_bit_is_damaged(tmp_path: Path) -> None:
    """Its pixels can be read nevertheless, and are others."""
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 200] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png is damaged or cut off"):
        read_picture(path)


def test_a_large_photo_is_read_at_a_smaller_size_and_not_refused(tmp_path: Path) -> None:
    Image.new("L", (2 * SIDE, SIDE), 200).save(tmp_path / "photo.jpg")
    assert max(read_picture(tmp_path / "photo.jpg").shape) == WORKING_SIDE
