"""The recorder steered from the page, and the page as it is on a phone and at its first paint, in a real browser."""

from __future__ import annotations

import re

from opened_page import LAPTOP, PHONE, WORD, Opened
from playwright.sync_api import Browser, Page, expect
from recorded_suit import RecorderProcess
from shown_suit import ShownSuit
from worn_suit import until

from jetson_runtime.recording import catalogue

RECORDER = "[data-part=recorder]"
# Narrower and wider than most phones, and the size that is asked for.
WIDTHS = (320, 360, 414, 768)
# A finger's breadth, by Material's own smallest size.
LEAST_BUTTON_PX = 36
# The first data may be painted so much later than the page without any.
MOST_TIMES_FIRST_PAINT = 6.0


def button(page: Page, name: str) -> None:
    """Pressed, once what was pressed before has been answered."""
    found = page.get_by_role("button", name=name, exact=True)
    expect(found).to_be_enabled()
    found.click()


def choose_task(page: Page, code: str) -> None:
    task = page.get_by_label("Task")
    task.click()
    task.fill(code)
    page.get_by_role("option").filter(has_text=f"{code}:").first.click()


def row(page: Page, name: str) -> str:
    """What the recorder's card says of one fact."""
    return page.locator(f"{RECORDER} > div").filter(has=page.locator("dt", has_text=name)).inner_text()


def test_a_recording_is_started_stopped_listed_with_what_it_is_of_and_downloaded(
    laptop: Opened, suit: ShownSuit
) -> None:
    page = laptop.page
    assert until(suit.is_calm, 60.0)
    # On a starved machine NiceGUI tells there that it loads the page once more.
    laptop.said.clear()
    recorder = RecorderProcess(suit.config)
    try:
        expect(page.locator(RECORDER)).to_contain_text("recording")
        button(page, "Stop recording")
        expect(page.locator(RECORDER)).to_contain_text("stopped, asked to stop")
        expect(page.locator("[data-part=events]")).to_contain_text("recording stop")
        whole = set(suit.recordings.glob("*.mcap"))
        assert {catalogue.look(path).state for path in whole} == {catalogue.WHOLE}
        choose_task(page, "L3")
        page.get_by_label("Subject").fill("S07")
        page.get_by_label("Trial").fill("4")
        button(page, "Start recording")
        expect(page.locator(RECORDER)).to_contain_text("start S07 L3 4")
        expect(page.locator("[data-part=events]")).to_contain_text("recording start S07 L3 4")
        assert until(lambda: set(suit.recordings.glob("*.mcap")) - whole, 60.0), recorder.log
        (path,) = set(suit.recordings.glob("*.mcap")) - whole
        expect(page.locator(RECORDER)).to_contain_text(path.name)
        button(page, "Stop recording")
        expect(page.locator(RECORDER)).to_contain_text("stopped, asked to stop")
        expect(page.locator(RECORDER)).not_to_contain_text(path.name)
        button(page, "Look again")
        listed = page.locator("[data-part=files] li").filter(has_text=path.name)
        expect(listed).to_contain_text("S07 L3 4")
        with page.expect_download() as download:
            listed.get_by_role("link").click()
        with open(download.value.path(), "rb") as file:
            assert file.read() == path.read_bytes()
        assert recorder.process.poll() is None, recorder.log
        assert laptop.said == []
    finally:
        recorder.kill()


def test_a_start_that_no_recorder_hears_is_told_at_once_and_then_as_a_fault(
    laptop: Opened, suit: ShownSuit
) -> None:
    page = laptop.page
    assert until(lambda: (suit.service.status.get("recording") or {}).get("state") != "recording", 60.0)
    button(page, "Start recording")
    said = page.locator(".said").nth(1)
    expect(said).to_contain_text(re.compile("no recorder runs|second-skin status"))
    # Which of the two depends on whether the last test's recorder has ever spoken: 51 is told then.
    of_the_recorder = page.locator(".faults li").filter(has_text=re.compile("Fault 5[12]"))
    expect(of_the_recorder).to_have_count(1)
    recorder = RecorderProcess(suit.config)
    try:
        expect(of_the_recorder).to_have_count(0)
        button(page, "Stop recording")
        expect(page.locator(RECORDER)).to_contain_text("stopped, asked to stop")
    finally:
        recorder.kill()


def test_at_every_phone_s_width_all_of_it_is_there_and_nothing_is_scrolled_sideways(
    phone: Opened, suit: ShownSuit
) -> None:
    page = phone.page
    page.get_by_text("Card", exact=True).click()
    expect(page.locator("[data-part=card]")).to_contain_text("Trained on")
    suit.worn.unplug("insole_l")
    try:
        # The longest words are those of a fault.
        expect(page.locator(".faults li").first).to_contain_text("left insole")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": PHONE["height"]})
            page.wait_for_timeout(300)
            wide = page.evaluate(
                """[...document.querySelectorAll('main *')].filter((x) => {
                   const { right, left } = x.getBoundingClientRect();
                   return right > innerWidth + 1 || left < -1; }).map((x) => x.tagName + '.' + x.className)"""
            )
            assert wide == [], width
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            small = page.evaluate(
                f"""[...document.querySelectorAll('main button')].filter((x) => x.offsetHeight < {LEAST_BUTTON_PX})
                   .map((x) => x.textContent)"""
            )
            assert small == [], width
    finally:
        suit.worn.replug("insole_l")
    phone.is_running()
    assert phone.said == []


def test_data_is_painted_soon_after_the_page_is_and_not_before_it_is_valid(
    chromium: Browser, suit: ShownSuit, laptop: Opened
) -> None:
    """Against the same page's own first paint: how long both take is the machine's."""
    assert until(suit.is_calm, 60.0)
    ratios = []
    for _ in range(3):
        page = chromium.new_page(viewport=LAPTOP)  # type: ignore[arg-type]
        page.goto(suit.dashboard.url, wait_until="commit")
        live_ms = page.wait_for_function(
            """() => document.querySelector('[data-part=word]')?.textContent === 'RUNNING'
            && document.querySelectorAll('[data-part=figure] polyline[points*=","]').length === 3
            && performance.now()""",
            timeout=60_000,
        ).json_value()
        # The browser tells of a paint a little later.
        page.wait_for_timeout(1000)
        if painted_ms := page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        ):
            ratios.append(live_ms / painted_ms)
        page.close()
    assert ratios and min(ratios) < MOST_TIMES_FIRST_PAINT, ratios
    expect(laptop.page.locator(WORD)).to_have_text("RUNNING")
