"""The matrix page in a real browser: opened, walked by keys, filtered, put in order."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("PIL.Image")

from tests.cli.matrix_cases import (
    CHECKPOINTS,
    HOSTILE,
    VAES,
    checked,
    eight_thousand,
    matrix,
    painted,
)
from tests.pages import BROWSERS, Browser
from vaereg.cli.pages.matrix_page import write_matrix_page
from vaereg.registry.values import Evidence

CODES = {
    "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Tab": 9,
    "Escape": 27, " ": 32, "Home": 36, "End": 35, "PageUp": 33, "PageDown": 34, "/": 191,
}  # fmt: skip


class Reader(Browser):
    """The browser with the keys that walk a grid."""

    def press(self, *keys: str, control: bool = False) -> None:
        for key in keys:
            text = {"text": {"Enter": "\r"}.get(key, key)} if key in ("Enter", " ", "/") else {}
            for kind in ("keyDown", "keyUp"):
                self.call(
                    "Input.dispatchKeyEvent", type=kind, key=key, modifiers=2 * control,
                    windowsVirtualKeyCode=CODES[key], **(text if kind == "keyDown" else {}),
                )  # fmt: skip

    def write(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def choose(self, name: str, value: str) -> None:
        self.ask(
            "((list, value) => { list.value = value;"
            " list.dispatchEvent(new Event('input', { bubbles: true })); })"
            f"(document.getElementById({json.dumps(name)}), {json.dumps(value)})"
        )

    def click(self, selector: str) -> None:
        box = json.loads(
            self.ask(
                f"JSON.stringify(document.querySelector({selector!r}).getBoundingClientRect())"
            )
        )
        self.mouse((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))

    def texts(self, selector: str) -> list[str]:
        return json.loads(
            self.ask(
                f"JSON.stringify([...document.querySelectorAll({selector!r})]"
                ".filter(one => one.checkVisibility()).map(one => one.textContent))"
            )
        )

    @property
    def pair(self) -> tuple[str, str] | None:
        """Checkpoint and VAE of the cell that has the focus."""
        return tuple(
            json.loads(
                self.ask(
                    "(() => { const cell = document.activeElement.closest('td');"
                    " return JSON.stringify(cell && [cell.parentElement.cells[0],"
                    " cell.closest('table').tHead.rows[0].cells[cell.cellIndex]]"
                    ".map(one => one.firstElementChild.textContent)) })()"
                )
            )
            or ()
        )

    @property
    def heads(self) -> tuple[list[str], list[str]]:
        """The checkpoints and the VAEs that are shown, in order."""
        return self.texts("tbody th[scope=row] > span"), self.texts("thead th > span")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    running = Reader(program, tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture
def opened(browser: Reader, tmp_path: Path):
    page = matrix()
    cells = dict(page.cells)
    images = (painted(tmp_path, "strip", "red"), "/gone/picture.png")
    cells[0, 1] = replace(cells[0, 1], images=images)
    path = tmp_path / "page.html"
    write_matrix_page(str(path), replace(page, cells=cells))
    browser.open(path)
    return browser


def test_a_click_opens_evidence_advice_and_pictures(opened: Reader) -> None:
    opened.click("tbody tr:nth-child(1) td:nth-of-type(2)")
    assert opened.ask("document.getElementById('detail').open")
    assert opened.texts("#pair") == ["sdxl_vae for forest_v1"]
    assert opened.texts("#verdict, #sure, #reason") == ["degraded", "97 % sure", "because of 1"]
    assert opened.texts("#advice li") == ["keep your own VAE"]
    assert opened.texts("#evidence tbody tr:nth-child(2) :is(th, p, small)") == [
        "latent-family", "message 1", "expected: sd1", "found: found 1",
    ]  # fmt: skip
    facts = opened.texts("#facts dd")
    assert facts[:5] == ["decode", "cpu", "float32", "1.5 s", "2026-03-02 14:05:07 UTC"]
    assert {"/models/0.safetensors", "/vae/1.safetensors", f"{1:064x}"} <= set(facts)
    strip, gone = opened.texts("#pictures figcaption")
    assert strip.endswith("strip.png")
    assert gone.endswith("(not in this page: it is gone, or no picture)")
    opened.ask("document.querySelector('#pictures img').decode()")
    assert opened.ask("document.querySelector('#pictures img').naturalWidth") == 768


def test_a_pair_that_nobody_judged_says_so(opened: Reader) -> None:
    opened.click("tbody tr:nth-child(4) td:nth-of-type(1)")
    assert opened.texts("#verdict, #sure, #reason, #evidence-title") == [
        "not judged", "", "Nobody asked about this pair yet.",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["Enter", " "])
def test_the_keyboard_opens_closes_and_comes_back(opened: Reader, key: str) -> None:
    opened.ask("document.querySelector('td').focus()")
    opened.press("ArrowRight", "ArrowDown", key)
    assert opened.ask("document.getElementById('detail').open")
    assert opened.texts("#pair") == ["sdxl_vae for harbour_xl"]
    opened.press("Escape")
    assert not opened.ask("document.getElementById('detail').open")
    assert opened.pair == ("harbour_xl", "sdxl_vae")


def test_arrows_walk_and_stop_at_the_ends(opened: Reader) -> None:
    opened.ask("document.querySelector('td').focus()")
    for keys, control, pair in (
        (("ArrowLeft", "ArrowUp"), False, ("forest_v1", "vivid")),
        (("ArrowRight", "ArrowRight"), False, ("forest_v1", "anime")),
        (("End",), False, ("forest_v1", "odd")),
        (("PageDown",), False, ("castle_v10", "odd")),
        (("Home",), True, ("forest_v1", "vivid")),
        (("End",), True, ("castle_v10", "odd")),
        (("ArrowUp", "Home"), False, ("forest_v2", "vivid")),
    ):
        opened.press(*keys, control=control)
        assert opened.pair == pair
        assert opened.ask("document.querySelectorAll('td[tabindex=\"0\"]').length") == 1
        assert opened.texts("th.lit > span") == [*pair[::-1]]


def test_one_stop_of_the_tab_key_is_the_grid(opened: Reader) -> None:
    reached = []
    for _ in range(11):
        opened.press("Tab")
        reached.append(opened.ask("document.activeElement.id || document.activeElement.localName"))
    lists = ["find", "row-family", "column-family", "order", "all"]
    assert reached == ["theme-system", *["input"] * 4, *lists, "td"]


@pytest.mark.parametrize(
    ("words", "rows", "columns"),
    [
        ("harbour", ["harbour_xl"], list(VAES)),
        ("ANIME", list(CHECKPOINTS), ["anime"]),
        ("castle twin", ["castle_v10"], ["twin"]),
        ("forest", list(CHECKPOINTS), list(VAES)),
        ("  ", list(CHECKPOINTS), list(VAES)),
        ("nothing of the kind", [], []),
    ],
)
def test_words_are_found_in_checkpoints_and_vaes(
    opened: Reader, words: str, rows: list[str], columns: list[str]
) -> None:
    opened.press("/")
    assert opened.ask("document.activeElement.id") == "find"
    opened.write(words)
    assert opened.heads == (rows, columns)
    assert len(opened.texts("tbody td > span")) == len(rows) * len(columns)
    assert bool(opened.texts("#none")) == (not rows)


def test_filters_are_counted_told_and_taken_back(opened: Reader) -> None:
    assert opened.texts(".chip span") == ["7", "7", "7", "6"]
    opened.choose("row-family", "sdxl")
    opened.choose("column-family", "sd1")
    assert opened.heads == (["harbour_xl"], ["vivid", "anime", "forest_own", "odd"])
    assert opened.texts(".chip span") == ["0", "2", "0", "2"]
    assert opened.texts("#state") == [
        "Shown: 1 of 4 checkpoints, 4 of 7 VAEs, 4 of 28 pairs."
    ]  # fmt: skip
    opened.choose("row-family", "")
    assert opened.heads[0] == ["castle_v10"]
    opened.click("#all")
    assert opened.heads == (list(CHECKPOINTS), list(VAES))


def test_a_verdict_alone_fades_the_others(opened: Reader) -> None:
    opened.click(".chip:has([value=c])")
    assert opened.ask("document.querySelectorAll('td.c.off').length") == 0
    assert opened.ask("document.querySelectorAll('td.i:not(.off), td.n:not(.off)').length") == 0
    opened.press("/")
    opened.write("vivid")
    assert opened.heads == (["forest_v1"], ["vivid"])
    opened.press("Tab")
    opened.ask("document.querySelector('td[tabindex=\"0\"]').focus()")
    opened.press("ArrowRight", "ArrowDown")
    assert opened.pair == ("forest_v1", "vivid")


def test_the_stop_of_the_grid_is_never_a_hidden_cell(opened: Reader) -> None:
    opened.press("/")
    opened.write("castle odd")
    opened.ask("document.querySelector('td[tabindex=\"0\"]').focus()")
    assert opened.pair == ("castle_v10", "odd")


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("name", ["castle_v10", "forest_v1", "forest_v2", "harbour_xl"]),
        ("family", ["forest_v1", "forest_v2", "harbour_xl", "castle_v10"]),
        ("fits", ["forest_v1", "castle_v10", "forest_v2", "harbour_xl"]),
        ("given", list(CHECKPOINTS)),
    ],
)
def test_rows_and_columns_are_put_in_order(opened: Reader, by: str, rows: list[str]) -> None:
    opened.choose("order", "name")
    opened.choose("order", by)
    found, columns = opened.heads
    assert found == rows
    if by == "name":
        assert columns == sorted(VAES)
    at = found.index("harbour_xl") + 1, columns.index("ae") + 1
    opened.click(f"tbody tr:nth-child({at[0]}) td:nth-of-type({at[1]})")
    assert opened.texts("#pair, #reason") == ["ae for harbour_xl", "because of 13"]
    opened.press("Escape", "ArrowDown")
    assert opened.pair[0] == [*rows, rows[-1]][rows.index("harbour_xl") + 1]


def test_a_screen_reader_is_told_a_grid(opened: Reader) -> None:
    nodes = opened.call("Accessibility.getFullAXTree")["nodes"]
    named = {(n["role"]["value"], n["name"]["value"].strip()) for n in nodes if n.get("name")}
    for role, name in (
        ("grid", "Checkpoints against VAEs"),
        ("rowheader", "harbour_xl sdxl, 1 fit"),
        ("columnheader", "anime sd1, 1 fit"),
        ("gridcell", "✓ compatible, baked in"),
        ("gridcell", "✗ incompatible"),
        ("searchbox", "Find"),
        ("combobox", "Order"),
        ("checkbox", "compatible 7"),
        ("radio", "Dark"),
    ):
        assert (role, name) in named


def test_dark_and_light_by_the_system_and_by_the_switch(opened: Reader) -> None:
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


def test_motion_is_left_out_where_it_is_not_wanted(opened: Reader) -> None:
    for wish, name in (("reduce", "none"), ("no-preference", "enter")):
        feature = {"name": "prefers-reduced-motion", "value": wish}
        opened.call("Emulation.setEmulatedMedia", features=[feature])
        opened.ask("document.querySelector('td').click()")
        style = "getComputedStyle(document.getElementById('detail')).animationName"
        assert opened.ask(style) == name
        opened.press("Escape")


def test_nothing_is_fetched_run_or_refused(browser: Reader, tmp_path: Path) -> None:
    """With hostile texts everywhere, every cell opened: only the page and its own pictures."""
    page = matrix(checkpoints=(HOSTILE, "b"), vaes=2)
    picture = painted(tmp_path, "a<b>", "red")
    hostile = checked("degraded", device=HOSTILE, dtype=HOSTILE, images=(HOSTILE, picture))
    hostile = replace(
        hostile, reason=HOSTILE, advice=(HOSTILE,), evidence=(Evidence(*[HOSTILE] * 5),)
    )
    cells = dict.fromkeys(page.cells, hostile)
    path = tmp_path / "page.html"
    write_matrix_page(str(path), replace(page, title=HOSTILE, captions=(HOSTILE,), cells=cells))
    browser.open(path)
    for number in range(4):
        browser.ask(f"document.querySelectorAll('td')[{number}].click()")
        assert browser.texts("#advice li")[0].startswith('"></script></script x<!--')
        browser.press("Escape")
    addresses = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert addresses
    assert {address.partition(":")[0] for address in addresses} <= {"file", "data"}
    assert sum(address.startswith("file:") for address in addresses) == 1
    told = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
    told.add("Page.javascriptDialogOpening")
    assert [event for event in browser.events if event.get("method") in told] == []


@pytest.mark.parametrize("width", [340, 800, 1600])
@pytest.mark.parametrize("vaes", [3, 7])
def test_the_grid_scrolls_in_its_own_box(
    browser: Reader, tmp_path: Path, width: int, vaes: int
) -> None:
    path = tmp_path / "page.html"
    names = ("x" * 150, HOSTILE, *(f"forest_{at}" for at in range(40)))
    write_matrix_page(str(path), matrix(vaes, names, title="y" * 150))
    browser.open(path, width)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    browser.ask("document.querySelector('td').focus()")
    browser.press("End", control=True)
    browser.press("ArrowLeft", "ArrowUp")
    cell, row, column = (
        json.loads(browser.ask(f"JSON.stringify({one}.getBoundingClientRect())"))
        for one in ("document.activeElement", "lit[0]", "lit[1]")
    )
    assert row["right"] <= cell["left"] + 1, "the header of the row covers the cell"
    assert column["bottom"] <= cell["top"] + 1, "the header of the column covers the cell"
    assert column["top"] >= 0
    assert cell["bottom"] <= 900


def test_without_scripts_the_grid_is_there(browser: Reader, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_matrix_page(str(path), matrix(3))
    browser.open(path)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.load("Page.reload")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    words = " ".join(n["name"]["value"] for n in nodes if n.get("name"))
    assert "Without scripts the grid is all there is" in words
    assert "✗ incompatible" in words
    assert "Find" not in words


def test_eight_thousand_pairs_are_walked_and_filtered_in_time(
    browser: Reader, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    write_matrix_page(str(path), eight_thousand())
    browser.open(path)
    assert browser.ask("performance.now()") < 15_000
    browser.press("/")
    before = browser.ask("performance.now()")
    browser.write("checkpoint_77 vae_33")
    assert browser.heads == (["checkpoint_77"], ["vae_33"])
    assert browser.ask("performance.now()") - before < 5000
