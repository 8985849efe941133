"""The possible values of a setting, read from its type: the names that it chooses from, and its bounds.

Names in a table of another module are read from that module's source. The module is not imported, so that looking at a
setting of the network does not load NumPy.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from pipeline.stage import ChoicesOf

WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "`true` or `false`", NoneType: "`none`"}


def setting_type(model: type[msgspec.Struct], key: str) -> Any:
    """Return the type of a setting with its annotations."""
    return _setting_types(model)[key]


@cache
def _setting_types(model: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the types of all settings. They are cached, because resolving them is slow."""
    return get_type_hints(model, include_extras=True)


def choices(kind: Any) -> tuple[str, ...]:
    """Return the names that a setting of this type, or its list, chooses from; none if it takes any value."""
    return tuple(dict.fromkeys(name for part in parts(kind) for name in _names(part)))


def allowed(kind: Any) -> str:
    """Say in words (Markdown) what a setting of this type may be: its choices, or its kind and its bounds."""
    if names := _names(kind):
        return ", ".join(f'`"{name}"`' for name in names)
    if get_origin(kind) is Annotated:
        inner, *notes = get_args(kind)
        bounds = [words for note in notes if (words := _bounds(note))]
        return " of ".join([allowed(inner), *bounds])
    if get_origin(kind) in {Union, UnionType}:
        return " or ".join(allowed(each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list, each {allowed(get_args(kind)[0])}"
    return WORDS.get(kind, "a table")


def is_text(kind: Any) -> bool:
    """Whether every value of this type is a text or None."""
    return all(each is str or each is NoneType for each in alternatives(kind))


def item_type(kind: Any) -> Any:
    """Return the type of a list's items; None if the type is not a list of any length."""
    return next((get_args(each)[0] for each in alternatives(kind) if get_origin(each) is tuple), None)


def alternatives(kind: Any) -> Iterator[Any]:
    """Yield the types that a value may have, without annotations: the members of a union, or the type itself."""
    if get_origin(kind) in {Union, UnionType}:
        for each in get_args(kind):
            yield from alternatives(each)
    elif get_origin(kind) is Annotated:
        yield from alternatives(get_args(kind)[0])
    else:
        yield kind


def unknown_choice(kind: Any, value: object) -> tuple[str, tuple[str, ...]] | None:
    """Return the first text in ``value`` that is not in its type's table, and the table's names; None if all are.

    ``value`` already has the type ``kind``, so the names of a ``Literal`` have been checked.
    """
    if isinstance(value, msgspec.Struct):
        given = [(field, getattr(value, field.name)) for field in msgspec.structs.fields(value)]
        parts = [(setting_type(type(value), field.name), each) for field, each in given if each != field.default]
    elif isinstance(value, tuple | list):
        parts = [(kind, each) for each in value]
    else:
        names = choices(kind)
        return (value, names) if isinstance(value, str) and names and value not in names else None
    return next((found for part, each in parts if (found := unknown_choice(part, each))), None)


def table_names(reference: str) -> tuple[str, ...]:
    """Return the names in ``module:TABLE``, a ``dict`` literal with texts as keys, or a tuple of texts.

    Raises TypeError for another kind of table: that is a mistake in the code of the setting.
    """
    module, _, table = reference.partition(":")
    for node in ast.parse(_source_of(module).read_text(encoding="utf-8")).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(keys=keys) | ast.Tuple(elts=keys))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict(keys=keys))
            ) if name == table:
                names = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
                if names and len(names) == len(keys):
                    return tuple(names)
    raise TypeError(f"{reference} is no table whose names can be read from its source")


def _source_of(module: str) -> Path:
    """Return the file of a module, without importing it or its packages."""
    package, *rest = module.split(".")
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise TypeError(f"there is no package {package}")
    return Path(next(iter(places))).joinpath(*rest).with_suffix(".py")


def parts(kind: Any) -> Iterator[Any]:
    """Yield a type and the types in it: the annotated type, a union's members, the type of a list's items."""
    yield kind
    if get_origin(kind) is Annotated:
        yield from parts(get_args(kind)[0])
    elif get_origin(kind) in {Union, UnionType, tuple}:
        for each in get_args(kind):
            yield from parts(each)


def _names(kind: Any) -> tuple[str, ...]:
    """Return the names of a ``Literal``, or of the table that a type is annotated with."""
    if get_origin(kind) is Literal:
        return tuple(map(str, get_args(kind)))
    notes = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((table_names(note.table) for note in notes if isinstance(note, ChoicesOf)), ())


def _bounds(note: object) -> str:
    """Write the bounds of a number in words; an empty text for any other annotation."""
    if not isinstance(note, msgspec.Meta):
        return ""
    bounds = {"at least": note.ge, "more than": note.gt, "at most": note.le, "less than": note.lt}
    given = {words: bound for words, bound in bounds.items() if bound is not None}
    return " and ".join(f"{words} {str(bound).removesuffix('.0')}" for words, bound in given.items())
