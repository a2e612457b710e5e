"""People whom detection misses: turned, squeezed, small, cut or turning away: ``make bench-sight``.

Films whose truth is the program's own upright result, films and pictures that were verified by hand, and
clips with exact truth. Needs the folder of real footage beside the checkout.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.anonymization.sight.films import compare_films, make_films
from benchmarks.anonymization.sight.verified import check_pictures, check_videos

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def main() -> None:
    """Run the parts that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films-only", action="store_true", help="only the films of make_films.py")
    parser.add_argument("--verified-only", action="store_true", help="only what was verified by hand")
    parser.add_argument("--fast", action="store_true", help="for development: --seconds 0.4, --verify none")
    parser.add_argument("--seconds", type=float, help="length of the films (default 1)")
    parser.add_argument("--folder", type=Path, help="keep the films here, and use those that are there")
    parser.add_argument(
        "--film", action="append", default=[], metavar="PART", help="only films with this in their name"
    )
    parser.add_argument(
        "--no-pictures", action="store_true", help="leave the pictures out of what was verified by hand"
    )
    parser.add_argument("options", nargs="*", help="options of framecloak redact, after --")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit("the folder of real footage is not beside this checkout; nothing to look at")
    options = [*(["--verify", "none"] if arguments.fast else []), *arguments.options]
    everything = not (arguments.films_only or arguments.verified_only)
    if everything or arguments.films_only:
        seconds = arguments.seconds or (0.4 if arguments.fast else 1.0)
        with tempfile.TemporaryDirectory() as temporary:
            folder = arguments.folder or Path(temporary)
            compare_films(make_films(DATA, folder, seconds), folder, options, only=arguments.film)
    if everything or arguments.verified_only:
        check_videos(DATA, options)
        if not arguments.no_pictures:
            check_pictures(DATA, options)


if __name__ == "__main__":
    main()
