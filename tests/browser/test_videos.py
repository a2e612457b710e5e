"""Videos: uploaded, shared and deleted."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from support.http.browser import PHONE, Console, Visitor, visit

PAGE = 24
"""Videos on one page of the list."""


def test_errors_are_explained(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    page.goto(visitor.address)
    visitor.fill_in("not the password")
    expect(page.get_by_role("alert").get_by_text("User name or password is wrong.")).to_be_visible()
    visitor.fill_in()
    notes = tmp_path / "notes.mp4"
    notes.write_text("no video")
    page.get_by_label("Drop videos here").set_input_files(notes)
    expect(page.get_by_text("This file is not a readable video")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    page.goto(f"{visitor.address}/#/videos/999999")
    expect(page.get_by_text("This video does not exist")).to_be_visible()
    page.goto(f"{visitor.address}/#/nowhere")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


def test_a_second_user_sees_nothing_of_the_first(
    console: Console, chromium: Browser, address: str, video_file: Path
) -> None:
    console.upload(video_file)
    console.card(video_file.name).get_by_role("link", name="Mark").click()
    expect(console.page.get_by_role("button", name="Mark whole video")).to_be_visible()
    theirs = console.page.url
    with visit(chromium, address) as other:
        others = other.sign_in()
        expect(others.page.get_by_text("There are no videos yet")).to_be_visible()
        others.open("/runs")
        expect(others.page.get_by_text("Nothing has been anonymised yet")).to_be_visible()
        others.page.goto(theirs)
        expect(others.page.get_by_text("This video does not exist")).to_be_visible()
        expect(others.page.get_by_role("link", name="Admin")).to_have_count(0)
        others.open("/admin")
        expect(others.page.get_by_text("You are not allowed to do this")).to_be_visible()


def test_video_is_deleted_after_confirmation(console: Console, video_file: Path) -> None:
    page = console.page
    console.upload(video_file)
    remove = page.get_by_role("button", name=f"Delete {video_file.name}")
    remove.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(console.card(video_file.name)).to_be_visible()
    remove.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("There are no videos yet")).to_be_visible()


def test_video_is_shared_for_viewing_and_editing_and_unshared(
    console: Console, chromium: Browser, address: str, video_file: Path
) -> None:
    page = console.page
    console.upload(video_file)
    video = console.marking_page(video_file.name)
    dialog = page.get_by_role("dialog", name=f"Share “{video_file.name}”")
    with visit(chromium, address) as friend:
        theirs, theirs_page = friend.sign_in(), friend.page
        page.get_by_role("button", name=f"Share {video_file.name}").click()
        expect(dialog.get_by_text("This video is not shared with any account.")).to_be_visible()
        dialog.get_by_label("User name").fill(friend.username)
        dialog.get_by_role("button", name="Share").click()
        right = dialog.get_by_label(f"Permission of {friend.username}")
        expect(right).to_have_value("viewer")

        theirs.open("/videos")
        card = theirs.card(video_file.name)
        expect(card).to_contain_text("Shared with you · view only")
        expect(card.get_by_role("link", name="Anonymise")).to_have_count(0)
        card.get_by_role("link", name="View").click()
        expect(theirs_page.get_by_text("You may view this video")).to_be_visible()
        expect(theirs_page.get_by_role("button", name="Add region")).to_have_count(0)
        theirs_page.keyboard.press("ArrowRight")
        expect(theirs_page.get_by_label("Frame", exact=True)).to_have_value("1")
        theirs.open(f"{video}/run")
        expect(theirs_page.get_by_text("but not anonymise it")).to_be_visible()

        with page.expect_response(lambda answer: answer.request.method == "PUT"):
            right.select_option("editor")
        expect(right).to_have_value("editor")
        theirs.open("/videos")
        expect(theirs.card(video_file.name)).to_contain_text("Shared with you · can edit")
        buttons = theirs.card(video_file.name).get_by_role("button")
        expect(buttons).to_have_count(1)
        expect(buttons).to_have_accessible_name(f"Rename {video_file.name}")
        theirs.card(video_file.name).get_by_role("link", name="Mark").click()
        theirs_page.get_by_role("button", name="Mark whole video").click()
        expect(theirs_page.locator(".grip")).to_have_count(2)

        dialog.get_by_role("button", name=f"Remove access of {friend.username}").click()
        expect(dialog.get_by_text("This video is not shared with any account.")).to_be_visible()
        theirs.open("/videos")
        expect(theirs_page.get_by_text("There are no videos yet")).to_be_visible()


def test_sharing_errors_are_shown_in_the_dialog(visitor: Visitor, video_file: Path) -> None:
    console = visitor.sign_in()
    page = console.page
    console.upload(video_file)
    page.get_by_role("button", name=f"Share {video_file.name}").click()
    dialog = page.get_by_role("dialog")
    for name, words in (
        ("no-such-user", "This account does not exist."),
        (visitor.username, "already has every permission"),
    ):
        dialog.get_by_label("User name").fill(name)
        dialog.get_by_role("button", name="Share").click()
        expect(dialog.get_by_role("alert").get_by_text(words)).to_be_visible()
    page.context.clear_cookies()
    dialog.get_by_role("button", name="Share").click()
    # A dialog in front of the sign-in form would be in the way.
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    expect(dialog).to_have_count(0)


def test_administrators_share_by_name_in_german_on_a_phone(
    visitor: Visitor, chromium: Browser, address: str, video_file: Path
) -> None:
    with visit(chromium, address, role="admin", size=PHONE, locale="de-DE") as administrator:
        console, page = administrator.sign_in(), administrator.page
        console.upload(video_file)
        console.card(video_file.name).get_by_role("button", name="teilen").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Konto", exact=True).select_option(visitor.username)
        dialog.get_by_label("Berechtigung", exact=True).select_option("editor")
        dialog.get_by_role("button", name="Teilen").click()
        expect(dialog.get_by_label(f"Berechtigung von {visitor.username}")).to_have_value("editor")
        assert dialog.evaluate("node => node.scrollWidth <= node.clientWidth")
    owned = visitor.sign_in()
    expect(owned.card(video_file.name)).to_contain_text("Shared with you · can edit")


def test_emptied_page_is_replaced_by_the_previous_one(console: Console, video_file: Path) -> None:
    page = console.page
    for number in range(PAGE + 1):
        named = page.request.post(
            f"{console.address}/api/videos/?filename=take-{number:02}.mp4",
            data=video_file.read_bytes(),
            headers={"Content-Type": "video/mp4", "X-CSRFToken": console.csrf_token},
        )
        assert named.ok
    console.open("/videos")
    expect(page.locator(".card.video")).to_have_count(PAGE)
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".card.video")).to_have_count(1)
    page.reload()
    page.get_by_role("button", name="Delete take-00.mp4").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".card.video")).to_have_count(PAGE)
    expect(page.get_by_role("button", name="Next")).to_have_count(0)


DROP = """([selector, kind]) => {
  const data = new DataTransfer();
  if (kind === "file") data.items.add(new File(["no film"], "notes.mp4"));
  else data.setData("text/plain", "a name");
  const over = { bubbles: true, cancelable: true, dataTransfer: data };
  const target = document.querySelector(selector);
  // What nobody has dealt with, the browser does as it likes: it would leave the console for the file.
  return ["dragover", "drop"].map((what) => target.dispatchEvent(new DragEvent(what, over)));
}"""


def test_file_dropped_outside_the_drop_zone_does_not_leave_the_console(console: Console) -> None:
    page = console.page
    for path, selector in (("/videos", "h1"), ("/videos", "body"), ("/runs", "main")):
        console.open(path)
        assert page.evaluate(DROP, [selector, "file"]) == [False, False], selector
    # Text may be dropped into fields, and images on the buttons that choose them.
    console.open("/galleries")
    assert page.evaluate(DROP, ["main input", "text"]) == [True, True]
    gallery = console.request("POST", "/galleries/", {"name": "Ward 3b"}).json()
    console.open(f"/galleries/{gallery['id']}")
    assert page.evaluate(DROP, ["main input[type=file]", "file"]) == [True, True]
    # On the drop zone, it is accepted.
    console.open("/videos")
    assert page.evaluate(DROP, [".drop-zone", "file"]) == [False, False]
    expect(page.locator(".upload")).to_contain_text("This file is not a readable video")
