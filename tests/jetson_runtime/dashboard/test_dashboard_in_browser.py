"""The page in a real browser, on an emulated suit and the real service: what a technician sees and does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from opened_page import LAPTOP, PHONE, WORD, Opened
from playwright.sync_api import Browser, expect
from shown_suit import PORTS, Dashboard, ShownSuit
from worn_suit import until

from jetson_runtime.dashboard import password, view

# What the page may weigh: a phone on a crowded Wi-Fi loads it, too.
MOST_REQUESTS, MOST_BYTES = 60, 4_000_000
_VISIBLE = "(all) => all.filter((one) => getComputedStyle(one).visibility === 'visible').length"


def test_the_page_is_live_says_no_error_and_asks_nobody_else(
    laptop: Opened, suit: ShownSuit, record_property: pytest.RecordProperty
) -> None:
    record_property("seconds_to_live_data", round(laptop.seconds, 2))
    page = laptop.page
    for name in ("imu_back", "insole_l"):
        expect(page.locator(f"[data-sensor={name}] .badge")).to_have_text("well")
    assert 150 < float(laptop.sensor("imu_back", "rate")) < 250
    page.wait_for_timeout(2000)
    painted = page.evaluate(
        """[...document.querySelectorAll('[data-part=traces] canvas')].map((canvas) =>
           canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((x) => x > 0))"""
    )
    assert painted == [True] * 8
    assert laptop.said == []
    assert laptop.hosts == {f"127.0.0.1:{suit.dashboard.port}"}
    assert laptop.requests < MOST_REQUESTS
    assert laptop.bytes < MOST_BYTES


def test_a_sensor_that_is_unplugged_is_seen_with_what_to_do_and_none_of_its_numbers_stays(
    laptop: Opened, suit: ShownSuit
) -> None:
    page = laptop.page
    assert until(suit.is_calm, 60.0)
    suit.worn.unplug("imu_shank_l")
    try:
        expect(page.locator(WORD)).to_have_text("DEGRADED")
        expect(page.locator("[data-sensor=imu_shank_l] .badge")).to_have_text("missing")
        expect(page.locator(".faults li").first).to_contain_text("left shank")
        assert {laptop.sensor("imu_shank_l", key) for key in ("rate", "age", "offset")} == {view.DASH}
        assert laptop.sensor("imu_shank_r", "rate") != view.DASH
        expect(page.locator("[data-part=figure] figcaption")).to_have_text("no valid angles")
        numbers = page.locator("[data-part=traces] .now").all_inner_texts()
        assert all(view.DASH in text for text in numbers), numbers
    finally:
        suit.worn.replug("imu_shank_l")
    laptop.is_running()
    expect(page.locator("[data-sensor=imu_shank_l] .badge")).to_have_text("well")


def test_traces_break_where_frames_were_not_valid(laptop: Opened, suit: ShownSuit) -> None:
    assert until(suit.is_calm, 60.0)
    suit.worn.unplug("imu_thigh_r")
    expect(laptop.page.locator(WORD)).to_have_text("DEGRADED")
    suit.worn.replug("imu_thigh_r")
    laptop.is_running()
    laptop.page.wait_for_timeout(500)
    # A column of the chart in which no line was drawn: some between two in which one was.
    columns = laptop.page.evaluate(
        """(() => { const canvas = document.querySelector('[data-chart="knee angle"]');
        const pen = canvas.getContext('2d'), found = [];
        const wanted = ['--left', '--right'].map((name) => getComputedStyle(canvas).getPropertyValue(name).trim());
        const rgb = wanted.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
        const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
        for (let x = 0; x < canvas.width; x++) {
          let drawn = false;
          for (let y = 0; y < canvas.height && !drawn; y++) {
            const at = 4 * (y * canvas.width + x);
            drawn = data[at + 3] > 120 && rgb.some((c) => c.every((v, i) => Math.abs(v - data[at + i]) < 24));
          }
          found.push(drawn);
        }
        return found; })()"""
    )
    first, last = columns.index(True), len(columns) - columns[::-1].index(True)
    assert not all(columns[first:last])
    assert sum(not drawn for drawn in columns[first:last]) > 10


def test_a_service_that_ends_is_told_within_a_second_and_found_again(laptop: Opened, suit: ShownSuit) -> None:
    page = laptop.page
    assert until(suit.is_calm, 60.0)
    page.evaluate(
        """window.silences = []; new MutationObserver(() => {
        if (document.body.classList.contains('silent') && !silences.length) silences.push(performance.now());
        }).observe(document.body, { attributes: true }); window.began = performance.now()"""
    )
    suit.service.process.kill()
    expect(page.locator(WORD)).to_have_text("SILENT")
    took_ms = page.evaluate("silences[0] - began")
    expect(page.locator("[data-part=silence]")).to_contain_text("nothing heard from the suit since")
    expect(page.locator("[data-sensor=imu_back] .badge")).to_have_text("not known")
    hidden = page.locator("[data-part=traces] .now").first.evaluate("(x) => getComputedStyle(x).visibility")
    assert hidden == "hidden"
    suit.service.stop()
    suit.start_service()
    laptop.is_running()
    assert not page.locator("[data-part=silence]").count()
    # How soon is a matter of this machine's other work, too; the page itself waits 0.6 s.
    assert took_ms < 10_000


def test_a_page_without_its_server_says_so_and_comes_back_by_itself(
    chromium: Browser, suit: ShownSuit, tmp_path: Path
) -> None:
    port, config = next(PORTS), tmp_path / "suit.toml"
    config.write_text(
        suit.config.read_text().replace("[dashboard]\nport = ", f"[dashboard]\nport = {port} #")
    )
    first = Dashboard(config, port)
    assert until(first.is_ready, 60.0), first.log
    page = chromium.new_page(viewport=LAPTOP)  # type: ignore[arg-type]
    opened = Opened(page, first.url)
    told = page.locator(".spot, .badge, .sensors dd, .rows dd, .trace .now, .figure .live")
    badge = page.locator("[data-sensor=imu_back] .badge")
    expect(badge).to_have_text("well")
    assert told.evaluate_all(_VISIBLE) == told.count() > 100
    first.process.kill()
    expect(page.locator("[data-part=silence]")).to_contain_text("this page's server")
    assert told.evaluate_all(_VISIBLE) == 0
    assert page.locator(".headline .todo").inner_text() == ""
    second = Dashboard(config, port)
    try:
        opened.is_running()
        expect(badge).to_be_visible()
    finally:
        page.close()
        second.stop()


def test_a_tare_is_taken_and_one_without_a_sensor_is_refused_with_the_reason(
    laptop: Opened, suit: ShownSuit
) -> None:
    page = laptop.page
    assert until(suit.is_calm, 60.0)
    said, button = page.locator(".said").first, page.get_by_role("button", name="Tare")
    button.click()
    expect(said).to_contain_text("taken of 8 sensors")
    expect(page.locator("[data-part=worn]")).to_contain_text("s old")
    expect(page.locator("[data-part=events]")).to_contain_text("tare")
    suit.worn.unplug("imu_pelvis")
    try:
        expect(page.locator(WORD)).to_have_text("DEGRADED")
        expect(button).to_be_enabled()
        button.click()
        expect(said).to_contain_text("imu_pelvis")
        assert "refused" in (said.get_attribute("class") or "")
    finally:
        suit.worn.replug("imu_pelvis")
    laptop.is_running()


def test_marks_of_a_trial_reach_the_stream(laptop: Opened, suit: ShownSuit) -> None:
    page = laptop.page
    page.get_by_role("button", name="Begin trial").click()
    expect(page.locator(".said").nth(1)).to_contain_text("a trial needs a name")
    task = page.get_by_label("Task")
    task.click()
    task.fill("L3")
    page.get_by_role("option").filter(has_text="L3:").first.click()
    page.get_by_label("Subject").fill("S01")
    page.get_by_label("Trial").fill("7")
    page.get_by_role("button", name="Begin trial").click()
    expect(page.locator("[data-part=events]")).to_contain_text("mark begin S01 L3 7")
    expect(page.locator(".said").nth(1)).to_contain_text("marked at")
    page.get_by_label("Remark").fill("<b>slipped</b>")
    page.get_by_role("button", name="Mark", exact=True).click()
    expect(page.locator("[data-part=events]")).to_contain_text("<b>slipped</b>")


def test_on_a_phone_nothing_has_to_be_scrolled_sideways(phone: Opened) -> None:
    page = phone.page
    expect(page.locator("[data-sensor]")).to_have_count(8)
    wide = page.evaluate(
        """[...document.querySelectorAll('main *')].filter((x) => x.getBoundingClientRect().right > innerWidth + 1)
           .map((x) => x.tagName + '.' + x.className)"""
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert phone.said == []
    # The word, and what to do, are what one sees first.
    assert page.locator(WORD).bounding_box()["y"] < 200  # type: ignore[index]


def test_whoever_comes_over_the_network_logs_in_first(
    chromium: Browser, suit: ShownSuit, tmp_path: Path
) -> None:
    port, config = next(PORTS), tmp_path / "suit.toml"
    password.write(tmp_path / "kept", "correct horse")
    lines = f'[dashboard]\nlisten = "0.0.0.0"\npassword_file = "{tmp_path / "kept"}"\nport = {port} #'
    config.write_text(suit.config.read_text().replace("[dashboard]\nport = ", lines))
    dashboard = Dashboard(config, port)
    assert until(dashboard.is_ready, 60.0), dashboard.log
    context = chromium.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page, other = context.new_page(), context.new_page()
    try:
        page.goto(dashboard.url)
        page.get_by_label("Password").fill("wrong horse")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("not the password")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(WORD)).to_have_text("RUNNING")
        other.goto(dashboard.url)
        expect(other.locator(WORD)).to_have_text("RUNNING")
        page.get_by_role("link", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
        expect(other.get_by_label("Password")).to_be_visible()
        page.goto(f"{dashboard.url}/support")
        expect(page.get_by_label("Password")).to_be_visible()
        assert "Traceback" not in dashboard.log
    finally:
        context.close()
        dashboard.stop()


def test_a_recording_and_the_support_archive_are_downloaded(laptop: Opened, suit: ShownSuit) -> None:
    (suit.recordings / "20260102T000000Z_y_1.mcap").write_bytes(os.urandom(5000))
    page = laptop.page
    page.get_by_role("button", name="Look again").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="20260102T000000Z_y_1.mcap").click()
    assert (
        Path(download.value.path()).read_bytes()
        == (suit.recordings / "20260102T000000Z_y_1.mcap").read_bytes()
    )
    with page.expect_download() as download:
        page.get_by_role("link", name="Support archive").click()
    assert download.value.suggested_filename == "second-skin-support.tar.gz"
