"""Many videos at once: found, tagged, ordered with a template, followed and downloaded together."""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page, expect

from support.http.browser import WORK_MS, Console
from support.samples.media import write_video

VIDEOS = 4


@pytest.fixture(scope="module")
def video_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("many")
    return [write_video(folder / f"patient {number}.mp4", 12, size=(320, 240)) for number in range(VIDEOS)]


def _upload(page: Page, files: list[Path]) -> None:
    page.get_by_label("Drop videos here").set_input_files(files)
    expect(page.get_by_text(f"{len(files)} of {len(files)} files uploaded")).to_be_visible(timeout=WORK_MS)


def _save_template(console: Console, name: str) -> None:
    """Mark a region and the whole of the first video, and keep both as a template."""
    page = console.page
    video = console.marking_page(name)
    console.open(video)
    page.get_by_role("button", name="Add region").click()
    page.get_by_role("button", name="Mark whole video").click()
    expect(page.locator(".grip")).to_have_count(2)
    console.open(f"{video}/run")
    page.get_by_role("button", name="Save as template").click()
    dialog = page.get_by_role("dialog", name="Save as template")
    dialog.get_by_label("Name").fill("Tower B")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The template “Tower B” is saved.")).to_be_visible()


def test_many_videos_are_ordered_with_few_clicks(console: Console, video_files: list[Path]) -> None:
    page = console.page
    _upload(page, video_files)
    # One message for all of them, so that nothing below is covered.
    assert page.locator(".messages .message").count() <= 2
    _save_template(console, video_files[0].name)
    console.open("/videos")
    page.get_by_role("button", name=f"Select {VIDEOS} videos").click()
    page.get_by_role("link", name="Anonymise together").click()
    page.get_by_label("Template").select_option("Tower B")
    expect(page.locator(".finish")).to_contain_text(f"{VIDEOS * 12} frames")
    page.get_by_label("Reference").fill("STUDY-7")
    page.get_by_role("button", name=f"Start {VIDEOS} runs").click()
    expect(page.get_by_role("heading", name="Runs of several videos")).to_be_visible()
    download = page.get_by_role("link", name="Download all")
    expect(page.locator(".batch > .facts").last).to_have_text(f"Done: {VIDEOS}", timeout=WORK_MS)
    with page.expect_download() as started:
        download.click()
    content = Path(started.value.path()).read_bytes()
    with ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
    assert names[0] == "index.html"
    assert len([name for name in names if name.startswith("results/STUDY-7_faces_")]) == VIDEOS
    console.open("/runs")
    expect(page.get_by_text(f"{VIDEOS} videos · Tower B")).to_have_count(1)
    console.open("/videos")
    expect(page.locator(".badge[data-state=ready]")).to_have_count(VIDEOS)


def test_videos_are_renamed_tagged_searched_and_sorted(console: Console, video_files: list[Path]) -> None:
    page = console.page
    _upload(page, video_files[:3])
    page.get_by_role("button", name=f"Rename {video_files[1].name}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Theatre 2")
    dialog.get_by_label("Tags").fill("ward 3, Study")
    dialog.get_by_role("button", name="Save").click()
    card = console.card("Theatre 2")
    expect(card).to_contain_text("ward 3")
    expect(card.locator(".badge")).to_have_text("New")
    page.get_by_label("Search").fill("theatre ward")
    expect(page.locator(".card.video")).to_have_count(1)
    page.get_by_label("Search").fill("nothing like this")
    expect(page.get_by_text("No video matches this search.")).to_be_visible()
    page.get_by_label("Search").fill("")
    page.get_by_label("Sort by").select_option("name")
    expect(page.locator(".card.video h2").first).to_have_text(video_files[0].name)
    expect(page.locator(".card.video h2").last).to_have_text("Theatre 2")
    for file in (video_files[0], video_files[2]):
        page.get_by_label(f"Select {file.name}").check()
    page.get_by_role("button", name="Add tags").click()
    dialog.get_by_label("Tags to add").fill("Later")
    dialog.get_by_role("button", name="Save").click()
    page.get_by_label("Tag", exact=True).select_option("Later")
    expect(page.locator(".card.video")).to_have_count(2)
    page.reload()
    expect(page.locator(".card.video")).to_have_count(2)


def test_a_result_and_a_video_with_everything_are_deleted_with_receipts(
    console: Console, video_files: list[Path]
) -> None:
    page = console.page
    console.upload(video_files[0])
    run = console.submit_all_frames(video_files[0].name)
    expect(run.get_by_role("link", name="Review")).to_be_visible(timeout=WORK_MS)
    run.get_by_role("button", name="Delete result").click()
    with page.expect_download() as receipt:
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    assert "manifest_sha256" in Path(receipt.value.path()).read_text()
    expect(run).to_contain_text("The result was deleted.")
    console.open("/videos")
    page.get_by_role("button", name=f"Delete {video_files[0].name}").click()
    page.get_by_label("Also delete all results").check()
    with page.expect_download() as receipt:
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    assert "video_sha256" in Path(receipt.value.path()).read_text()
    expect(page.get_by_text("There are no videos yet")).to_be_visible()
