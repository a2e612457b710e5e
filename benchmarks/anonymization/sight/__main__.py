"""People whom detection misses: turned, squeezed, small, cut or turning away: ``make bench-sight``.

Films whose truth is the program's own upright result, films and pictures that were verified by hand, and
clips with exact truth. Needs the folder of real footage beside the checkout.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.anonymization.coverage import Score, wilson_interval
from benchmarks.anonymization.hard_footage import compare, render_clips
from benchmarks.anonymization.sight.films import compare_films, make_films
from benchmarks.anonymization.sight.verified import check_pictures, check_videos
from benchmarks.footage.clip import SEED
from benchmarks.footage.make import THEMES

HELD_BACK = SEED + 1
"""Seed whose clips have other motion and the other half of the heads."""

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def compare_clips(
    folder: Path, theme: str, seeds: Sequence[int], options: Sequence[str], *, deface_every: int
) -> None:
    """Redact the clips of every seed, and print the totals side by side.

    Args:
        folder: where the clips are rendered, or are already.
        theme: which clips.
        seeds: seeds of the clips.
        options: options of ``framecloak redact``.
        deface_every: see `benchmarks.anonymization.hard_footage.compare`.
    """
    rows: list[tuple[str, int, Score]] = []
    for seed in seeds:
        clips = folder / f"clips-{theme}-{seed}"
        render_clips(clips, theme, seed)
        print(f"\nclips of seed {seed}")
        for program, total in compare(clips, options, deface_every=deface_every).items():
            rows.append((program, seed, total))
    print(
        f"\n{'total':32}{'seed':>10}{'clear':>9}{'all':>9}{'away':>8}"
        f"{'people never missed, clear':>34}{'all':>34}"
    )
    for program, seed, total in rows:
        clear = _people(total.clear_people - total.clear_exposed, total.clear_people)
        everyone = _people(total.people - total.exposed, total.people)
        figures = f"{total.recall:9.2%}{total.recall_all:9.2%}{total.false_area:8.2%}"
        print(f"{program:32}{seed:10}{figures}{clear:>34}{everyone:>34}", flush=True)


def _people(hits: int, count: int) -> str:
    low, high = wilson_interval(hits, count)
    return f"{hits} of {count} [{low:.1%}, {high:.1%}]"


def main() -> None:
    """Run the parts that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films-only", action="store_true", help="only the films of make_films.py")
    parser.add_argument("--verified-only", action="store_true", help="only what was verified by hand")
    parser.add_argument("--clips-only", action="store_true", help="only the clips with exact truth")
    parser.add_argument("--quick", action="store_true", help="clips of one seed, films of 0.4 s")
    parser.add_argument(
        "--fast", action="store_true", help="for development: --quick, --verify none, no deface"
    )
    parser.add_argument("--seconds", type=float, help="length of the films (default 1)")
    parser.add_argument("--seed", type=int, action="append", help="of the clips (default: two of them)")
    parser.add_argument("--theme", choices=THEMES, default="sight", help="which clips (default: sight)")
    parser.add_argument(
        "--deface-every", type=int, default=3, help="frames of which deface sees one; 0: none"
    )
    parser.add_argument("--folder", type=Path, help="keep films and clips here, and use those that are there")
    parser.add_argument(
        "--film", action="append", default=[], metavar="PART", help="only films with this in their name"
    )
    parser.add_argument("--no-pictures", action="store_true", help="leave the pictures out")
    parser.add_argument("options", nargs="*", help="options of framecloak redact, after --")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit("the folder of real footage is not beside this checkout; nothing to look at")
    quick = arguments.quick or arguments.fast
    options = [*(["--verify", "none"] if arguments.fast else []), *arguments.options]
    everything = not (arguments.films_only or arguments.verified_only or arguments.clips_only)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if everything or arguments.films_only:
            seconds = arguments.seconds or (0.4 if quick else 1.0)
            films = folder / f"films-{seconds:g}"
            compare_films(make_films(DATA, films, seconds), films, options, only=arguments.film)
        if everything or arguments.verified_only:
            check_videos(DATA, options)
            if not arguments.no_pictures:
                check_pictures(DATA, options)
        if everything or arguments.clips_only:
            seeds = arguments.seed or ([SEED] if quick else [SEED, HELD_BACK])
            every = 0 if arguments.fast else arguments.deface_every
            compare_clips(folder, arguments.theme, seeds, options, deface_every=every)


if __name__ == "__main__":
    main()
