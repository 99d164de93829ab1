# SPDX-License-Identifier: Apache-2.0
"""Uses the report page in headless Chromium as a reader would, and checks it.

    report_page.py PAGE.html    # prints lines "ok NAME" and "not ok NAME: WHY"
    report_page.py --missing    # prints what is missing on this machine, or nothing

The page must be the one that tests/make_runs writes. Needs python3-selenium and chromium-driver.
"""

import os
import shutil
import sys
import traceback

SCRIPT = "<script>alert(1)</script>"
SIZES = ((390, 844), (1440, 900))
THEMES = ("light", "dark")


def missing():
    lacking = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    try:
        import selenium  # noqa: F401
    except ImportError:
        lacking.append("python3-selenium")
    return ", ".join(lacking)


def open_browser(size, theme):
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = shutil.which("chromium")
    arguments = ["--headless=new", "--disable-dev-shm-usage", "--disable-gpu"]
    if os.getuid() == 0:
        arguments.append("--no-sandbox")
    for argument in arguments:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": theme},
        {"name": "prefers-reduced-motion", "value": "reduce"}]})
    return browser


class Page:
    """An open page, and the actions on it."""

    def __init__(self, browser, theme):
        self.browser = browser
        self.theme = theme

    def js(self, code, *arguments):
        return self.browser.execute_script(code, *arguments)

    def all(self, selector):
        from selenium.webdriver.common.by import By
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        found = self.all(selector)
        assert found, f"{selector} does not exist"
        self.js("arguments[0].scrollIntoView({block: 'center'})", found[0])
        return found[0]

    def click(self, selector):
        self.one(selector).click()

    def texts(self, selector):
        return self.js("return [...document.querySelectorAll(arguments[0])]"
                       ".map(node => node.textContent)", selector)

    def value(self, selector, value, event):
        self.js("const node = document.querySelector(arguments[0]); node.value = arguments[1];"
                "node.dispatchEvent(new Event(arguments[2], {bubbles: true}))",
                selector, value, event)

    def pointer(self, node):
        from selenium.webdriver.common.action_chains import ActionChains
        self.js("arguments[0].scrollIntoView({block: 'center'})", node)
        return ActionChains(self.browser, duration=40)

    def drag(self, node, begin, end):
        """Drags from one offset to another, both relative to the node's middle."""
        self.pointer(node).move_to_element_with_offset(node, *begin).click_and_hold() \
            .move_to_element_with_offset(node, *end).release().perform()

    def paths(self):
        return self.js("return [...document.querySelectorAll('#curves .line')]"
                       ".map(node => node.getAttribute('d'))")

    def ticks(self):
        return self.texts("#curves .chart-card:first-child .x-tick")


def check_texts(page):
    """Names that look like HTML must appear as text everywhere."""
    text = page.js("return document.body.textContent")
    for part in (f"Title {SCRIPT}", "odd <script>alert(1)<script>", f"images/{SCRIPT}.png",
                 f"a {SCRIPT}", f"data/{SCRIPT}", f"it {SCRIPT} failed", f"a sweep {SCRIPT}"):
        assert part in text, f"'{part}' is not shown"
    scripts = page.js("return document.querySelectorAll('script').length")
    assert scripts == 2, f"{scripts} script elements, expected 2"


def check_width(page):
    wide, room = page.js("return [document.documentElement.scrollWidth,"
                         "document.documentElement.clientWidth]")
    assert wide <= room, f"{wide} pixels wide, but only {room} are visible"


def check_comparison(page):
    differences = page.texts("#comparison .difference.better")
    assert differences and "points" in differences[0], f"differences: {differences}"
    assert "\u00b1" in " ".join(page.texts("#comparison .side-value")), "no spread over seeds"
    assert "1 run" in " ".join(page.texts("#comparison .note")), "the failed run is included"


def check_smoothing(page):
    before = page.paths()
    page.value("#smoothing", "0.9", "input")
    smoothed = page.paths()
    assert before != smoothed, "smoothing changes no line"
    assert page.all("#curves .raw"), "the raw lines are not shown"
    page.value("#smoothing", "0", "input")
    assert page.paths() == before, "without smoothing the lines are not as before"


def check_zoom(page):
    before = page.ticks()
    plot = page.one("#curves .plot")
    page.drag(plot, (-40, 0), (60, 0))
    zoomed = page.ticks()
    assert zoomed != before, f"dragging did not change the axis: {before}"
    page.click("#reset-zoom")
    assert page.ticks() == before, "the button did not reset the zoom"
    page.drag(plot, (-40, 0), (60, 0))
    page.pointer(plot).move_to_element(plot).double_click().perform()
    assert page.ticks() == before, "a double click did not reset the zoom"
    page.js("arguments[0].focus()", plot)
    page.js("arguments[0].dispatchEvent(new WheelEvent('wheel', {deltaY: -300, clientX: 200,"
            "cancelable: true}))", plot)
    assert page.ticks() != before, "the wheel did not zoom"
    page.click("#reset-zoom")


def check_zoom_is_kept(page):
    before = page.ticks()
    page.drag(page.one("#curves .plot"), (-40, 0), (60, 0))
    zoomed = page.ticks()
    assert zoomed != before, "dragging did not zoom"
    page.browser.refresh()
    assert page.ticks() == zoomed, "the zoom was lost in a reload"
    page.click("#reset-zoom")


def check_axes(page):
    before = page.ticks()
    page.value("#curves select[aria-label='Horizontal axis']", "epoch", "change")
    assert page.ticks() != before, "epochs and steps have the same ticks"
    page.value("#curves select[aria-label='Horizontal axis']", "step", "change")
    lines = page.paths()
    page.click("#logarithmic")
    assert page.paths() != lines, "a logarithmic axis changes nothing"
    page.click("#logarithmic")
    assert page.paths() == lines, "the linear axis does not come back"


def check_legend(page):
    before = len(page.paths())
    page.click(".legend-item")
    assert len(page.paths()) < before, "no line was hidden"
    page.click(".legend-item")
    assert len(page.paths()) == before, "the lines did not come back"


def check_chooser(page):
    chooser = "#curves .chart-card select"
    metric = page.js("return document.querySelector(arguments[0]).value", chooser)
    before = page.paths()
    page.value(chooser, "both:loss", "change")
    assert page.paths() != before, "another metric changes nothing"
    assert page.all("#curves .line.dashed"), "train and validation look the same"
    page.value(chooser, metric, "change")
    cards = len(page.all("#curves .chart-card"))
    page.click("#add-chart")
    assert len(page.all("#curves .chart-card")) == cards + 1, "no chart was added"
    page.click("#curves .chart-card:last-child .remove")
    assert len(page.all("#curves .chart-card")) == cards, "no chart was removed"
    page.click("#curves .enlarge")
    assert page.all("#curves .enlarged"), "no chart was enlarged"
    page.click("#curves .enlarge")


def check_hover(page):
    plot = page.one("#curves .plot")
    page.pointer(plot).move_to_element_with_offset(plot, 10, 0).perform()
    shown = page.texts("#curves .chart-card:first-child .tip:not([hidden]) dd")
    assert len(shown) == 4 and all("%" in text for text in shown), f"values: {shown}"
    page.pointer(plot).move_to_element(page.one("h1")).perform()
    assert not page.all("#curves .tip:not([hidden])"), "the values do not disappear"
    page.js("arguments[0].focus()", plot)
    plot.send_keys("\ue014")  # the right arrow
    assert page.all("#curves .tip:not([hidden])"), "an arrow key shows no values"
    page.js("arguments[0].blur()", plot)


def check_theme(page):
    def ground():
        return page.js("return getComputedStyle(document.body).backgroundColor")
    name = page.js("return document.documentElement.dataset.theme")
    assert name == page.theme, f"starts with the theme {name}"
    before = ground()
    page.click("#theme")
    assert ground() != before, "the colours do not change"
    page.click("#theme")
    assert ground() == before, "the colours do not come back"


def matrix_said(page):
    return page.texts("#matrix-said")[0]


def check_matrix(page):
    canvas = page.one("canvas.matrix")
    before = matrix_said(page)
    page.pointer(canvas).move_to_element_with_offset(canvas, 60, 60).perform()
    said = matrix_said(page)
    assert said != before and "of the label" in said, f"shown: {said}"
    page.pointer(canvas).move_to_element_with_offset(canvas, 60, 60).click().perform()
    label = page.js("return document.querySelector('canvas.matrix').ariaLabel")
    assert "3 rows" in label, f"a click did not open the superclass: {label}"
    page.click("#matrix-back")
    canvas = page.one("canvas.matrix")
    page.js("arguments[0].focus()", canvas)
    canvas.send_keys("\ue015")  # down
    assert "class a" in matrix_said(page), f"a key showed: {matrix_said(page)}"
    page.value("#confusion select[aria-label='Part of the matrix']", "coarse", "change")
    canvas.send_keys("\ue015")
    assert "animals" in matrix_said(page), f"the coarse matrix showed: {matrix_said(page)}"
    page.click("#matrix-back")


def check_tree(page):
    def names():
        return page.texts("#tree summary .class-name")
    by_name = names()
    assert by_name == sorted(by_name), f"by name: {by_name}"
    recalls = {}
    for order in ("worst", "best"):
        page.value("#tree-order", order, "change")
        recalls[order] = [float(text.rstrip("%")) for text in
                          page.texts("#tree summary .class-recall")]
    assert recalls["worst"] == sorted(recalls["worst"]), f"worst first: {recalls}"
    assert recalls["best"] == recalls["worst"][::-1], f"best first: {recalls}"
    page.value("#tree-order", "name", "change")
    page.click("#tree summary")
    assert page.all("#tree details[open] li"), "a click did not open a superclass"
    page.click("#tree summary")


def check_mistakes(page):
    assert len(page.all("#mistakes img")) == 1, "expected one picture"
    assert page.texts("#mistakes .no-picture"), "the placeholder is missing"


def check_filter(page):
    def shown():
        return page.texts("#configuration-table tbody tr:not([hidden]) th")
    everything = shown()
    page.value("#config-filter", "SEE", "input")
    assert len(shown()) == 1 and shown()[0].startswith("seed"), f"filtered: {shown()}"
    page.value("#config-filter", "", "input")
    page.click("#differences")
    names = [name.split(" ")[0] for name in shown()]
    assert names == ["only_fine", "seed"], f"differences: {names}"
    page.click("#differences")
    assert shown() == everything, "not all options are shown again"


def check_brushing(page):
    def rows():
        return len(page.all("#sweep .trials tbody tr"))
    everything = rows()
    handle = page.one("#sweep .axis-handle")
    page.drag(handle, (0, -120), (0, 20))
    left = rows()
    assert 0 < left < everything, f"{left} of {everything} trials are left"
    assert len(page.all("#sweep .trial.faded")) == everything - left, "the other lines are not faded"
    page.click("#clear-brushes")
    assert rows() == everything, "clearing did not bring all trials back"
    handle.send_keys("\ue015")
    assert rows() < everything, "a key does not narrow the selection"
    handle.send_keys("\ue00c")  # Escape
    assert rows() == everything, "Escape does not clear"


CHECKS = (("names are text", check_texts), ("the comparison", check_comparison),
          ("smoothing", check_smoothing), ("zoom", check_zoom),
          ("zoom survives a reload", check_zoom_is_kept), ("axes", check_axes),
          ("legend", check_legend), ("metric chooser", check_chooser), ("hover", check_hover),
          ("theme", check_theme), ("matrix", check_matrix), ("tree", check_tree),
          ("mistakes", check_mistakes), ("configuration filter", check_filter),
          ("brushing", check_brushing), ("no horizontal scrolling", check_width))


def report(name, check, *arguments):
    try:
        check(*arguments)
        print(f"ok {name}", flush=True)
    except Exception as fault:  # any exception fails the case
        why = str(fault).splitlines() or [traceback.format_exc(limit=1)]
        print(f"not ok {name}: {type(fault).__name__}: {why[0]}", flush=True)


def check_console(browser):
    entries = browser.get_log("browser")
    assert not entries, entries[0]["message"]


def main():
    if sys.argv[1] == "--missing":
        print(missing())
        return
    for size in SIZES:
        for theme in THEMES:
            browser = open_browser(size, theme)
            try:
                browser.get("file://" + os.path.abspath(sys.argv[1]))
                page = Page(browser, theme)
                for name, check in CHECKS:
                    report(f"{size[0]} pixels, {theme}: {name}", check, page)
                report(f"{size[0]} pixels, {theme}: quiet console", check_console, browser)
            finally:
                browser.quit()


main()
