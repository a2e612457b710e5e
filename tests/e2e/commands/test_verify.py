"""``framecloak verify``: signatures, changes since signing, and the keys that signed."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from framecloak.domain.anonymization.model.record.release import Release
from framecloak.domain.anonymization.results.proof.release_addendum import sign_release
from framecloak.entrypoints.composition.keys import result_signer
from framecloak.entrypoints.settings import Settings
from support.processes import command
from support.samples.media import numbered_frame, write_image, write_video


def test_video_is_verified_with_its_key(tmp_path: Path) -> None:
    video_file, output, key = write_video(tmp_path / "a.mp4", 60), tmp_path / "out.zip", tmp_path / "key.pem"
    environment = {"DATA_DIR": str(tmp_path / "data")}
    options = ("--level", "minimal", "--region", "0,0,20,20", "--format", "mp4", "--language", "de")
    assert command.run("redact", video_file, "-o", output, *options, environment=environment).code == 0
    with zipfile.ZipFile(output) as archive:
        names = archive.namelist()
        assert names == ["films/film_0000000.mp4", *command.RECORD_FILES]
        assert b'<html lang="de">' in archive.read("report.html")
    key.write_text(command.run("signing-key", environment=environment, installed=True).out)
    assert command.run("verify", output, environment=environment, installed=True).code == 0
    elsewhere = {"DATA_DIR": str(tmp_path / "elsewhere")}
    assert command.run("verify", output, "--key", key, environment=elsewhere).code == 0
    assert command.run("verify", output, environment=elsewhere).code == 69
    other = tmp_path / "release.json"
    other.write_text("{}")
    unreleased = command.run("verify", output, "--release", other, environment=environment)
    assert (unreleased.code, "not the addendum of a release" in unreleased.out) == (38, True)
    assert command.run("verify", output, "--release", tmp_path / "none", environment=elsewhere).code == 10
    whole = output.read_bytes()
    output.write_bytes(b"a frame that no reader shows" + whole)
    hiding = command.run("verify", output, environment=environment)
    assert (hiding.code, "28 bytes before it that belong to no entry" in hiding.out) == (71, True)
    output.write_bytes(whole)
    with zipfile.ZipFile(output, "a") as archive:
        archive.writestr("films/more.mp4", b"x")
    verdict = command.run("verify", output, "--key", key, "--json", environment=elsewhere)
    assert verdict.code == 66
    found = json.loads(verdict.out)
    assert (found["genuine"], found["problem"]) == (False, "frame_added")
    assert {one["subject"] for one in found["findings"]} == {"films/more.mp4"}
    with zipfile.ZipFile(output, "a") as archive:
        archive.writestr("films/x\n  out.zip is genuine", b"x")
    pretending = command.run("verify", output, "--key", key, environment=elsewhere)
    assert "  films/x\N{REPLACEMENT CHARACTER}  out.zip is genuine: " in pretending.out
    assert command.run("verify", video_file, environment=elsewhere).code == 17
    assert command.run("verify", output, "--key", video_file, environment=elsewhere).code == 25


def test_missing_and_foreign_keys_are_reported(tmp_path: Path) -> None:
    picture = write_image(tmp_path / "a.png", numbered_frame(3))
    output, own = tmp_path / "out.zip", {"DATA_DIR": str(tmp_path / "data")}
    options = ("--level", "minimal", "--region", "0,0,20,20")
    assert command.run("redact", picture, "-o", output, *options, environment=own).code == 0
    other = tmp_path / "other.pem"
    other.write_text(command.run("signing-key", environment={"DATA_DIR": str(tmp_path / "b")}).out)
    wrong = command.run("verify", output, "--key", other, "--json", environment=own)
    assert (wrong.code, json.loads(wrong.out)["problem"]) == (61, "wrong_key")
    missing = command.run("verify", output, "--key", tmp_path / "none.pem", environment=own)
    assert (missing.code, "cannot open" in missing.err) == (10, True)
    torn = tmp_path / "torn.pem"
    torn.write_text(other.read_text()[:60])
    assert command.run("verify", output, "--key", torn, environment=own).code == 25
    unsigned = tmp_path / "unsigned.zip"
    with zipfile.ZipFile(output) as before, zipfile.ZipFile(unsigned, "w") as after:
        for name in before.namelist():
            if name != "manifest.sig":
                after.writestr(name, before.read(name))
    assert command.run("verify", unsigned, environment=own).code == 60


def test_a_release_is_verified_with_its_result(tmp_path: Path) -> None:
    picture = write_image(tmp_path / "a.png", numbered_frame(3))
    output, own = tmp_path / "out.zip", {"DATA_DIR": str(tmp_path / "data")}
    options = ("--level", "minimal", "--region", "0,0,20,20")
    assert command.run("redact", picture, "-o", output, *options, environment=own).code == 0
    with zipfile.ZipFile(output) as archive:
        manifest_sha256 = sha256(archive.read("manifest.json")).hexdigest()
    release = Release(
        request_id=uuid4(),
        manifest_sha256=manifest_sha256,
        result_sha256=sha256(output.read_bytes()).hexdigest(),
        released_at=datetime(2026, 11, 29, 8, 30, tzinfo=UTC),
        released_by="Dr. Ada Ng",
        frames=1,
        seen_frames=1,
        risky_frames=1,
        seen_risky_frames=1,
    )
    signer = result_signer(Settings.from_environment(own))
    addendum, key = tmp_path / "release.json", tmp_path / "key.pem"
    addendum.write_bytes(sign_release(release, "framecloak test", signer))
    key.write_text(command.run("signing-key", environment=own).out)
    elsewhere = {"DATA_DIR": str(tmp_path / "elsewhere")}
    arguments = ("verify", output, "--key", key, "--release", addendum)
    verified = command.run(*arguments, environment=elsewhere)
    assert (verified.code, verified.err) == (0, "")
    assert "released by Dr. Ada Ng at 2026-11-29T08:30:00Z, who saw 1 of 1 risky frames" in verified.out
    stated = json.loads(command.run(*arguments, "--json", environment=elsewhere).out)
    assert (stated["genuine"], stated["release"]["released_by"]) == (True, "Dr. Ada Ng")
    addendum.write_bytes(sign_release(replace(release, manifest_sha256="0" * 64), "framecloak test", signer))
    other = command.run(*arguments, environment=elsewhere)
    assert (other.code, "it releases another result" in other.out) == (38, True)
