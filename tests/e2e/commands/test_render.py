"""``framecloak render``: edited results, redacted again without a detector."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import framecloak.domain.anonymization.results.manifest
from support.processes import command
from support.samples.media import write_video

SCHEMA = json.loads(
    Path(framecloak.domain.anonymization.results.manifest.__file__)
    .with_name("manifest.schema.json")
    .read_text("utf-8")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video, its result, the manifest and the signature."""
    folder = tmp_path_factory.mktemp("render")
    video_file = write_video(folder / "film.mp4", 30)
    options = ("--level", "minimal", "--region", "0,0,20,20", "--format", "png", "--segments", "3:20")
    done = command.run("redact", video_file, "-o", folder / "out.zip", *options, environment=home(folder))
    assert done.code == 0
    with zipfile.ZipFile(folder / "out.zip") as archive:
        archive.extract("manifest.json", folder)
        archive.extract("manifest.sig", folder)
    return folder


def home(folder: Path) -> dict[str, str]:
    return {"DATA_DIR": str(folder / "data")}


def edited(folder: Path, tmp_path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    document = json.loads((folder / "manifest.json").read_text())
    edit(document)
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(document))
    return path


def render(
    folder: Path, manifest: Path, output: Path, *options: str | Path, installed: bool = False
) -> command.Result:
    arguments = ("render", folder / "film.mp4", "--manifest", manifest, "-o", output, *options)
    return command.run(*arguments, environment=home(folder), installed=installed)


def entries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def manifest_of(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(entries(path)["manifest.json"])
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def test_unedited_manifest_gives_the_same_frames(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "again.zip"
    assert render(folder, folder / "out.zip", output, "--quiet") == command.Result(0, "", "")
    before, after = entries(folder / "out.zip"), entries(output)
    assert before.keys() == after.keys()
    assert all(before[name] == after[name] for name in before if name.startswith("frames/"))
    based_on = manifest_of(output)["settings"]["based_on"]
    assert (based_on["signature"], based_on["edited"]) == ("genuine", False)
    report = after["report.html"].decode()
    assert ("taken unchanged from another result" in report, "looked over" in report) == (True, False)
    assert command.run("verify", output, environment=home(folder)).code == 0
    followed = command.run(
        "verify", output, "--parent", folder / "out.zip", "--json", environment=home(folder)
    )
    (parent,) = json.loads(followed.out)["parents"]
    assert (followed.code, parent["is_given"], parent["is_signed"]) == (0, True, True)
    # Started, not forked, so that its hashes of strings differ.
    assert render(folder, folder / "manifest.json", tmp_path / "c.zip", installed=True).code == 0
    assert entries(tmp_path / "c.zip") == after


def test_added_moved_and_removed_boxes(folder: Path, tmp_path: Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        first, second = document["frames"][:2]
        first["boxes"] = [{"xyxy": [30, 30, 9999, 50]}]
        second["boxes"][0] |= {"xyxy": [10, 0, 30, 20], "origin": "edited"}
        document["sources"][0]["regions"][0]["segment"] = [5, 20]

    output = tmp_path / "out.zip"
    manifest = edited(folder, tmp_path, edit)
    options = ("--signature", folder / "manifest.sig", "--json")
    result = render(folder, manifest, output, *options)
    assert result.code == 0
    assert json.loads(result.out)["boxes"]["manual"] == 1
    found = manifest_of(output)
    based_on = found["settings"]["based_on"]
    assert (based_on["signature"], based_on["edited"]) == ("changed", True)
    assert b"taken from another result and edited" in entries(output)["report.html"]
    (box,), (moved,) = (entry["boxes"] for entry in found["frames"][:2])
    width = found["sources"][0]["width"]
    assert (box["xyxy"], box["origin"], box["kind"]) == ([30, 30, width, 50], "manual", "face")
    assert (moved["xyxy"], moved["origin"]) == ([10, 0, 30, 20], "edited")
    _, frame = next(command.Output(output).frames())
    assert not frame[30:50, 30:].any()
    assert frame[:20, :20].any()


def test_added_region_is_covered(folder: Path, tmp_path: Path) -> None:
    area = {"xyxy": [40, 40, 60, 70], "segment": [5, 9]}
    manifest = edited(folder, tmp_path, lambda it: it["sources"][0]["regions"].append(area))
    output = tmp_path / "out.zip"
    result = render(folder, manifest, output)
    assert result.code == 0
    assert "Adding 4 boxes for regions of the manifest" in result.out
    assert area in manifest_of(output)["sources"][0]["regions"]
    for entry, frame in command.Output(output).frames():
        assert frame[40:70, 40:60].any() == (entry["index"] not in range(5, 9))
        assert not frame[:20, :20].any()


def test_region_whose_boxes_were_removed_is_still_covered(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.zip"
    manifest = edited(folder, tmp_path, lambda it: it["frames"][2].update(boxes=[]))
    assert render(folder, manifest, output).code == 0
    before, after = entries(folder / "out.zip"), entries(output)
    assert all(before[name] == after[name] for name in before if name.startswith("frames/"))
    assert manifest_of(output)["sources"] == json.loads(before["manifest.json"])["sources"]


def test_another_redaction_style(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "film.zip"
    options = ("--format", "mp4", "--redaction", "pixelate", "--language", "de", "--quality", "50")
    assert render(folder, folder / "out.zip", output, *options).code == 0
    contents = entries(output)
    assert list(contents) == ["films/film_0000003.mp4", *command.RECORD_FILES]
    assert "Sie stammen unverändert aus einem anderen Ergebnis" in contents["report.html"].decode()
    assert manifest_of(output)["settings"]["format"] == "mp4"


def test_foreign_signature_and_missing_signature(folder: Path, tmp_path: Path) -> None:
    elsewhere = {"DATA_DIR": str(tmp_path / "elsewhere")}
    for manifest, expected, is_edited in (
        (folder / "out.zip", "foreign", False),
        (tmp_path / "manifest.json", "none", None),
    ):
        (tmp_path / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
        output = tmp_path / f"{expected}.zip"
        arguments = ("render", folder / "film.mp4", "--manifest", manifest, "-o", output)
        assert command.run(*arguments, environment=elsewhere).code == 0
        based_on = manifest_of(output)["settings"]["based_on"]
        assert (based_on["signature"], based_on["edited"]) == (expected, is_edited)
    (tmp_path / "manifest.sig").write_text("no signature")
    assert render(folder, tmp_path / "manifest.json", tmp_path / "bad.zip").code == 0
    assert manifest_of(tmp_path / "bad.zip")["settings"]["based_on"]["signature"] == "bad"


def test_frame_edited_to_be_black(folder: Path, tmp_path: Path) -> None:
    manifest = edited(folder, tmp_path, lambda it: it["frames"][4].update(blanked=True, boxes=[]))
    result = render(folder, manifest, tmp_path / "out.zip")
    assert result.code == 3
    found = manifest_of(tmp_path / "out.zip")
    assert [entry["index"] for entry in found["frames"] if entry["blanked"]] == [7]


@pytest.mark.parametrize(
    ("edit", "code", "said"),
    [
        (
            lambda it: it["sources"][0].update(sha256="a" * 64),
            28,
            "SHA-256 aaaaaaaaaaaa..., but film.mp4 has",
        ),
        (lambda it: it["frames"].pop(5), 27, "frame 8 has no entry"),
        (lambda it: it["frames"].append(it["frames"][0]), 27, "frame 3 has two entries"),
        (lambda it: it["frames"][0]["boxes"].append({"xyxy": [9000, 0, 9100, 9]}), 27, "outside the frame"),
        (lambda it: it["frames"][0]["boxes"].append({"xyxy": [0, 0, float("nan"), 9]}), 27, "NaN"),
        (lambda it: it["sources"][0].update(segments=[[0, 9999]]), 27, "frame 0 has no entry"),
        (lambda it: it.update(version=1), 27, "version"),
        (
            lambda it: it["sources"][0]["regions"].append({"xyxy": [9000, 0, 9100, 9], "segment": None}),
            27,
            "the region 9000,0,100,9 lies outside the frame",
        ),
    ],
)
def test_invalid_manifest_leaves_no_output(
    folder: Path, tmp_path: Path, edit: Callable[[dict[str, Any]], object], code: int, said: str
) -> None:
    result = render(folder, edited(folder, tmp_path, edit), tmp_path / "out.zip")
    assert (result.code, result.out) == (code, "")
    assert said in result.err
    assert len(result.err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["edited.json"]


def test_a_small_archive_with_a_huge_manifest_is_not_unpacked(folder: Path, tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "edited.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("manifest.json", "w") as entry,
    ):
        for _ in range(257):
            entry.write(bytes(1 << 20))
    assert (tmp_path / "edited.zip").stat().st_size < 1 << 20
    result = render(folder, tmp_path / "edited.zip", tmp_path / "out.zip")
    assert "manifest.json is larger than 256 MiB" in result.err
    assert result.code == 29
    assert not (tmp_path / "out.zip").exists()


def test_missing_inputs_and_protected_outputs(folder: Path, tmp_path: Path) -> None:
    assert render(folder, tmp_path / "none.json", tmp_path / "out.zip").code == 10
    assert render(folder, folder / "film.mp4", tmp_path / "out.zip").code == 27
    assert render(folder, folder / "out.zip", folder / "out.zip").code == 40
    assert render(folder, folder / "out.zip", folder / "out.zip", "--force").code == 40
