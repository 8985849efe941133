"""The JSON artifacts of the stages as strict models: what writes and what reads them agree here."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from pipeline.errors import DataError

Label = int | str
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base: immutable, and refusing keys it doesn't know."""


class DataSource(Document, frozen=True):
    """``ingest/source.json``: where the data came from, and whether that is the bundled sample.

    It stands apart from the profile so that the same data from another place trains nothing anew.
    """

    source: Annotated[str, Meta(min_length=1)]
    is_sample: bool


class Normaliser(Document, frozen=True):
    """How a raw pixel becomes a number in [0, 1]: ``(pixel - offset) / scale``, then clipped to [0, 1]."""

    kind: Literal["range", "min_max"]
    offset: float
    scale: Annotated[float, Meta(gt=0.0)]


class Images(Document, frozen=True):
    """``split/images.json``: the shape of one image, its normaliser, and how many rows each part has."""

    height: Positive
    width: Positive
    normaliser: Normaliser
    n_train: Positive
    n_validation: Count
    n_test: Count


class Classes(Document, frozen=True):
    """``encode/classes.json``: the original label of every output of the network, by index."""

    classes: Annotated[tuple[Label, ...], Meta(min_length=2)]

    def __post_init__(self) -> None:
        if len({type(label) for label in self.classes}) > 1:
            raise ValueError("classes mixes numbers and texts")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes holds a label twice")


class ClassMetrics(Document, frozen=True):
    """How well one class is recognised; a ratio without a single case is 0."""

    label: Label
    n_rows: Count
    precision: Share
    recall: Share
    f1: Share


class MemberMetrics(Document, frozen=True):
    """What one member of an ensemble does for itself, on rows that it has not seen.

    With folds these are the rows of its ``fold``, else the validation rows. ``validation_accuracy`` is its accuracy on
    the validation rows in either case, so that it can be compared with what the ensemble does there.
    """

    member: Count
    fold: Count | None
    accuracy: Share
    log_loss: Annotated[float, Meta(ge=0.0)]
    n_rows: Positive
    n_errors: Count
    validation_accuracy: Share | None


class EnsembleMetrics(Document, frozen=True):
    """What all members do together on the validation rows, which none of them has seen."""

    accuracy: Share
    accuracy_interval: tuple[Share, Share]
    log_loss: Annotated[float, Meta(ge=0.0)]
    n_rows: Positive
    n_errors: Count


class Metrics(Document, frozen=True):
    """``evaluate/metrics.json``: what the model does on rows that it has not seen; ``measured`` says which.

    With folds the figures are out-of-fold: each training row is judged by the members that have not seen it. The
    whole ensemble is then measured apart, on the validation rows, if there are any: ``ensemble``. ``members`` is
    empty where there is a single network.
    """

    accuracy: Share
    accuracy_interval: tuple[Share, Share]
    log_loss: Annotated[float, Meta(ge=0.0)]
    macro_f1: Share
    n_rows: Positive
    n_errors: Count
    source: str
    is_sample: bool
    per_class: tuple[ClassMetrics, ...]
    measured: str = "on the validation rows, which were not trained on"
    members: tuple[MemberMetrics, ...] = ()
    ensemble: EnsembleMetrics | None = None

    def __post_init__(self) -> None:
        if self.n_rows != sum(each.n_rows for each in self.per_class):
            raise ValueError("n_rows is not the sum over per_class")
        if abs(self.accuracy - (1 - self.n_errors / self.n_rows)) > 1e-12:
            raise ValueError("accuracy does not agree with n_errors")
        if not self.accuracy_interval[0] <= self.accuracy <= self.accuracy_interval[1]:
            raise ValueError("accuracy lies outside its interval")


D = TypeVar("D", bound=Document)


def encode_document(document: Document) -> bytes:
    """``document`` as indented UTF-8 JSON with a final newline; the same document gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def decode_document(data: bytes, model: type[D], *, name: str, mend: str) -> D:
    """The ``model`` that ``data`` holds.

    Raises
    ------
    DataError
        ``data`` is not JSON, or not of this model; ``name`` says which file, ``mend`` the command.
    """
    try:
        return msgspec.json.decode(data, type=model)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{name} is not what it should be: {error}", where=name, mend=mend) from error
