"""Titles and tags that users give to videos."""

from __future__ import annotations

from collections.abc import Iterable

from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.videos.filenames import without_invisible

MAX_TITLE_LENGTH = 200
MAX_TAG_LENGTH = 40
MAX_TAGS = 20


def clean_title(text: str) -> str | None:
    """Return a title with single blanks and without invisible characters; None for a blank one.

    Raises:
        InvalidOptionError: it is too long.
    """
    title = _one_line(text)
    if len(title) > MAX_TITLE_LENGTH:
        raise InvalidOptionError(f"the title has more than {MAX_TITLE_LENGTH} characters", "shorten it")
    return title or None


def clean_tags(texts: Iterable[str]) -> tuple[str, ...]:
    """Return tags as titles are returned, each once ignoring case, sorted; blank ones are dropped.

    Raises:
        InvalidOptionError: a tag is too long or contains a comma, or there are too many tags.
    """
    tags = {tag.casefold(): tag for tag in map(_one_line, texts) if tag}
    if len(tags) > MAX_TAGS:
        raise InvalidOptionError(f"there are more than {MAX_TAGS} tags", "leave some of them out")
    for tag in tags.values():
        if len(tag) > MAX_TAG_LENGTH:
            raise InvalidOptionError(f"a tag has more than {MAX_TAG_LENGTH} characters", "shorten it")
        if "," in tag:
            raise InvalidOptionError("a tag contains a comma", "give several tags as separate ones")
    return tuple(tags[key] for key in sorted(tags))


def _one_line(text: str) -> str:
    return " ".join(without_invisible(" ".join(text.split())).split())
