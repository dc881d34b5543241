"""The playground in a real browser; skipped where Chromium or Playwright for Python is missing."""

import contextlib
import re
import shutil

import pytest
from helpers.playground_server import PATIENCE, running_server

sync_api = pytest.importorskip("playwright.sync_api")

expect = sync_api.expect
expect.set_options(timeout=PATIENCE * 1000)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"), pytest.mark.long]

DESKTOP, PHONE = (1280, 800), (390, 844)
#: Luminance contrast that the guidelines for accessibility ask for (WCAG 2, level AA).
LEAST_CONTRAST = 4.5


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def port():
    with running_server() as port:
        yield port


@pytest.fixture
def open_page(browser, port):
    """Opens pages; at the end no page may have written an error to the console, or have asked another host."""
    problems, pages = [], []

    def open_page(size=DESKTOP, scheme="light", **options):
        width, height = size
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", lambda message: problems.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url) if f"1:{port}/" not in request.url else None)
        page.on("response", lambda response: problems.append(response.url) if response.status != 200 else None)
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator("body[data-drawn]").wait_for()
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not problems


@pytest.fixture
def page(open_page):
    return open_page()


@contextlib.contextmanager
def redrawn(page):
    """Wait for the next picture after the block."""
    body = page.locator("body")
    before = body.get_attribute("data-drawn")
    yield
    expect(body).not_to_have_attribute("data-drawn", before)


def train(page, epochs=50):
    """Play until there are at least `epochs` epochs, and pause."""
    page.click("#play")
    page.locator("body[data-playing=true]").wait_for()
    while number(page, "#epochs") < epochs:
        with redrawn(page):
            pass
    page.click("#play")
    page.locator("body[data-playing=false]").wait_for()


def number(page, selector):
    return float(page.locator(selector).inner_text().replace(",", "").replace("−", "-"))


def pixels(page, selector):
    return page.locator(selector).evaluate("canvas => canvas.toDataURL()")


def click_weight(page, weight):
    """Click a line where no other one lies above it."""
    point = page.locator(f"[data-weight='{weight}']").evaluate(
        """line => {
            for (let share = 0.02; share < 1; share += 0.02) {
                const at = line.getPointAtLength(line.getTotalLength() * share), matrix = line.getScreenCTM();
                const [x, y] = [at.x + matrix.e, at.y + matrix.f];
                if (document.elementFromPoint(x, y) === line) return { x, y };
            }
        }"""
    )
    page.mouse.click(point["x"], point["y"])


def test_train_and_pause(page):
    first, loss = pixels(page, "#output-map"), number(page, "#train-loss")
    curve = pixels(page, "#loss-map")
    train(page)
    assert number(page, "#train-loss") < loss
    assert pixels(page, "#output-map") != first and pixels(page, "#loss-map") != curve
    epochs, steps = number(page, "#epochs"), number(page, "#steps")
    assert steps == 20 * epochs
    page.click("#epoch")
    expect(page.locator("#epochs")).to_have_text(f"{int(epochs) + 1:,}")
    page.click("#step")
    expect(page.locator("#steps")).to_have_text(f"{int(steps) + 21:,}")
    page.click("#reset")
    expect(page.locator("#epochs")).to_have_text("0")
    assert number(page, "#train-loss") == loss and pixels(page, "#output-map") == first


def test_every_data_set_and_list_can_be_chosen(page):
    for name in ("moons", "spirals", "xor", "blobs", "hills", "circles"):
        before = pixels(page, "#output-map")
        page.click(f"#tiles [data-name={name}]")
        page.locator(f"#tiles [data-name={name}][aria-pressed=true]").wait_for()
        page.click("#step")
        expect(page.locator("#steps")).to_have_text("1")
        assert pixels(page, "#output-map") != before
    for field in page.locator("#choices select").all():
        for value in [option.get_attribute("value") for option in field.locator("option").all()]:
            field.select_option(value)
        expect(field).to_have_value(value)
    page.locator("[aria-label='Another seed']").click()
    expect(page.locator("#code pre")).to_contain_text("random_state=1")
    page.click("#epoch")
    expect(page.locator("#epochs")).to_have_text("1")


def test_layers_and_units(page):
    expect(page.locator(".unit")).to_have_count(2 + 4 + 2 + 1)
    page.locator("[aria-label='More units in hidden layer 2']").click()
    expect(page.locator(".unit")).to_have_count(10)
    for count in (12, 14, 16, 18):
        page.locator("[aria-label='More hidden layers']").click()
        expect(page.locator(".unit")).to_have_count(count)
    assert page.locator("[aria-label='More hidden layers']").is_disabled()
    for _ in range(6):
        page.locator("[aria-label='Fewer hidden layers']").click()
    expect(page.locator(".unit")).to_have_count(3)
    expect(page.locator("#fold-text")).to_contain_text("Add a hidden layer")
    train(page, 5)


def test_edit_a_weight(page):
    picture, unit = pixels(page, "#output-map"), pixels(page, "[data-unit='1-3'] canvas")
    loss, line = page.locator("#train-loss").inner_text(), page.locator(".edge").nth(3)
    width = line.get_attribute("stroke-width")
    click_weight(page, "0-0-3")
    expect(page.locator("#editor b").first).to_have_text("Weight from x₁ to unit 4 of hidden layer 1")
    with redrawn(page):
        page.locator("#editor input[type=number]").fill("3.5")
    expect(page.locator("#editor .effect")).to_contain_text("3.5")
    assert pixels(page, "#output-map") != picture and pixels(page, "[data-unit='1-3'] canvas") != unit
    assert page.locator("#train-loss").inner_text() != loss and line.get_attribute("stroke-width") != width
    with redrawn(page):
        page.locator("#editor button", has_text="Put back").click()
    assert page.locator("#train-loss").inner_text() == loss and pixels(page, "#output-map") == picture
    page.keyboard.press("Escape")
    expect(page.locator("#editor")).to_be_hidden()


def test_edit_a_bias_by_keyboard_and_slider(page):
    page.locator("[data-bias='1-1']").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#editor b").first).to_have_text("Bias of unit 2 of hidden layer 2")
    loss = page.locator("#train-loss").inner_text()
    with redrawn(page):
        page.locator("#editor input[type=range]").fill("-4")
    expect(page.locator("#editor input[type=number]")).to_have_value("-4")
    assert page.locator("#train-loss").inner_text() != loss
    page.locator("#editor button", has_text="Done").click()
    expect(page.locator("#editor")).to_be_hidden()


def test_the_numbers_of_one_step(page):
    train(page, 3)
    page.locator("#row").fill("7")
    page.click("#show-row")
    expect(page.locator("#tables .summary")).to_contain_text("Training point 7")
    expect(page.locator("#tables h3")).to_have_count(4)
    cells = page.locator("#tables .part-4 details").last.locator("tbody tr").first.locator("td").all_inner_texts()
    before, gradient, change, after = (float(cell.replace("−", "-")) for cell in cells[1:])
    assert change == pytest.approx(-0.03 * gradient, rel=1e-2) and after == pytest.approx(before + change, abs=1e-3)
    steps, loss = number(page, "#steps"), number(page, "#numbers-loss")
    page.click("#apply")
    expect(page.locator("#steps")).to_have_text(f"{int(steps) + 1:,}")
    assert number(page, "#numbers-loss") < loss
    page.click("#show-batch")
    expect(page.locator("#tables .summary")).to_contain_text("The next mini-batch has 10 points")
    page.locator("#output-map").click(position={"x": 150, "y": 150})
    expect(page.locator("#tables .summary")).to_contain_text(re.compile("^Training point"))


def test_the_numbers_follow_the_weights(page):
    page.click("#play")
    page.click("#show-row")
    expect(page.locator("#tables h3")).to_have_count(4)
    page.locator("body[data-playing=false]").wait_for()
    loss = page.locator("#numbers-loss").inner_text()
    page.locator("[data-bias='2-0']").click()
    page.locator("#editor input[type=number]").fill("2.25")
    page.keyboard.press("Escape")
    expect(page.locator("#numbers-loss")).not_to_have_text(loss)
    expect(page.locator("#tables .part-1")).to_contain_text("2.250 =")
    page.click("#play")
    expect(page.locator("#tables h3")).to_have_count(0)
    assert page.locator("#apply").is_disabled()


def test_upload_a_csv_file(page, tmp_path):
    good, bad = tmp_path / "houses.csv", tmp_path / "bad.csv"
    rows = "".join(f"{row % 10},{row // 10},{'north' if row % 10 > 4 else 'south'}\n" for row in range(100))
    good.write_text("length,width,<img src=x onerror=alert(1)>\n" + rows, encoding="utf-8")
    bad.write_text("1,2,3\n1,x,3\n" + "2,3,4\n" * 5, encoding="utf-8")
    page.set_input_files("#file", bad)
    expect(page.locator("#notice")).to_contain_text("Line 2 has the feature 'x'")
    page.set_input_files("#file", good)
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#tiles [data-name=csv]")).to_have_text("Your file: houses.csv")
    page.set_input_files("#file", bad)
    expect(page.locator("#notice")).to_contain_text("Line 2")
    page.locator("[aria-label='Another seed']").click()
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#tiles [data-name=csv]")).to_have_text("Your file: houses.csv")
    expect(page.locator("#output-title")).to_have_text("Output: probability of south")
    expect(page.locator(".input-name").first).to_have_text("length")
    train(page)
    assert number(page, "#train-loss") < 0.5
    page.click("#tiles [data-name=xor]")
    page.locator("#tiles [data-name=xor][aria-pressed=true]").wait_for()
    page.click("#tiles [data-name=csv]")
    expect(page.locator("#output-title")).to_have_text("Output: probability of south")
    too_long = tmp_path / "long.csv"
    too_long.write_text("1,2,3\n" * 100_000, encoding="utf-8")
    page.set_input_files("#file", too_long)
    expect(page.locator("#notice")).to_contain_text("at most 500,000 are read")


def test_the_folded_plane(page):
    before = pixels(page, "#fold-map")
    with redrawn(page):
        page.locator("#fold-selects select").first.select_option("0")
    expect(page.locator("#fold-text")).to_contain_text("hidden layer 1")
    assert pixels(page, "#fold-map") != before


def test_units_and_values_can_be_looked_at(page):
    page.locator("[data-unit='1-2']").hover()
    expect(page.locator("#output-title")).to_have_text("Unit 3 of hidden layer 1")
    page.locator("#output-map").hover(position={"x": 20, "y": 20})
    expect(page.locator("#output-title")).to_have_text("Output: probability of 1")
    expect(page.locator("#readout")).to_contain_text("probability of 1 0.")
    page.locator("[data-unit='1-2']").click()
    page.locator("#output-map").hover(position={"x": 20, "y": 20})
    expect(page.locator("#output-title")).to_have_text("Unit 3 of hidden layer 1")
    page.locator("[data-unit='1-2']").click()
    page.locator("#output-map").hover(position={"x": 20, "y": 20})
    expect(page.locator("#output-title")).to_have_text("Output: probability of 1")
    picture = pixels(page, "#output-map")
    page.locator("#show-test").check()
    assert pixels(page, "#output-map") != picture


def test_two_pages_train_apart(open_page):
    first, second = open_page(), open_page()
    second.click("#tiles [data-name=xor]")
    train(second, 10)
    expect(first.locator("#epochs")).to_have_text("0")
    expect(first.locator("#tiles [data-name=circles]")).to_have_attribute("aria-pressed", "true")


def test_the_end_of_the_server_is_shown(browser):
    with running_server() as port:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator("body[data-drawn]").wait_for()
    expect(page.locator("#notice")).to_contain_text("The connection to the playground has ended")
    page.close()


#: Texts that are visible, with the contrast to the nearest opaque background.
CONTRASTS = """() => {
    const parse = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const color = parse(getComputedStyle(at).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
        }
    };
    const found = [];
    for (const element of document.body.querySelectorAll("*")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        const box = element.getBoundingClientRect();
        if (!own || !box.width || element.disabled || element.tagName === "OPTION") continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
        const size = parseFloat(getComputedStyle(element).fontSize);
        found.push([element.textContent.trim().slice(0, 40), (a + 0.05) / (b + 0.05), size]);
    }
    return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_is_legible(open_page, size, scheme):
    page = open_page(size, scheme)
    train(page, 5)
    page.click("#show-row")
    page.locator("#tables h3").first.wait_for()
    assert page.evaluate("() => document.documentElement.scrollWidth") == size[0]
    texts = page.evaluate(CONTRASTS)
    assert len(texts) > 100
    assert not [text for text in texts if text[1] < LEAST_CONTRAST or text[2] < 10]
    for selector in ("#output-map", "#fold-map", "#loss-map", "#graph"):
        box = page.locator(selector).bounding_box()
        assert box["width"] >= 200 and box["height"] >= 120 and box["x"] + box["width"] <= size[0]
    if size == DESKTOP:
        page.evaluate("() => window.scrollTo(0, 0)")
        for selector in ("#data", "#network", "#output", "#fold", "#loss", "#play", "#choices"):
            assert page.locator(selector).bounding_box()["y"] < 650, selector
    assert page.locator("#play").bounding_box()["x"] + page.locator("#play").bounding_box()["width"] < size[0]
