"""Interfaces of the domain to its surroundings: databases, servers, models, files.

Adapters implement these protocols without inheriting from them. Each port has one suite of contract tests,
which runs against the hand-written fake and against the real adapter.
"""
