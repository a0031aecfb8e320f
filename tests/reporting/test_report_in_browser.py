"""The report as a browser shows it: opened as files, clicked, typed into, wide and narrow."""

import json

import pytest
from browser import Page, chromium, found

from mbdl_repro.reporting.layout import method_page, page_of

LOOKS = [(width, dark) for width in (1280, 390) for dark in (False, True)]
EACH_KIND = [
    "index.html",
    "experiments.html",
    "methods.html",
    "claims.html",
    "which_method.html",
    "search.html",
    page_of("5.06_lista"),
    page_of("doa_calibration"),
    page_of("6.1_data"),
    method_page("sparse_recovery", "lista"),
    method_page("tracking", "kalman_filter"),
]


@pytest.fixture(scope="module")
def browser():
    program = found()
    if program is None:
        pytest.skip("no Chromium or Chrome is installed (Debian: apt-get install chromium)")
    with chromium(program) as page:
        yield page


def shown_rows(page: Page) -> list[list[str]]:
    """The cells of the rows of claims that are to be seen."""
    return page.value(
        "[...document.querySelectorAll('#claims tbody tr')].filter(r => r.offsetParent)"
        ".map(r => [...r.cells].map(c => c.textContent.trim()))"
    )


def choose(page: Page, name: str, value: str) -> None:
    page.value(
        f"(s => {{ s.value = {json.dumps(value)}; s.dispatchEvent(new Event('input',"
        f" {{bubbles: true}})); }})(document.querySelector('[name={name}]'))"
    )


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_no_page_is_wider_than_the_window(browser, kept, width, dark):
    browser.look(width, dark=dark)
    for name in EACH_KIND:
        browser.open(kept.folder / name)
        assert browser.value("document.documentElement.scrollWidth") <= width, name
        loaded = "[...document.images].every(i => i.complete && i.naturalWidth > 0)"
        assert browser.value(loaded), name


@pytest.mark.parametrize("dark", [False, True])
def test_words_stand_out_from_their_ground(browser, kept, dark):
    """By the ratio of luminances that WCAG 2 asks of text, 4.5."""
    browser.look(1280, dark=dark)
    for name in (page_of("5.06_lista"), "claims.html", "index.html"):
        browser.open(kept.folder / name)
        worst = browser.value(CONTRAST)
        assert worst[0] >= 4.5, (name, worst)


CONTRAST = """(() => {
  const channel = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const rgba = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  let worst = [21, ""];
  for (const e of document.querySelectorAll("main *, header *, footer *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.offsetParent) continue;
    const [a, b] = [luminance(rgba(getComputedStyle(e).color)), luminance(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 120)];
  }
  return worst;
})()"""


def test_claims_are_filtered_by_each_choice_and_by_words(browser, kept):
    browser.look(1280)
    browser.open(kept.folder / "claims.html")
    table = kept.facts.verdicts
    assert len(shown_rows(browser)) == len(table)
    choose(browser, "verdict", "fails")
    rows = shown_rows(browser)
    assert len(rows) == (table["verdict"] == "fails").sum() > 0
    assert {row[0] for row in rows} == {"fails"}
    said = browser.value("document.getElementById('shown').textContent")
    assert said == f"{len(rows)} of {len(table)} claims"
    choose(browser, "area", "Tracking")
    choose(browser, "written", "before")
    areas = kept.facts.claims
    expected = [
        claim
        for name in kept.facts.experiments
        for claim in areas[name]
        if claim.verdict == "fails" and claim.area == "tracking" and claim.written == "before"
    ]
    assert [row[1] for row in shown_rows(browser)] == [claim.says for claim in expected]
    browser.click("#filters [type=reset]")
    browser.wait(f"document.getElementById('shown').textContent.startsWith('{len(table)} of')")
    browser.click("#filters [name=words]")
    browser.type("lista ten times")
    rows = shown_rows(browser)
    assert 0 < len(rows) < 20
    assert all("lista" in " ".join(row).lower() for row in rows)


def test_claims_are_sorted_by_their_headings(browser, kept):
    browser.look(1280)
    browser.open(kept.folder / "claims.html", "#kind=claim")
    heading = "#claims thead th:nth-child(10)"
    for order in ("ascending", "descending"):
        browser.click(f"{heading} button")
        assert browser.value(f"document.querySelector('{heading}').ariaSort") == order
        q = [row[9] for row in shown_rows(browser)]
        numbers = [float(text) for text in q if text]
        assert numbers == sorted(numbers, reverse=order == "descending")
        assert all(not text for text in q[len(numbers) :]), "what is missing comes last"
        assert len(numbers) > 100


def test_what_is_chosen_stands_in_the_address(browser, kept):
    browser.look(390)
    browser.open(kept.folder / "claims.html", "#verdict=undecided&section=5.3&sort=-p")
    before = shown_rows(browser)
    assert {(row[0], row[4]) for row in before} == {("undecided", "5.3")}
    choose(browser, "section", "")
    choose(browser, "q", "none")
    end = browser.value("location.hash")
    assert "section" not in end
    rows = shown_rows(browser)
    browser.open(kept.folder / "claims.html", end)
    assert shown_rows(browser) == rows != before


def test_counts_on_the_start_page_lead_to_these_claims(browser, kept):
    browser.look(1280)
    browser.open(kept.folder / "index.html")
    pill = "main table .pill.fails"
    n = int(browser.value(f"document.querySelector('{pill}').textContent").split()[1])
    browser.click(pill)
    browser.wait("location.pathname.endsWith('claims.html') && document.readyState == 'complete'")
    browser.wait("!document.getElementById('filters').hidden")
    assert len(shown_rows(browser)) == n


def test_search_finds_as_one_types_and_by_the_keyboard_alone(browser, kept):
    browser.look(390)
    browser.open(kept.folder / page_of("5.06_lista"))
    browser.press("/")
    browser.type("kalman smoother")
    browser.press("Enter")
    browser.wait("location.pathname.endsWith('search.html') && document.querySelector('#hits a')")
    titles = "[...document.querySelectorAll('#hits a')].map(a => a.textContent)"
    assert "kalman smoother" in browser.value(titles)[:5]
    n = len(browser.value(titles))
    browser.type(" augmentation")
    assert 0 < len(browser.value(titles)) < n
    for key in ("ArrowDown", "ArrowUp", "ArrowDown"):
        browser.press(key)
    assert browser.value("document.activeElement === document.querySelector('#hits a')")
    browser.press("Enter")
    browser.wait("!location.pathname.endsWith('search.html') && document.querySelector('main h1')")


def searched(page: Page, words: str) -> tuple[list[str], str]:
    """The titles that are found, and what is said of them."""
    page.value(f"document.getElementById('find').value = {json.dumps(words)}")
    page.value("document.getElementById('find').oninput()")
    titles = page.value("[...document.querySelectorAll('#hits a')].map(a => a.textContent)")
    return titles, page.value("document.getElementById('shown').textContent")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("kalmann smother", "kalman smoother"),  # one too many, one missing
        ("klaman smoothre", "kalman smoother"),  # swapped
        ("lalman smoother", "kalman smoother"),  # the first
        ("augmintatoin", "augmentation"),  # two
    ],
)
def test_search_forgives_letters_and_says_what_it_took_words_for(browser, kept, typed, meant):
    browser.look(1280)
    browser.open(kept.folder / "search.html")
    expected, said = searched(browser, meant)
    assert expected and "is taken for" not in said
    found, said = searched(browser, typed)
    assert set(expected[:5]) <= set(found)
    wrong = next(word for word in typed.split() if word not in meant.split())
    right = meant.split()[typed.split().index(wrong)]
    assert f"; {wrong} is taken for " in said and right in said


@pytest.mark.parametrize(
    ("one", "other"),
    [("ρ", "rho"), ("σ²", "SIGMA 2"), ("kalm smoo", "Kalm_Smoo"), ("plug", "PLUG")],
)
def test_search_finds_beginnings_in_any_capitals_and_alphabet(browser, kept, one, other):
    browser.look(1280)
    browser.open(kept.folder / "search.html")
    found = searched(browser, one)
    assert found == searched(browser, other)
    assert found[0]


def test_a_word_that_is_like_none_is_not_found(browser, kept):
    browser.look(1280)
    browser.open(kept.folder / "search.html")
    assert searched(browser, "xqzvwk") == ([], "0 found")
    assert searched(browser, "qzx lista")[0] == []  # of a short word no letter may be wrong


def test_the_first_stop_of_the_keyboard_leads_past_the_menu(browser, kept):
    browser.look(1280)
    browser.open(kept.folder / "methods.html")
    browser.press("Tab")
    assert browser.value("document.activeElement.className") == "skip"
    box = browser.value("document.activeElement.getBoundingClientRect().toJSON()")
    assert box["x"] >= 0 and box["y"] >= 0
    browser.press("Enter")
    browser.wait("location.hash === '#content'")


def test_pages_can_be_read_without_scripts(kept):
    """What only scripts can do is hidden until they run."""
    page = kept.files["claims.html"].decode()
    assert '<form class="filters" id="filters" hidden' in page
    assert "<button type=button" not in page
