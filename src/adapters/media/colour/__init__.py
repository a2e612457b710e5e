"""Colours of pictures and videos: tags, pixel formats and tone mapping."""
