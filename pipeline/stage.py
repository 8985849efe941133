"""What a stage is: a name, what it reads and writes, its parameters, and the function that does the work.

Nothing here runs anything. A list of ``Stage`` is the whole pipeline as data, and the engine plans with it.
A stage's function is given a ``pipeline.task.Task`` and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import msgspec


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of every stage's settings: strict, immutable, and refusing unknown keys.

    A module of settings must not use ``from __future__ import annotations``: it keeps each type as a text, which every
    command would compile again.

    ``renamed`` maps a setting's earlier name to the present one, for the hint.
    """

    renamed: ClassVar[Mapping[str, str]] = {}

    def check_beside(self, stages: Mapping[str, Any]) -> None:
        """Raise ValueError if a setting does not fit another stage's; ``stages`` has the settings of all that run.

        The message names each by its full name.
        """


@dataclass(frozen=True, slots=True)
class ChoicesOf:
    """An annotation of a setting: its value is a name in a table elsewhere, ``module:TABLE``.

    ``Annotated[str, ChoicesOf("stages.mlp.layers.activations:ACTIVATIONS")]``. The table is a ``dict`` literal
    with texts as keys, or a tuple of texts. Its names are read from its source when they are needed; the
    module is not imported.
    """

    table: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a stage writes, and the check that reads it back before it is published.

    ``path`` is relative to artifacts/: ``split/X_train.npy``. ``check`` names a function
    ``module:function`` that takes the file's path and raises ``DataError`` if it is not what it
    should be. An ``optional`` artifact is written only when there is a reason for it.
    """

    path: str
    check: str
    optional: bool = False

    @property
    def file_name(self) -> str:
        return self.path.split("/", 1)[1]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the pipeline, as data.

    Functions are named ``module:function`` and imported only when they are called, so that planning
    imports nothing. ``sources`` names a function ``(parameters, folder) -> Sources``.
    ``not_in_key`` lists parameters that say where or how fast, but not what: a change of one reruns nothing.
    ``inputs`` are artifacts. A stage that tells how its inputs were made also names their receipts
    (``train/receipt.json``). It then runs again when they were made in another way, even if they are the same. It
    may use all of a receipt but its ``finished``, ``seconds``, ``figures``, ``warnings``, ``origin``, ``notice`` and
    ``environment``.
    """

    name: str
    summary: str
    function: str
    parameters: type[Parameters]
    inputs: tuple[str, ...]
    outputs: tuple[Artifact, ...]
    sources: str | None = None
    not_in_key: tuple[str, ...] = ()


def resolve(reference: str) -> Callable[..., Any]:
    """The function that ``module:function`` names, imported now."""
    module, _, name = reference.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def maker_of(path: str) -> str:
    """The name of the stage that makes an artifact (``split/X_train.npy``), or whose receipt it is."""
    return path.partition("/")[0]


def upstream(stage: Stage, stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages that write what ``stage`` reads, in the order of ``stages``."""
    wanted = set(map(maker_of, stage.inputs))
    return tuple(other for other in stages if other.name in wanted)
