"""Emotions of faces with CLIP, in this process or over HTTP."""
