"""The settings of submit: type, bounds, default and meaning of each."""

from typing import Annotated

from msgspec import Meta

from pipeline.stage import Parameters

Text = Annotated[str, Meta(min_length=1)]


class SubmitParameters(Parameters, frozen=True):
    """The submission's layout, where it is not the competition's usual one."""

    id_name: Annotated[Text | None, Meta(description="Header of the id column.")] = None
    label_name: Annotated[Text | None, Meta(description="Header of the label column.")] = None
    first_id: Annotated[int | None, Meta(description="First id, where the test set has no ids of its own.")] = None
