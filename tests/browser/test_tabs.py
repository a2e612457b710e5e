"""Connection slots shared by several tabs of one browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from support.http.browser import WORK_MS, Console, Visitor

RUNS = 4
ANSWER = """
Promise.race([
  fetch("/api/auth/me").then((answer) => answer.status),
  new Promise((resolve) => setTimeout(() => resolve("no answer"), 10_000)),
])
"""


@contextmanager
def long_runs(console: Console, video_file: Path) -> Iterator[None]:
    """Runs that do not end before the pages show them."""
    console.upload(video_file)
    video = console.marking_page(video_file.name)
    segment = console.request("POST", f"/api{video}/segments/", {"start_frame": 0, "end_frame": 6000}).json()
    order = {"video_id": segment["video_id"], "segment_ids": [segment["id"]]}
    ids = [console.request("POST", "/api/frames/anonymize/", order).json()["request_id"] for _ in range(RUNS)]
    try:
        yield
    finally:
        for one in ids:
            # Without first checking whether it was over already.
            url = f"{console.address}/api/frames/anonymize/{one}/"
            console.page.request.delete(url, headers={"X-CSRFToken": console.csrf_token})


def open_streams(page: Page) -> int:
    """Return the number of open streams of a page."""
    found: int = page.evaluate("opened.filter((one) => one.readyState !== EventSource.CLOSED).length")
    return found


def await_streams(pages: list[Page], number: int) -> None:
    """Wait until pages have this many streams in total."""
    patience = 20
    while sum(map(open_streams, pages)) != number and patience:
        pages[0].wait_for_timeout(1000)
        patience -= 1
    assert sum(map(open_streams, pages)) == number


def test_tabs_with_many_runs_leave_connections_for_each_other(
    visitor: Visitor, console: Console, long_video_file: Path
) -> None:
    context = console.page.context
    context.add_init_script(
        """globalThis.opened = [];
        const Source = EventSource;
        globalThis.EventSource = class extends Source {
          constructor(...given) { super(...given); opened.push(this); }
        };"""
    )
    with long_runs(console, long_video_file):
        pages = [context.new_page() for _ in range(3)]
        for page in pages:
            page.goto(f"{console.address}/#/runs")
            expect(page.locator(".card.run")).to_have_count(RUNS)
        for page in pages:
            assert page.evaluate(ANSWER) == 200
        await_streams(pages, 2)
        # Pages without a stream are updated as well.
        values = "[...document.querySelectorAll('.run progress')].map((bar) => bar.value).join()"
        before = pages[2].evaluate(values)
        pages[2].wait_for_function(f"before => {values} !== before", arg=before, timeout=WORK_MS)
        # Closing a tab frees its streams for the others.
        pages[0].close()
        await_streams(pages[1:], 2)
        # A hidden page needs no stream.
        pages[1].evaluate(
            """Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"))"""
        )
        await_streams(pages[1:2], 0)
        await_streams(pages[2:], 2)
        for page in pages[1:]:
            page.close()


def test_unanswered_request_counts_as_a_lost_connection(console: Console) -> None:
    page = console.page
    page.clock.install()
    for path in ("**/galleries/*", "**/health"):
        page.route(path, lambda _: None)
    page.get_by_role("link", name="Galleries").click()
    expect(page.get_by_text("One moment")).to_be_visible()
    page.clock.fast_forward(31_000)
    expect(page.get_by_text("No connection to the service")).to_be_visible()
    expect(page.locator("main").get_by_text("The service cannot be reached")).to_be_visible()
    page.unroute_all()
    # Polled again, although the first poll was not answered either.
    for _ in range(3):
        page.clock.run_for(2_100)
    page.clock.resume()
    expect(page.get_by_text("No connection to the service")).to_be_hidden()
    expect(page.get_by_text("There are no galleries yet.")).to_be_visible()


def test_videos_are_uploaded_one_after_the_other(console: Console, video_file: Path) -> None:
    page = console.page
    sent: list[Route] = []
    page.route(
        "**/api/videos/?filename=*",
        lambda route: sent.append(route) if not sent else route.continue_(),
    )
    named = [
        {"name": f"{number}.mp4", "mimeType": "video/mp4", "buffer": video_file.read_bytes()}
        for number in range(7)
    ]
    page.set_input_files(".drop-zone input", named)  # type: ignore[arg-type]
    expect(page.get_by_text("Waiting for the previous upload.")).to_have_count(6)
    # Who waits can be called off, and does not come up.
    page.locator(".upload", has_text="1.mp4").get_by_role("button", name="Cancel").click()
    page.locator(".account summary").click()
    page.locator(".preferences select").first.select_option("de")
    expect(page.get_by_text("Wartet auf den vorherigen Upload.")).to_have_count(5)
    sent[0].continue_()
    expect(page.locator(".card.video")).to_have_count(6)
