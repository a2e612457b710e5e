"""Schemas of request and response bodies, as msgspec structs with documented fields."""
