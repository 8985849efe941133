"""The settings of split: type, bounds, default and meaning of each."""

from typing import Annotated, Literal

from msgspec import Meta

from pipeline.stage import ChoicesOf, Parameters
from stages.shared.documents import Positive
from stages.split.documents import Scaling


class SplitParameters(Parameters, frozen=True):
    """How the labelled rows are divided, and how pixels become numbers in [0, 1]."""

    validation: Annotated[
        float,
        Meta(description="Share of the labelled rows held out for validation; 0 only with folds.", ge=0.0, lt=1.0),
    ] = 0.1
    seed: Annotated[int, Meta(description="Seed of the random division.", ge=0, le=2**32 - 1)] = 42
    stratify: Annotated[bool, Meta(description="Keep every class's share equal in both parts.")] = True
    train_rows: Annotated[Positive | None, Meta(description="Use only so many of the training rows, at random.")] = None
    validation_rows: Annotated[
        Positive | None, Meta(description="Use only so many of the validation rows, at random.")
    ] = None
    normalise: Annotated[
        Literal["auto", Scaling],
        Meta(
            description="Divide by 255 (range), or scale by the smallest and largest value of the training rows "
            "(min_max); auto takes min_max where the pixels use less than four fifths of 0 to 255."
        ),
    ] = "auto"
    dtype: Annotated[
        Annotated[str, ChoicesOf("stages.mlp.architecture:DTYPES")],
        Meta(description="Type of the normalised pixels; float64 takes twice the space."),
    ] = "float32"
