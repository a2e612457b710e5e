"""Text policy on real models: what stays readable in a result, and that nothing that was read is in it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest

from framecloak.domain.anonymization.results import manifest as manifest_module
from framecloak.domain.imaging.detections import Image
from framecloak.entrypoints.cli.main import main
from support.samples.clinic_screen import LINES, NAME, screen
from support.samples.media import write_image, write_video

LENGTH = 8
SCHEMA = json.loads(Path(manifest_module.__file__).with_name("manifest.schema.json").read_text("utf-8"))


def upside_down() -> Image:
    return np.ascontiguousarray(screen()[::-1, ::-1])


def redact(
    capsys: pytest.CaptureFixture[str], source: Path, *options: str | Path
) -> tuple[dict[str, Any], list[Image], bytes, str]:
    """Redact a file; return the manifest, the frames, all bytes of the result and what was printed."""
    output = source.with_suffix(".zip")
    fixed = ("--level", "full", "--format", "png", "--verify", "none")
    assert main(["redact", *map(str, (source, "-o", output, *fixed, *options))]) == 0
    printed = capsys.readouterr()
    with zipfile.ZipFile(output) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    images = [
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        for name, data in content.items()
        if name.endswith(".png")
    ]
    unpacked = b"".join(data for name, data in content.items() if not name.endswith(".png"))
    return json.loads(content["manifest.json"]), images, unpacked, printed.out + printed.err


def is_readable(text: str, image: Image, original: Image) -> bool:
    """Return whether a line is unchanged in a redacted image."""
    (x, y), *_ = LINES[text]
    box = np.s_[y - 20 : y + 4, x : x + 19 * len(text)]
    return bool((np.abs(image[box].astype(int) - original[box]).max(axis=2) < 40).mean() > 0.99)


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("Bergmann, Anna\n\n", "utf-8")
    return path


@pytest.mark.parametrize("kind", ["image", "video"])
def test_only_harmless_text_stays_readable(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, names: Path, kind: str
) -> None:
    source = tmp_path / ("screen.png" if kind == "image" else "screen.mp4")
    if kind == "image":
        write_image(source, screen())
    else:
        write_video(source, size=(640, 544), images=(screen() for _ in range(LENGTH)))
    manifest, images, content, printed = redact(capsys, source, "--text", "identifying", "--names", names)
    assert len(images) == (1 if kind == "image" else LENGTH)
    for image in images:
        for text, (_, _, kept) in LINES.items():
            assert is_readable(text, image, screen()) is kept, text
    decisions = manifest["text"]["decisions"]
    assert {each["rule"] for each in decisions} == {rule for _, rule, _ in LINES.values()}
    assert {(each["rule"], each["kept"]) for each in decisions} == {
        (rule, kept) for _, rule, kept in LINES.values()
    }
    assert "pp-ocrv6-rec-small" in {model["name"] for model in manifest["models"]}
    for word in ("BERGMANN", "Bergmann", "20240815", "South", "OLYMPUS", "12.5 cm"):
        assert word.encode() not in content
        assert word not in printed


def test_times_and_further_terms_stay_where_they_are_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    terms = tmp_path / "terms.txt"
    terms.write_text("Ward 7 South\n", "utf-8")
    source = write_image(tmp_path / "screen.png", screen())
    options = ("--text", "identifying", "--keep", "times,device", "--device-terms", terms)
    _, (image,), *_ = redact(capsys, source, *options)
    readable = {text for text in LINES if is_readable(text, image, screen())}
    assert readable == {"10:33:05", "OLYMPUS", "Ward 7 South"}


def test_listed_text_alone_is_covered_where_that_is_said_aloud(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, names: Path
) -> None:
    patterns = tmp_path / "patterns.txt"
    patterns.write_text(r"ward \d", "utf-8")
    source = write_image(tmp_path / "screen.png", screen())
    options = ("--text", "listed", "--names", names, "--text-patterns", patterns, "--fail-open")
    _, (image,), *_ = redact(capsys, source, *options)
    covered = {text for text in LINES if not is_readable(text, image, screen())}
    assert covered == {NAME, "Ward 7 South"}


def test_text_upside_down_is_read_and_other_scripts_are_covered(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = write_image(tmp_path / "screen.png", upside_down())
    _, (image,), *_ = redact(capsys, source, "--text", "identifying")
    turned = np.ascontiguousarray(image[::-1, ::-1])
    assert not is_readable(NAME, turned, screen())
    assert is_readable("Depth 12.5 cm", turned, screen())


def test_an_image_of_thousands_of_lines_is_covered_beyond_the_limit(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    image = np.full((1280, 1280, 3), 20, np.uint8)
    for row in range(40):
        for column in range(10):
            corner = (8 + 127 * column, 24 + 31 * row)
            cv2.putText(image, f"{row} mm", corner, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (235,) * 3, 2)
    source = write_image(tmp_path / "lines.png", image)
    manifest, *_ = redact(capsys, source, "--text", "identifying")
    kept = [each for each in manifest["text"]["decisions"] if each["kept"]]
    assert 0 < len(kept) <= 300
    assert len(manifest["text"]["decisions"]) > 300


def test_images_of_one_size_with_different_text_are_redacted_together(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "screens"
    folder.mkdir()
    write_image(folder / "1.png", screen())
    write_image(folder / "2.png", upside_down())
    _, redacted, *_ = redact(capsys, folder, "--text", "identifying")
    for image, original in zip(redacted, (screen(), upside_down()), strict=True):
        assert not np.array_equal(image, original)


def test_verify_all_covers_a_name_that_a_region_keeps(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, names: Path
) -> None:
    source = write_image(tmp_path / "screen.png", screen())
    options = ("--text", "identifying", "--names", names, "--keep-text", "0,0,640,130")
    _, (image,), *_ = redact(capsys, source, *options)
    assert is_readable(NAME, image, screen())
    manifest, (image,), *_ = redact(capsys, source, *options, "--force", "--verify", "all")
    assert not is_readable(NAME, image, screen())
    assert is_readable("12.03.1961", image, screen())
    (frame,) = manifest["frames"]
    assert [box["kind"] for box in frame["boxes"] if box["origin"] == "residual"] == ["text"]
    jsonschema.Draft202012Validator(SCHEMA).validate(manifest)


@pytest.mark.parametrize("output_format", ["png", "mp4"])
def test_verify_reads_the_result_for_forbidden_names(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, names: Path, output_format: str
) -> None:
    source = write_video(tmp_path / "screen.mp4", size=(640, 544), images=(screen() for _ in range(2)))
    exits = {}
    for level in ("faces", "full"):
        output = tmp_path / f"{level}.zip"
        fixed = ["--format", output_format, "--verify", "none", "--quiet"]
        assert main(["redact", str(source), "-o", str(output), "--level", level, *fixed]) == 0
        capsys.readouterr()
        exits[level] = main(["verify", str(output), "--forbid-names", str(names), "--json"])
        printed = capsys.readouterr().out
        findings = [each for each in json.loads(printed)["findings"] if each["problem"] == "name_readable"]
        assert len(findings) == (2 if level == "faces" else 0)
        assert "bergmann" not in printed.casefold()
    assert exits["faces"] == 72
    assert exits["full"] in (0, 69)
