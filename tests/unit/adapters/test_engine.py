"""Settings of connections to Postgres."""

from __future__ import annotations

from framecloak.adapters.postgres.engine import database_configuration


def test_queries_are_not_compiled() -> None:
    """Compiling a list of thousands of videos takes longer than the list."""
    engine = database_configuration("postgresql://ada@db/framecloak", 5).engine_config
    assert isinstance(engine.connect_args, dict)
    assert engine.connect_args["server_settings"]["jit"] == "off"
