"""Fonts that the benchmark draws with, grouped into families."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import ImageFont

SYSTEM_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
BASIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:,/-*+%"
"""Characters without which a font is of symbols or of another script."""
NATIONAL = "ÄÖÜäöüßŁłĄąŚśŻżÁáÉéÍíÑñÈèÇçÔôÎîĞğŞşİı"
"""Letters of German, Polish, Spanish, French and Turkish names."""
_UNKNOWN = "\U0010fffd"
"""Character that no font has: it is drawn as the sign of a missing one."""
_PROBE_PX = 24
_HAIRLINE = ("Hairline", "Thin", "ExtraLight")


@dataclass(frozen=True)
class Family:
    """Fonts of one design.

    Attributes:
        name: name, with "Condensed" for narrow forms.
        files: its weights and slants.
    """

    name: str
    files: tuple[Path, ...]

    @property
    def has_all(self) -> bool:
        """True if each of its fonts has all letters of the languages of the benchmark."""
        return not any(_missing(path, NATIONAL) for path in self.files)

    def name_of(self, path: Path) -> str:
        """Return the name under which a font is counted: hairline letters are counted by themselves."""
        style = _probe(path).getname()[1] or ""
        return f"{self.name}, hairline" if style.startswith(_HAIRLINE) else self.name

    def file_for(self, text: str, chance: random.Random) -> Path | None:
        """Choose a font of the family that has all characters of a text; None if none has."""
        files = [path for path in self.files if not _missing(path, text)]
        return chance.choice(files) if files else None


def families(folders: Sequence[Path]) -> list[Family]:
    """Return the families of scalable fonts with Latin letters in some folders, by name.

    A weight that a folder has in two formats counts once.
    """
    by_name: dict[str, dict[str, Path]] = defaultdict(dict)
    for folder in folders:
        for path in sorted([*folder.rglob("*.otf"), *folder.rglob("*.ttf")]):
            name, style = ImageFont.truetype(path, _PROBE_PX).getname()
            if name and not _missing(path, BASIC):
                narrow = " Condensed" if "Condensed" in (style or "") else ""
                by_name[name + narrow].setdefault(style or "", path)
    return [Family(name, tuple(by_style.values())) for name, by_style in sorted(by_name.items())]


def _missing(path: Path, text: str) -> bool:
    """Return whether a font lacks a character of a text."""
    return any(_lacks(path, character) for character in set(text) - {" "})


@cache
def _lacks(path: Path, character: str) -> bool:
    font = _probe(path)
    drawn, missing = font.getmask(character), font.getmask(_UNKNOWN)
    return drawn.size == missing.size and bytes(drawn) == bytes(missing)


@cache
def _probe(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, _PROBE_PX)
