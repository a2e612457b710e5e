"""Faces in images, and galleries of people."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from support.http.browser import PHONE, WORK_MS, Console, visit, wrapped_texts
from support.samples.images import GROUP_BOXES, group_photo

MARGIN = 60
"""Pixels around a face, so that it is detected again."""


@pytest.fixture(scope="session")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two people cut out of a photograph, each in a file of their own."""
    folder, photograph = tmp_path_factory.mktemp("portraits"), group_photo()
    paths = []
    for name, box in zip(("anna", "ben"), GROUP_BOXES[1:3].astype(int), strict=True):
        x1, y1, x2, y2 = box
        cut = photograph[y1 - MARGIN : y2 + MARGIN, x1 - MARGIN : x2 + MARGIN]
        paths.append(folder / f"{name}.png")
        cv2.imwrite(str(paths[-1]), cv2.cvtColor(cut, cv2.COLOR_RGB2BGR))
    return paths


def test_faces_are_shown_with_their_attributes_and_compared(console: Console, portraits: list[Path]) -> None:
    page = console.page
    console.open("/faces")
    page.set_input_files(".drop-zone input", portraits[0])
    expect(page.get_by_text("Add a second image")).to_be_visible(timeout=WORK_MS)
    overlay = page.locator(".face-overlay")
    expect(overlay.locator("rect")).to_have_count(1)
    expect(overlay.locator("circle")).to_have_count(5)
    expect(page.get_by_text("Not available")).to_be_visible()
    page.set_input_files(".drop-zone input", portraits[0])
    expect(page.get_by_text("Very likely the same person.")).to_be_visible(timeout=WORK_MS)
    page.get_by_role("button", name="Start over").click()
    page.set_input_files(".drop-zone input", portraits)
    # The service has to explain the cosine, which depends on the model.
    expect(page.get_by_text("Probably different people.")).to_be_visible(timeout=WORK_MS)


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs of six people in one image."""
    path = tmp_path_factory.mktemp("crowds") / "crowd.jpg"
    cv2.imwrite(str(path), cv2.cvtColor(np.tile(group_photo(), (2, 3, 1)), cv2.COLOR_RGB2BGR))
    return path


def test_refused_crowd_does_not_affect_the_other_image(
    chromium: Browser, address: str, portraits: list[Path], crowd: Path
) -> None:
    with visit(chromium, address, locale="de-DE") as visitor:
        console, page = visitor.sign_in(), visitor.page
        console.open("/faces")
        page.set_input_files(".drop-zone input", [crowd, portraits[0]])
        cards = page.locator(".pair .card")
        expect(cards.nth(0)).to_contain_text("mehr als 32 Gesichter", timeout=WORK_MS)
        expect(cards.nth(0)).to_contain_text("Schneiden Sie es")
        expect(cards.nth(1).locator(".face-overlay rect")).to_have_count(1)


def test_a_number_and_its_unit_stay_together_on_a_phone(
    chromium: Browser, address: str, portraits: list[Path]
) -> None:
    with visit(chromium, address, size=PHONE, locale="de-DE") as visitor:
        console, page = visitor.sign_in(), visitor.page
        console.open("/faces")
        page.set_input_files(".drop-zone input", portraits[0])
        facts = page.locator(".pairs dd")
        expect(facts).to_have_count(4, timeout=WORK_MS)
        assert wrapped_texts(facts) == []
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_person_is_enrolled_identified_and_removed(console: Console, portraits: list[Path]) -> None:
    page = console.page
    console.open("/galleries")
    page.get_by_label("Name").fill("Ward 3b")
    page.get_by_role("button", name="Create gallery").click()
    page.get_by_role("link", name="Open").click()
    enrol = page.locator("form", has_text="Name or pseudonym")
    search = page.locator("form", has_text="Who is this?")
    enrol.get_by_label("Name or pseudonym").fill("patient 17")
    enrol.get_by_label("Image").set_input_files(portraits[0])
    enrol.get_by_role("button", name="Enrol", exact=True).click()
    expect(page.locator(".rows")).to_contain_text("patient 17", timeout=WORK_MS)
    threshold = search.get_by_label("Minimum similarity")
    expect(threshold).to_have_value("0.93")
    search.get_by_label("Image").set_input_files(portraits[0])
    search.get_by_role("button", name="Search", exact=True).click()
    expect(search.get_by_role("listitem")).to_contain_text("patient 17")
    search.get_by_label("Image").set_input_files(portraits[1])
    search.get_by_role("button", name="Search", exact=True).click()
    expect(search.get_by_text("No face in this gallery is similar enough.")).to_be_visible()
    page.get_by_role("button", name="Remove patient 17").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No faces are enrolled yet.")).to_be_visible()
