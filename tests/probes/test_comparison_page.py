"""The comparison page holds all it needs, believes no name, and slides in a real browser."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

from tests.pages import BROWSERS, Browser, Outline  # noqa: E402
from vaereg.probes.comparison.compared import Column, compare  # noqa: E402
from vaereg.probes.comparison.page import page, write_page  # noqa: E402
from vaereg.registry.errors import Unreadable  # noqa: E402

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)> ' $title \x1b[31m &amp; 模型"
PAINTS = {"red": (0.9, 0.1, 0.1), "green": (0.1, 0.9, 0.1), "blue": (0.1, 0.1, 0.9)}


def plain(paint: str):
    return np.zeros((3, 48, 64)) + np.array(PAINTS[paint])[:, None, None]


def three(names=tuple(PAINTS)):
    return compare([Column(n, plain(p), "a note") for n, p in zip(names, PAINTS, strict=True)])


def test_the_page_is_well_nested_and_holds_all_it_needs() -> None:
    outline = Outline(page(three(), ("A headline", "a line")))
    assert outline.open == []
    assert outline.held["h1"] == outline.held["title"] == ["A headline"]
    sources = [image["src"] for image in outline.all("img") if "src" in image]
    assert len(sources) == 3
    for source, paint in zip(sources, PAINTS.values(), strict=True):
        kind, _, data = str(source).partition(",")
        assert kind == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            assert image.size == (64, 48)
            assert image.getpixel((5, 5)) == tuple(np.rint(np.array(paint) * 255).astype(int))
    for _, attributes in outline.tags:
        assert not attributes.keys() & {"href", "srcset", "style", "action"}
        assert not any(name.startswith("on") for name in attributes)


def test_the_policy_admits_this_style_and_this_script_alone() -> None:
    outline = Outline(page(three()))
    policy = next(m["content"] for m in outline.all("meta") if "http-equiv" in m)
    for tag in ("style", "script"):
        text = "".join(outline.held[tag]).encode()
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in str(policy)
    assert "default-src 'none'" in str(policy)
    assert "unsafe" not in str(policy)


def test_no_name_becomes_anything_but_text() -> None:
    plainly, hostile = (
        Outline(page(three((name, "b", "c")), (name, name))) for name in ("a", HOSTILE)
    )
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plainly.tags]
    assert "".join(hostile.held["strong"]).startswith('"><script>alert(1)</script>')
    assert "\x1b" not in page(three((HOSTILE, "b", "c")))


def test_controls_are_labelled() -> None:
    outline = Outline(page(three()))
    assert all("alt" in image for image in outline.all("img"))
    texts = "".join(outline.held["label"])
    for word in ("Left", "Right", "Enlarge the detail"):
        assert word in texts
    [slider] = [i for i in outline.all("input") if i["type"] == "range"]
    assert slider["aria-label"]
    assert all(cell["scope"] == "row" for cell in outline.all("th"))


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreadable, match="cannot be written"):
        write_page(str(tmp_path / "file" / "page.html"), three())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    running = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path):
    path = tmp_path / "page.html"
    write_page(str(path), three((HOSTILE, "green VAE", "blue VAE")), ("Three paints", "a line"))
    browser.open(path)
    return browser


def stage(browser: Browser):
    """Left, top, width and height of the stage on the screen."""
    return json.loads(
        browser.ask("JSON.stringify(document.querySelector('.stage').getBoundingClientRect())")
    )


def paint_at(browser: Browser, share: float) -> str:
    """The paint that the stage shows at that share of its width."""
    box = stage(browser)
    x, y = box["left"] + share * box["width"], box["top"] + 0.2 * box["height"]
    seen = browser.picture()[round(y), round(x)]
    return min(PAINTS, key=lambda name: np.abs(np.array(PAINTS[name]) * 255 - seen).sum())


def test_left_and_right_meet_where_the_slider_stands(opened: Browser) -> None:
    assert [paint_at(opened, share) for share in (0.1, 0.4, 0.6, 0.9)] == [
        "red", "red", "blue", "blue",
    ]  # fmt: skip
    opened.ask("document.getElementById('at').focus()")
    for _ in range(20):
        opened.key("ArrowRight")
    assert (paint_at(opened, 0.65), paint_at(opened, 0.75)) == ("red", "blue")
    opened.key("Home")
    assert paint_at(opened, 0.1) == "blue"
    opened.key("End")
    assert paint_at(opened, 0.9) == "red"
    assert opened.ask("document.getElementById('at').getAttribute('aria-valuetext')").startswith(
        "100 %"
    )


def test_the_mouse_drags_the_edge(opened: Browser) -> None:
    box = stage(opened)
    y = box["top"] + box["height"] / 2
    places = [(box["left"] + share * box["width"], y) for share in (0.5, 0.4, 0.25)]
    opened.mouse(*places)
    assert (paint_at(opened, 0.15), paint_at(opened, 0.4)) == ("red", "blue")


def test_any_two_are_chosen_by_lists_by_buttons_and_swapped(opened: Browser) -> None:
    opened.ask("document.getElementById('left').focus()")
    opened.key("ArrowDown")
    assert (paint_at(opened, 0.1), paint_at(opened, 0.9)) == ("green", "blue")
    opened.ask("document.getElementById('swap').click()")
    assert (paint_at(opened, 0.1), paint_at(opened, 0.9)) == ("blue", "green")
    opened.ask("document.querySelector('[data-side=right][data-number=\"0\"]').click()")
    assert paint_at(opened, 0.9) == "red"
    pressed = "[...document.querySelectorAll('[aria-pressed=true]')].map(b => b.dataset.number)"
    assert opened.ask(pressed) == ["0", "2"]
    said = opened.ask("document.getElementById('right-says').textContent")
    assert "one colour all over" in said


def test_everything_is_reached_by_tabulator_in_order(opened: Browser) -> None:
    reached = []
    for _ in range(6):
        opened.key("Tab")
        reached.append(opened.ask("document.activeElement.id"))
    assert reached == ["theme-system", "left", "swap", "right", "enlarge", "at"]


def test_a_screen_reader_is_told_what_each_control_is(opened: Browser) -> None:
    nodes = opened.call("Accessibility.getFullAXTree")["nodes"]
    named = {(n["role"]["value"], n["name"]["value"]) for n in nodes if n.get("name")}
    for role, name in (
        ("combobox", "Left"),
        ("combobox", "Right"),
        ("slider", "How much of the left picture is shown"),
        ("button", "Swap left and right"),
        ("button", "Show green VAE on the left"),
        ("checkbox", "Enlarge the detail"),
        ("radio", "Dark"),
        ("image", "green VAE: one colour all over: green"),
    ):
        assert (role, name) in named


def test_dark_and_light_by_the_system_and_by_the_switch(opened: Browser) -> None:
    def ground() -> int:
        colour = opened.ask("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    for scheme, dark in (("dark", True), ("light", False)):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        opened.call("Emulation.setEmulatedMedia", features=[feature])
        opened.ask("document.getElementById('theme-system').click()")
        assert (ground() < 200) == dark
        opened.ask(f"document.getElementById('theme-{'light' if dark else 'dark'}').click()")
        assert (ground() < 200) != dark


def test_nothing_is_fetched_run_or_refused(opened: Browser) -> None:
    """Every request is for the page or for its own pictures; no name's script ran."""
    addresses = [
        event["params"]["request"]["url"]
        for event in opened.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert addresses
    assert {address.partition(":")[0] for address in addresses} <= {"file", "data"}
    told = ("Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening")
    assert [event for event in opened.events if event.get("method") in told] == []


def test_the_detail_is_enlarged(browser: Browser, tmp_path: Path) -> None:
    picture = plain("red")
    picture[:, :12, :16] = plain("green")[:, :12, :16]
    picture[:, 4:8, 4:12] = plain("blue")[:, :4, :8]
    write_page(str(tmp_path / "page.html"), compare([Column("one", picture)]))
    browser.open(tmp_path / "page.html")
    assert paint_at(browser, 0.7) == "red"
    browser.ask("document.getElementById('enlarge').click()")
    assert paint_at(browser, 0.7) == "green"


@pytest.mark.parametrize("width", [340, 800, 1600])
def test_nothing_sticks_out_of_a_narrow_window(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    name = "x" * 150
    write_page(str(tmp_path / "page.html"), three((name, HOSTILE, "c")), (name,))
    browser.open(tmp_path / "page.html", width)
    assert browser.ask("document.documentElement.scrollWidth") <= width


def test_without_scripts_all_pictures_are_there(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_page(str(path), three())
    browser.open(path)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.load("Page.reload")
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    sheet = browser.picture()
    for paint in PAINTS.values():
        assert (np.abs(sheet - np.array(paint) * 255).max(2) < 3).sum() > 10_000
