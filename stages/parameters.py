"""Every setting of every stage: its type, its bounds, its default, and what it means.

The models are strict and frozen. The engine fills them from the defaults, a preset, pipeline.toml,
the environment and --set; docs/configuration.md is made from them. They hold no code: a stage imports
them for type checking alone, so that a changed default reruns the stages whose values it changes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from pipeline.stage import Parameters

Count = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]


class IngestParameters(Parameters, frozen=True):
    """Where the raw files are, and the layout they must have."""

    train: Annotated[str | None, Meta(description="Path of the training CSV (.csv or .csv.gz).")] = None
    test: Annotated[str | None, Meta(description="Path of the test CSV (.csv or .csv.gz).")] = None
    archive: Annotated[str | None, Meta(description="Path of a zip that holds train.csv and test.csv.")] = None
    sample_submission: Annotated[
        str | None, Meta(description="Path of the competition's sample submission, to check ids and column names.")
    ] = None
    has_header: Annotated[bool, Meta(description="Whether the first line names the columns.")] = True
    label: Annotated[str, Meta(description="The label column's name.", min_length=1)] = "label"
    id: Annotated[str, Meta(description="The id column's name in the test set, if it has one.", min_length=1)] = "id"
    classes: Annotated[
        tuple[int | str, ...] | None,
        Meta(description="The labels that may occur; read from the training rows if not given. Texts allowed."),
    ] = None
    height: Annotated[Count | None, Meta(description="Image height in pixels, if not square.")] = None
    width: Annotated[Count | None, Meta(description="Image width in pixels, if not square.")] = None
    on_error: Annotated[
        Literal["stop", "quarantine"],
        Meta(description="What bad training rows do: stop the run, or be set aside in quarantine.parquet."),
    ] = "stop"
    max_quarantined: Annotated[
        float, Meta(description="The largest share of training rows that may be set aside.", ge=0.0, le=1.0)
    ] = 0.01
    min_rows_per_class: Annotated[
        int, Meta(description="The fewest training rows that a class may have; a single one cannot be divided.", ge=1)
    ] = 2


class SplitParameters(Parameters, frozen=True):
    """How the labelled rows are divided, and how pixels become numbers in [0, 1]."""

    validation: Annotated[
        float, Meta(description="Share of the labelled rows that is held out for validation.", gt=0.0, lt=1.0)
    ] = 0.1
    seed: Annotated[int, Meta(description="Seed of the random division.", ge=0)] = 42
    stratify: Annotated[bool, Meta(description="Keep every class's share equal in both parts.")] = True
    train_rows: Annotated[Count | None, Meta(description="Use only the first so many training rows.")] = None
    validation_rows: Annotated[Count | None, Meta(description="Use only the first so many validation rows.")] = None
    normalise: Annotated[
        Literal["range", "min_max"],
        Meta(description="Divide by 255, or scale by the smallest and largest value of the training rows."),
    ] = "range"


class EncodeParameters(Parameters, frozen=True):
    """One-hot encoding has no choices."""


class TrainParameters(Parameters, frozen=True):
    """The network and how it learns."""

    hidden: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(description="Width of each hidden layer.")] = (
        256,
        64,
    )
    learning_rate: Annotated[float, Meta(description="Learning rate; the peak, where a schedule moves it.", gt=0.0)] = (
        3e-3
    )
    epochs: Annotated[int, Meta(description="How many times every training row is seen.", ge=1)] = 10
    batch_size: Annotated[int, Meta(description="Rows per step.", ge=1)] = 128
    seed: Annotated[int, Meta(description="Seed of initial weights, order and augmentation.", ge=0)] = 0


class EvaluateParameters(Parameters, frozen=True):
    """What the evaluation shows."""

    examples: Annotated[int, Meta(description="How many of the worst mistakes the report draws.", ge=0, le=400)] = 40


class SubmitParameters(Parameters, frozen=True):
    """The submission's layout, where it is not the competition's usual one."""

    id_name: Annotated[Text | None, Meta(description="Header of the id column.")] = None
    label_name: Annotated[Text | None, Meta(description="Header of the label column.")] = None
    first_id: Annotated[int | None, Meta(description="First id, where the test set has no ids of its own.")] = None
