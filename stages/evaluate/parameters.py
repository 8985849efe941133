"""The settings of evaluate: type, bounds, default and meaning of each."""

from typing import Annotated

from msgspec import Meta

from pipeline.stage import Parameters


class EvaluateParameters(Parameters, frozen=True):
    """What the evaluation shows."""

    examples: Annotated[
        int, Meta(description="Pictures in each gallery of the report, such as the worst mistakes.", ge=0, le=400)
    ] = 40
