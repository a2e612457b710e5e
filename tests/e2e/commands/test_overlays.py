"""``framecloak overlays``: static text in the frame is proposed, accepted and stored as regions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framecloak.domain.model.videos import MarkedRegion
from framecloak.entrypoints.cli.admin.connection import OPERATOR
from support.processes import command
from support.processes.installation import Installation, error_line
from support.samples.media import write_video
from support.samples.scan import SIZE, scan

pytest_plugins = ("support.processes.shared_installation",)

FRAMES = 8
"""All of them are analysed each time."""


@pytest.fixture(scope="module")
def video_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scans") / "scan.mp4"
    return write_video(path, FRAMES, size=SIZE, images=map(scan, range(FRAMES)))


def corners(region: str) -> tuple[int, int, int, int]:
    x, y, width, height = (int(number) for number in region.split(","))
    return x, y, x + width, y + height


def test_accepted_regions_are_written_to_a_file_for_redact(video_file: Path, tmp_path: Path) -> None:
    proposed = json.loads(command.run("overlays", video_file, "--json", installed=True).out)
    assert len(proposed) == 2
    assert all(row["text"] and not row["accepted"] for row in proposed)
    kept = tmp_path / "regions.json"
    shown = command.run("overlays", video_file, "--accept", "2", "-o", kept)
    assert (shown.code, shown.err) == (0, "")
    assert f"accepted 1 of 2 regions and wrote them to {kept}, for" in shown.out
    assert json.loads(kept.read_text()) == [proposed[1]["region"]]
    accepted = command.run("overlays", video_file, "--accept", "all", "-o", kept, "--json")
    assert json.loads(accepted.out) == [row | {"accepted": True} for row in proposed]
    output = tmp_path / "out.zip"
    done = command.run(
        "redact", video_file, "-o", output, "--level", "minimal", "--regions-from", kept, "--quiet"
    )
    assert done == command.Result(0, "", "")
    for entry, picture in command.Output(output).frames():
        assert len(entry["boxes"]) == 2
        for row in proposed:
            x1, y1, x2, y2 = corners(row["region"])
            # JPEG leaves traces of the moving surroundings at its border.
            assert picture[y1 + 8 : y2 - 8, x1 + 8 : x2 - 8].max(initial=0) < 8


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (None, 10, "cannot be read"),
        ("{", 21, "is not JSON"),
        ("[" * 100_000, 21, "is not JSON"),
        ('{"regions": []}', 21, "does not contain a list of regions"),
        ("[[1, 2, 3, 4]]", 21, "does not contain a list of regions"),
        ('["1,2,3"]', 21, "is malformed"),
        ('["600,0,900,10"]', 21, "reaches beyond"),
        ('["1,2,3,4@x"]', 20, "is malformed"),
    ],
)
def test_unusable_region_file_is_refused(
    video_file: Path, tmp_path: Path, content: str | None, code: int, said: str
) -> None:
    regions = tmp_path / "regions.json"
    if content is not None:
        regions.write_text(content)
    result = command.run("redact", video_file, "-o", tmp_path / "out.zip", "--regions-from", regions)
    assert said in error_line(result, code)
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "give either VIDEO or --video-id"),
        (("FILM", "--video-id", "1"), 2, "give either VIDEO or --video-id"),
        (("FILM", "--accept", "all"), 2, "--accept and --output require each other"),
        (("FILM", "-o", "regions.json"), 2, "--accept and --output require each other"),
        (("FILM", "--as", "root"), 2, "--as requires --video-id"),
        (
            ("--video-id", "1", "--accept", "all", "-o", "regions.json"),
            2,
            "--output and --draw require VIDEO",
        ),
        (("--video-id", "1", "--draw", "a.jpg"), 2, "--output and --draw require VIDEO"),
        (("FILM", "--accept", "first", "-o", "regions.json"), 2, "a list of numbers such as 1,3"),
        (("FILM", "--accept", "1,7", "-o", "regions.json"), 25, "there is no proposal 7: there are 2"),
        (("FILM", "--accept", "0", "-o", "regions.json"), 25, "there is no proposal 0: there are 2"),
        (("FILM", "--accept", "all", "-o", "FILM"), 40, "is one of the inputs"),
        (("FILM", "--accept", "all", "-o", "missing/regions.json"), 40, "cannot write missing/regions.json"),
    ],
)
def test_contradictory_options_are_refused(
    video_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = video_file.read_bytes()
    result = command.run("overlays", *(video_file if one == "FILM" else one for one in arguments))
    assert said in error_line(result, code)
    assert list(tmp_path.iterdir()) == []
    assert video_file.read_bytes() == before


def test_accepted_regions_of_a_stored_video_are_marked_on_it(
    installation: Installation, video_file: Path, tmp_path: Path
) -> None:
    imported = installation.run("videos", "import", video_file).out
    number = imported.removeprefix("video ").partition(":")[0]

    def marked() -> list[MarkedRegion]:
        return list(
            installation.portal.call(installation.service.use_cases.marks.regions, OPERATOR, int(number))
        )

    proposed = json.loads(installation.run("overlays", "--video-id", number, "--json").out)
    assert [row["region_id"] for row in proposed] == [None, None]
    assert marked() == []
    first = installation.run("overlays", "--video-id", number, "--accept", "1")
    assert (first.code, first.err) == (0, "")
    assert f"accepted 1 of 2 regions and marked them on video {number}" in first.out
    (region,) = marked()
    assert (str(region.region), region.label) == (proposed[0]["region"], "text overlay")
    both = json.loads(installation.run("overlays", "--video-id", number, "--accept", "all", "--json").out)
    assert [row["region_id"] for row in both] == [one.id for one in marked()]
    assert len(marked()) == 2
    assert marked()[0] == region
    unknown = installation.run("overlays", "--video-id", number, "--accept", "3")
    assert "there is no proposal 3: there are 2" in error_line(unknown, 25)
    missing = installation.run("overlays", "--video-id", "99", "--accept", "all")
    assert "99" in error_line(missing, 80)
    none = installation.run("overlays", "--video-id", "1", "--accept", "1")
    assert "there are no proposals" in error_line(none, 25)
