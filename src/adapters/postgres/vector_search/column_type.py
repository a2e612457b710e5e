"""Column type of pgvector, exchanged as arrays of numbers, which every driver supports."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, REAL, BindParameter, ColumnElement, cast
from sqlalchemy.dialects.postgresql import base as postgresql
from sqlalchemy.types import UserDefinedType


class Vector(UserDefinedType[list[float]]):
    """pgvector's ``vector`` of any dimension, in single precision."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the SQL name of the type."""
        return "vector"

    def bind_expression(self, bindvalue: BindParameter[list[float]]) -> ColumnElement[Any]:
        """Convert from an array, which drivers send in binary form, far faster than a vector's text form."""
        return cast(cast(bindvalue, ARRAY(REAL)), _PlainVector())

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Convert to an array."""
        return cast(column, ARRAY(REAL))


class _PlainVector(UserDefinedType[Any]):
    """Type ``vector`` as the target of a cast, without conversions of its own."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "vector"


# Registered for reflection, as in migrations, which would otherwise report a column of unknown type.
postgresql.ischema_names["vector"] = Vector
