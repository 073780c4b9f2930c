"""The playground in a real browser: see a suggestion and take it, see a mark and fix it, by keyboard and on a phone."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from .serving import Served

BROWSERS, DRIVER = ("chromium", "chromium-browser", "google-chrome"), "chromedriver"
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)

pytestmark = pytest.mark.skipif(
    BROWSER is None or shutil.which(DRIVER) is None,
    reason="no Chromium with its chromedriver is installed (Debian: apt-get install chromium chromium-driver)",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which(DRIVER)))
    yield driver
    driver.quit()


class Page:
    """The playground, as a person meets it."""

    def __init__(self, browser: webdriver.Chrome, served: Served) -> None:
        self.browser = browser
        browser.get(served.url)
        self.area = browser.find_element(By.ID, "text")
        self.until(lambda: self.find("#next button"))  # its scripts run, and the server has answered

    def find(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def until(self, true) -> object:
        return WebDriverWait(self.browser, 20, 0.05).until(lambda _: true())

    def texts(self, selector: str) -> list[str]:
        """What elements show, read at one moment: the page draws anew whenever an answer comes."""
        script = "return [...document.querySelectorAll(arguments[0])].map(one => one.textContent)"
        return [str(text) for text in self.browser.execute_script(script, selector)]

    def click(self, selector: str) -> None:
        """Click the first of them, found at the same moment."""
        self.browser.execute_script("document.querySelector(arguments[0]).click()", selector)

    @property
    def text(self) -> str:
        return str(self.area.get_property("value"))

    @property
    def ghost(self) -> str:
        return "".join(self.texts("#picture .ghost"))

    @property
    def picture(self) -> str:
        return self.texts("#picture")[0]

    def write(self, text: str) -> None:
        """Empty the editor and type."""
        self.area.send_keys(Keys.CONTROL, "a")
        self.area.send_keys(Keys.DELETE)
        if text.isascii():
            self.area.send_keys(text)
        else:  # ChromeDriver has no keys for characters beyond the basic plane; what is pasted comes in this way, too
            self.browser.execute_script("document.execCommand('insertText', false, arguments[0])", text)


@pytest.fixture
def page(browser: webdriver.Chrome, served: Served) -> Page:
    return Page(browser, served)


def test_a_suggestion_is_seen_and_taken_by_tab(page: Page) -> None:
    page.write("def clip(value):")
    assert page.until(lambda: page.ghost)
    before, ghost = page.text, page.ghost
    assert page.picture == f"{before}{ghost}\n"
    page.area.send_keys(Keys.TAB)
    assert page.text == before + ghost
    page.area.send_keys(Keys.CONTROL, "z")
    assert page.text == before, "what was taken can be undone"


def test_a_suggestion_is_taken_by_touch(page: Page) -> None:
    page.write("def clip(value):")
    page.until(lambda: page.ghost)
    before, ghost = page.text, page.ghost
    page.click("#take")
    assert page.text == before + ghost


def test_typing_along_a_suggestion_keeps_it_and_escape_dismisses_it(page: Page) -> None:
    page.write("def largest(values):")
    page.until(lambda: page.ghost.strip())
    ghost = page.ghost
    first = ghost[0]
    page.area.send_keys(Keys.ENTER if first == "\n" else first)
    assert page.ghost == ghost[1:], "no new question was needed"
    page.area.send_keys(Keys.ESCAPE)
    assert page.ghost == ""
    page.area.send_keys(Keys.TAB)
    assert page.browser.switch_to.active_element != page.area, "the keyboard can leave the editor"


def test_a_fault_is_marked_and_fixed_by_a_click(page: Page) -> None:
    page.write("total = sum((1, 2)\nprint(total)")
    page.until(lambda: page.find("#picture .mark"))
    (fault,) = page.texts("#problems button:not(.fix)")
    assert fault.startswith("1:") and "never closed" in fault
    page.click("#problems .fix")
    ast.parse(page.text)
    page.until(lambda: "nothing that looks wrong" in page.texts("#problems")[0])


def test_a_fault_is_found_and_fixed_by_keyboard(page: Page) -> None:
    page.write("total = sum((1, 2)\nprint(total)")
    page.until(lambda: page.find("#picture .mark"))
    page.area.send_keys(Keys.F8)
    assert "never closed" in page.texts("#said")[0]
    assert page.find("#mend")[0].is_displayed()
    page.area.send_keys(Keys.CONTROL, ".")
    ast.parse(page.text)
    assert not page.find("#mend")[0].is_displayed()
    page.area.send_keys(Keys.CONTROL, "z")
    assert page.text == "total = sum((1, 2)\nprint(total)", "what was fixed can be undone"


def test_a_fault_is_fixed_by_touch_where_it_stands(page: Page) -> None:
    page.write("total = sum((1, 2)\nprint(total)")
    page.until(lambda: page.find("#picture .mark"))
    page.area.send_keys(Keys.F8)  # as a finger would put the cursor there
    page.click("#mend")
    ast.parse(page.text)


def test_marks_and_colours_move_along_with_their_letters(page: Page) -> None:
    page.write("values = [0, 1]\ntotal = sum((1, 2)\nprint(total)")
    page.until(lambda: page.find("#picture .mark") and "bits/byte" in page.texts("#bits")[0])
    page.area.send_keys(Keys.CONTROL, Keys.HOME)
    page.area.send_keys(Keys.ESCAPE)
    drawn = "[...document.querySelectorAll('#picture span')].map(one => [one.textContent, one.className])"
    before = page.browser.execute_script(f"return {drawn}")
    # In one go, so that no answer of the server comes in between.
    insert, first = "document.execCommand('insertText', false, '# 🐍\\n')", "document.querySelector('#problems button')"
    after, listed = page.browser.execute_script(f"{insert}; return [{drawn}, {first}.textContent]")
    assert after == [["# 🐍\n", ""], *before] and listed.startswith("3:")
    assert page.texts("#numbers")[0].split("\n")[:4] == ["1", "2", "3", "4"]
    page.click("#problems .fix")
    ast.parse(page.text)


def test_every_character_is_coloured_by_its_surprise(page: Page) -> None:
    page.write("x = 1\ny = größer(x) # 🐍 später\n")
    page.until(lambda: len("".join(page.texts("#picture [class^=s]"))) > 20)  # it was never trained: nearly all is new
    page.area.send_keys(Keys.ESCAPE)
    assert page.picture == page.text + "\n"
    page.click("#colouring")
    page.until(lambda: not page.find("#picture [class^=s]"))


def test_an_alternative_at_the_cursor_is_taken_by_a_click(page: Page) -> None:
    page.write("value ")
    page.until(lambda: len(page.find("#next button")) == 8)
    page.until(lambda: page.ghost or "no suggestion" in page.texts("#said")[0])
    shares = [float(share.rstrip("%")) for share in page.texts("#next output")]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 100.5
    before = page.text
    page.click("#next button")
    assert page.text.startswith(before) and len(page.text) > len(before)


def test_attention_shows_where_the_last_token_looks(page: Page) -> None:
    page.write("def clip(value):")
    page.click("#attention summary")
    page.until(lambda: page.find("#looks .self"))
    assert [option.text for option in page.find("#layer option")] == ["mean", "0", "1"]
    shown = "".join(page.texts("#looks span"))
    assert shown.endswith("def clip(value):")
    assert page.browser.execute_script("return scrollY") == 0, "the page stays where it is"
    page.find("#looks")[0].send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    spans = page.find("#looks span")
    assert [span.get_attribute("class") for span in spans] == ["", "self", *["unseen"] * (len(spans) - 2)]
    assert page.texts("#looking")[0].startswith(f"{spans[1].text} looks at ")
    page.click("#looks span:nth-child(3)")
    assert page.texts("#looks .self") == [spans[2].text]


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_wider_than_the_screen_and_nothing_is_complained_of(page: Page, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.write("values = [" + "'a long string', " * 30 + "]")
        page.until(lambda: "bits/byte" in page.texts("#bits")[0])
        assert page.browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert page.browser.get_log("browser") == []
