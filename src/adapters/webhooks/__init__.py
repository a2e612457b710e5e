"""Calling other people's servers, without being sent where only this one may go."""
