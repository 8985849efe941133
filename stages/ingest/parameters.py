"""The settings of ingest: type, bounds, default and meaning of each."""

from typing import Annotated, Literal

from msgspec import Meta

from pipeline.stage import Parameters
from stages.shared.documents import Positive


class IngestParameters(Parameters, frozen=True):
    """Where the raw files are, and the layout they must have."""

    train: Annotated[str | None, Meta(description="Path of the training CSV (.csv, .csv.gz or .csv.zip).")] = None
    test: Annotated[str | None, Meta(description="Path of the test CSV (.csv, .csv.gz or .csv.zip).")] = None
    archive: Annotated[str | None, Meta(description="Path of a zip that holds train.csv and test.csv.")] = None
    sample_submission: Annotated[
        str | None,
        Meta(
            description="Path of the competition's sample submission, to check ids and column names; "
            '"auto": the one that lies beside the test set; "none": none.'
        ),
    ] = "auto"
    kaggle_input: Annotated[
        str | None,
        Meta(
            description="Folder below which the files are looked for if data/ holds none, as in Kaggle's notebooks; "
            '"none": nowhere.'
        ),
    ] = "/kaggle/input"
    has_header: Annotated[bool, Meta(description="Whether the first line names the columns.")] = True
    label: Annotated[str, Meta(description="The label column's name.", min_length=1)] = "label"
    id: Annotated[str, Meta(description="The id column's name in the test set, if it has one.", min_length=1)] = "id"
    leave_out: Annotated[
        tuple[str, ...], Meta(description="Names of columns to ignore, which are neither label, id nor pixels.")
    ] = ()
    classes: Annotated[
        Annotated[tuple[int | str, ...], Meta(min_length=2)] | None,
        Meta(description='The labels that may occur: [0, 1] or ["A", "B"]; read from the training rows if not given.'),
    ] = None
    height: Annotated[Positive | None, Meta(description="Image height in pixels, if not square.")] = None
    width: Annotated[Positive | None, Meta(description="Image width in pixels, if not square.")] = None
    on_error: Annotated[
        Literal["stop", "quarantine"],
        Meta(description="What to do with bad training rows: stop the run, or set them aside in quarantine.parquet."),
    ] = "stop"
    max_quarantined: Annotated[
        float, Meta(description="The largest share of training rows that may be set aside.", ge=0.0, le=1.0)
    ] = 0.01
    min_rows_per_class: Annotated[
        int, Meta(description="The fewest training rows that a class may have; a single one cannot be divided.", ge=1)
    ] = 2

    def __post_init__(self) -> None:
        if self.label == self.id:
            raise ValueError(f"label and id are both {self.label!r}, and they are two columns")
        if self.label in self.leave_out:
            raise ValueError(f"label is {self.label!r}, and leave_out leaves that column out")
        if self.leave_out and not self.has_header:
            raise ValueError("leave_out names columns, and has_header says that they have no names")
