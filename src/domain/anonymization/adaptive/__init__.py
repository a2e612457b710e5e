"""Adaptive face detection: whole looks at key frames, and closer ones where those leave something open."""
