"""The pages in a real browser: one session, one report of a set whose names are as hostile as names can be."""

import json
import time
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from labelprep.report.write import write_report
from labelprep.steps.palette import save_palette
from tests.dataset import STREET, Dataset, blocks, labelprep
from tests.report.browser import chromium

pytestmark = pytest.mark.browser
ATTACK = "<script>document.title='owned'<"  # no slash, as file names have none
CLASS = "<img src=x onerror=alert(1)>"
WAIT = 60  # seconds, of a machine that may be very busy


def script(driver, text, *arguments):
    return driver.execute_script(text, *arguments)


def until(driver, text):
    """Waits until a JavaScript expression is true, and gives it."""
    end = time.monotonic() + WAIT
    while not (value := script(driver, f"return {text}")):
        assert time.monotonic() < end, text
    return value


@pytest.fixture(scope="module")
def driver():
    started = chromium()
    yield started
    started.quit()


@pytest.fixture(scope="module")
def folder(driver, tmp_path_factory):
    """A report on a set with faults, an evaluation and a training run, all with hostile names."""
    root = tmp_path_factory.mktemp("browser")
    classes = [*STREET[:4], (CLASS, STREET[4][1]), STREET[5]]
    data = Dataset(root / "raw", classes)
    for n in range(3):
        data.pair(f"{ATTACK}{n}")
    odd = data.colors[blocks()]
    odd[4:8, 8:12] = (255, 0, 255)
    data.pair(ATTACK, odd)
    out = root / "out"
    result = labelprep("convert", data.root, "--ignore", "void", "-o", out, "--scheduler", "inline")
    assert result.code == 3, result.err
    from labelprep.prepared import Prepared

    prepared = Prepared.open(out)
    for row in prepared.rows():
        if row.written:
            with Image.open(out / "masks" / f"{row.key}.png") as image:
                save_palette(root / "predicted" / f"{row.key}.png", (np.asarray(image) + 1) % 5, prepared.table)
    assert labelprep("eval", "--pred", root / "predicted", "--data", out, "-o", root / "scores").code == 0
    run = root / "run"
    run.mkdir()
    lines = [{"epoch": e, "train_loss": 2 / e, "val_loss": 2.2 / e, "val_miou": e / 9} for e in (1, 2, 3)]
    (run / "history.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    facts = {"options": {"model": ATTACK}, "class_table": prepared.table.to_dict(), "table_hash": prepared.table.hash}
    (run / "run.json").write_text(json.dumps(facts))
    write_report([out, run, root / "scores"], root / "report")
    return root / "report"


@pytest.fixture
def opened(driver, folder):
    """Opens a page; none may have complained by the end of the test."""
    driver.get_log("browser")

    def opening(name):
        driver.get((folder / name).as_uri())
        until(driver, "document.readyState === 'complete'")

    yield opening
    assert [entry["message"] for entry in driver.get_log("browser")] == []


def pages(folder):
    return sorted(path.name for path in folder.glob("*.html"))


def test_every_page_opens_whole_and_every_link_leads_to_a_file(driver, folder, opened):
    expected = {"index", "classes", "gallery", "evaluation", "confusion", "images", "training", "geometry", "leakage"}
    assert {f"{name}.html" for name in expected | {"provenance", "finding-unknown-color"}} <= set(pages(folder))
    for name in pages(folder):
        opened(name)
        found = script(
            driver,
            """
            document.querySelectorAll('img').forEach(image => image.loading = 'eager');
            const at = (selector, name) => [...document.querySelectorAll(selector)].map(e => e[name]);
            const ids = new Set(at('[id]', 'id'));
            return {
              links: [...at('a', 'href'), ...at('link', 'href'), ...at('script', 'src'), ...at('img', 'src')],
              lang: document.documentElement.lang, h1: document.querySelectorAll('h1').length,
              marks: ['header', 'nav[aria-label]', 'main'].every(s => document.querySelectorAll(s).length === 1),
              nameless: [...document.querySelectorAll('img:not([alt]), svg[role=img]:not([aria-label]), ' +
                'input:not([aria-label])')].filter(e => !e.closest('label')).length,
              wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
              handlers: [...document.querySelectorAll('*')].some(e => [...e.attributes].some(a => /^on/.test(a.name))),
              scripts: document.querySelectorAll('script').length,
            }""",
        )
        assert (found["lang"], found["h1"], found["marks"], found["nameless"]) == ("en", 1, True, 0), name
        assert (found["wide"], found["handlers"], found["scripts"]) == (False, False, 1), name
        for link in found["links"]:
            parts = urlsplit(link)
            assert parts.scheme in ("file", "data"), f"{name}: {link}"
            if parts.scheme == "file":
                path = folder.parent.joinpath(unquote(parts.path))
                assert path.is_file(), f"{name}: {link}"
                assert path.is_relative_to(folder.resolve()) or path.is_relative_to(folder), f"{name}: {link}"
        assert until(driver, "[...document.images].every(i => i.complete)")
        assert script(driver, "return [...document.images].every(i => i.naturalWidth > 0)"), name


def test_names_stay_text(driver, opened):
    for name in ("index.html", "finding-unknown-color.html", "gallery.html", "confusion.html", "images.html"):
        opened(name)
        assert script(driver, "return document.title") != "owned"
        assert script(driver, "return document.querySelectorAll('img[src=x], main script').length") == 0
        assert ATTACK in script(driver, "return document.querySelector('main').textContent"), name
    opened("classes.html")
    assert script(driver, f"return document.querySelector('main').textContent.includes({json.dumps(CLASS)})")


def test_the_slider_and_the_switches_change_what_is_painted(driver, opened):
    opened("gallery.html")
    number = script(driver, "return document.querySelectorAll('.layers').length")
    until(driver, f"Number(document.querySelector('[data-gallery]').dataset.ready) === {number}")
    visible = """return [...document.querySelectorAll('canvas.mask')].map(c => {
        const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0;
        for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
        return n; })"""
    pixel = "document.querySelector('canvas.mask').getContext('2d').getImageData(1, 1, 1, 1).data"
    first = script(driver, f"return [...{pixel}]")
    assert tuple(first[:3]) in {color for _, color in STREET}
    before = script(driver, visible)
    assert all(before)
    script(driver, "document.querySelector('[data-id=\"1\"]').click()")
    without = script(driver, visible)
    assert all(a < b for a, b in zip(without, before, strict=True))
    script(driver, "document.querySelector('[data-all=off]').click()")
    assert not any(script(driver, visible))
    script(driver, "document.querySelector('[data-all=on]').click()")
    assert min(script(driver, visible)) >= max(before)
    script(driver, "const s = document.querySelector('input[type=range]'); s.value = 20;"
           "s.dispatchEvent(new Event('input', {bubbles: true}))")  # fmt: skip
    assert script(driver, "return document.querySelector('output').textContent") == "20 %"
    until(driver, "getComputedStyle(document.querySelector('canvas.mask')).opacity === '0.2'")


def test_tables_sort_by_number_and_by_text_with_the_keyboard_too(driver, opened):
    from selenium.webdriver.common.keys import Keys

    opened("classes.html")
    column = """return [...document.querySelectorAll('table')[0].tBodies[0].rows].map(r => r.cells[%d].dataset.value)"""
    heads = driver.find_elements("css selector", "table:first-of-type th button")
    place = [head.text for head in heads].index("Pixels")
    heads[place].send_keys(Keys.ENTER)
    values = [int(v) for v in script(driver, column % place)]
    assert values == sorted(values, reverse=True)
    heads[place].send_keys(Keys.SPACE)
    assert [int(v) for v in script(driver, column % place)] == values[::-1]
    sorts = "return [...document.querySelectorAll('th[aria-sort]')].map(t => t.getAttribute('aria-sort'))"
    assert script(driver, sorts) == ["ascending"]
    script(driver, "document.querySelectorAll('th button')[1].click()")
    names = script(
        driver, "return [...document.querySelectorAll('table')[0].tBodies[0].rows].map(r => r.cells[1].textContent)"
    )
    assert names == sorted(names)


def test_the_theme_is_kept_and_follows_the_system_until_chosen(driver, opened):
    ground = "return getComputedStyle(document.body).backgroundColor"
    media = "Emulation.setEmulatedMedia"
    seen = {}
    for scheme in ("light", "dark"):
        driver.execute_cdp_cmd(media, {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        opened("index.html")
        seen[scheme] = script(driver, ground)
    assert seen["light"] != seen["dark"]
    driver.find_element("css selector", "[data-theme-toggle]").click()
    assert script(driver, ground) == seen["light"]
    opened("classes.html")
    assert script(driver, ground) == seen["light"]
    driver.execute_cdp_cmd(media, {"features": []})
    script(driver, "localStorage.clear()")


def test_the_first_stop_of_the_keyboard_leads_to_the_content(driver, opened):
    from selenium.webdriver.common.keys import Keys

    opened("index.html")
    driver.find_element("css selector", "body").send_keys(Keys.TAB)
    assert script(driver, "return document.activeElement.className") == "skip"
    assert script(driver, "return getComputedStyle(document.activeElement).outlineStyle") != "none"
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert script(driver, "return document.activeElement.id") == "main"


CONTRAST = """
const channel = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
function ground(element) {
  const layers = [];
  for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
  let color = [255, 255, 255];
  for (const [r, g, b, a] of layers.reverse()) color = [r, g, b].map((v, i) => v * a + color[i] * (1 - a));
  return color;
}
const low = new Set();
for (const element of document.querySelectorAll('main *, nav a, header *')) {
  const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || element.closest('svg') || !element.getClientRects().length) continue;
  const pair = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a);
  const ratio = (pair[0] + .05) / (pair[1] + .05);
  if (ratio < 4.5) low.add(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
}
return [...low];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(driver, opened, scheme):
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    for name in ("index.html", "classes.html", "finding-unknown-color.html", "confusion.html", "leakage.html"):
        opened(name)
        assert script(driver, CONTRAST) == [], name
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_narrow_screen_shows_everything_without_scrolling_sideways(driver, folder, opened):
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for name in pages(folder):
            opened(name)
            assert script(driver, "return document.documentElement.scrollWidth") <= 400, name
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
