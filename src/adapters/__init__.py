"""Adapters: one package per technology, which implements ports of the domain."""
