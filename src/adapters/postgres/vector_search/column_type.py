"""The column type of pgvector, spoken to through arrays of numbers that every driver knows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, REAL, BindParameter, ColumnElement, cast
from sqlalchemy.dialects.postgresql import base as postgresql
from sqlalchemy.types import UserDefinedType


class Vector(UserDefinedType[list[float]]):
    """A ``vector`` of any dimension, single precision."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """What the type is called in SQL."""
        return "vector"

    def bind_expression(self, bindvalue: BindParameter[list[float]]) -> ColumnElement[Any]:
        """From an array, which drivers send as bytes; the text of a vector would take far longer."""
        return cast(cast(bindvalue, ARRAY(REAL)), _Bare())

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """To an array."""
        return cast(column, ARRAY(REAL))


class _Bare(UserDefinedType[Any]):
    """The target of a cast, without casts of its own."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "vector"


# Or a look at the tables, as migrations take, would find a column of an unknown type.
postgresql.ischema_names["vector"] = Vector
