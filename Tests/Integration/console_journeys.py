"""The long journeys through the console, which scripts/verify runs: every page in every form, by keyboard alone, and when things go wrong.
Pictures of all pages are left in .build/console to be looked at."""

import json
import pathlib
import signal

import pytest
from conftest import ROOT, spec, wait_for
from console_browser import PAGE_SECONDS
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from test_console import XSS, browse, console, guarded, open_console, with_tokens  # noqa: F401

# "RTX 4090 24GB" of the simulator: a machine without a GPU, as the list begins with, refuses the form's one.
GPU_PRODUCT = "input[name=product][value='4090.16c62g']"
PICTURES = ROOT / ".build" / "console"
STOP = "/gpu-instance/openapi/v1/gpu/instance/stop"
# The client repeats a call that may be repeated three times by itself; one that fails this often is an attempt that failed.
CALLS_AT_ONCE = 4
DELETE = "/gpu-instance/openapi/v1/gpu/instance/delete"

FORMS = {
    "desktop-light": {"width": 1360, "height": 900}, "desktop-dark": {"width": 1360, "height": 900, "dark": True},
    "tablet-light": {"width": 820, "height": 1100}, "phone-light": {"width": 390, "height": 844, "mobile": True},
    "phone-dark": {"width": 390, "height": 844, "mobile": True, "dark": True}, "small-light": {"width": 320, "height": 640, "mobile": True},
}

# What a page must be for those who do not see it, and for those who see it badly: its faults as texts.
FAULTS = r"""
const faults = [];
const say = (element, text) => faults.push(`${text}: ${element.outerHTML.slice(0, 120)}`);
if (document.documentElement.scrollWidth > document.documentElement.clientWidth) faults.push(`wider than the window: ${document.documentElement.scrollWidth}`);
if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
for (const landmark of ["header", "nav[aria-label]", "main"]) if (!document.querySelector(landmark)) faults.push(`no ${landmark}`);
for (const field of document.querySelectorAll("input, select, textarea")) if (!field.labels?.length) say(field, "no label");
for (const button of document.querySelectorAll("button, a")) if (!button.textContent.trim()) say(button, "no name");
for (const table of document.querySelectorAll(".scroll > table:not(.compact)")) if (!table.caption) say(table, "no caption");
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
if (new Set(ids).size !== ids.length) faults.push("an id twice");

// WCAG 2, contrast: 4.5 for text, 3 for large text.
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgba(colour) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}
const over = (top, below) => [0, 1, 2].map((index) => top[index] * top[3] + below[index] * (1 - top[3])).concat(1);
function ground(element) {
  const layers = [];
  for (let node = element; node; node = node.parentElement) layers.push(rgba(getComputedStyle(node).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
}
const channel = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || element.closest(".unseen, noscript, option, button:disabled, svg") || !element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  const below = ground(element);
  const text = over(rgba(style.color), below);
  const [light, dark] = [luminance(text), luminance(below)].sort((one, other) => other - one);
  const ratio = (light + 0.05) / (dark + 0.05);
  if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) say(element, `contrast ${ratio.toFixed(2)}`);
}
return faults;
"""


@pytest.fixture
def populated(open_console, client, api, simulator):
    """A fleet with a bit of everything: ready, stopped, failed calls, odd labels."""
    simulator.arm(STOP, "status_before", times=CALLS_AT_ONCE, status=500)
    made = {}
    for name, more in {
        "trainer": {"products": ["A100 SXM 80GB"], "gpu_count": 2}, "batch": {"products": ["RTX 3090 24GB"], "billing_mode": api.types.BILLING_MODE_SPOT}, "web": {},
    }.items():
        request = api.instance.CreateInstanceRequest(name=name, spec=spec(api, **more), labels={"team": "search", "note": XSS[:60]})
        made[name] = client.instances.CreateInstance(request, timeout=10)
    for one in made.values():
        client.jobs.WaitJob(api.job.WaitJobRequest(id=one.job.id), timeout=60)
    stop = client.instances.StopInstance(api.instance.StopInstanceRequest(id=made["batch"].instance.id), timeout=10)
    client.jobs.WaitJob(api.job.WaitJobRequest(id=stop.job.id), timeout=60)
    return made


@pytest.mark.parametrize("form", FORMS)
def test_every_page_in_every_form(populated, open_console, browse, form):  # noqa: F811
    PICTURES.mkdir(parents=True, exist_ok=True)
    browser = browse(open_console, **FORMS[form])
    pages = {
        "fleet": ("", "trainer"), "instance": (f"instances/{populated['trainer'].instance.id}", "Create done"), "jobs": ("jobs", "Stop"),
        "prices": ("prices", "RTX 4090"), "spend": ("spend", "By machine"), "health": ("health", "reconciler"), "create": ("create", "RTX 4090"), "signin": ("signin", "Token"),
    }
    for name, (page, words) in pages.items():
        browser.open(page)
        browser.wait_text(words)
        if name == "create":
            browser.click(GPU_PRODUCT)
            browser.wait_text("In this order", ".stuck")
        faults = browser.run(FAULTS)
        browser.screenshot(PICTURES / f"{name}-{form}.png")
        assert faults == [], name
    assert browser.errors() == []


def test_by_keyboard_alone(open_console, browse):  # noqa: F811
    browser = browse(open_console)
    browser.open()
    browser.wait_text("No machines.")

    def press(*keys):
        ActionChains(browser.driver).send_keys(*keys).perform()

    def focused(script="return document.activeElement.textContent"):
        return browser.run(script)

    assert focused() == "Fleet", "the heading has the focus, so that it is read"
    for _ in range(10):
        ActionChains(browser.driver).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
        if focused() == "Skip to the content":
            break
    press(Keys.ENTER)
    assert browser.run("return document.activeElement.id") == "main"
    press(Keys.TAB)
    assert focused() == "New machine"
    press(Keys.ENTER)
    browser.wait_text("RTX 4090 24GB", "fieldset.products")
    wait_for(lambda: focused() == "New machine", PAGE_SECONDS, "the new page's heading has the focus")
    for _ in range(12):
        press(Keys.TAB)
        if "RTX 4090" in focused("return document.activeElement.closest('label')?.textContent ?? ''"):
            break
    press(Keys.SPACE)
    while focused("return document.activeElement.name") != "image":
        press(Keys.TAB)
    press("alpine")
    browser.wait_text("$0.35/h", ".stuck button")
    press(Keys.ENTER)
    wait_for(lambda: focused() == "Create at $0.35/h", PAGE_SECONDS, "the answer yes has the focus")
    for _ in range(4):
        press(Keys.TAB)
        inside = browser.run("return document.activeElement === document.body || document.activeElement.closest('dialog') !== null")
        assert inside, "the focus stays in the question"
    press(Keys.ESCAPE)
    wait_for(lambda: not browser.all("dialog"), PAGE_SECONDS, "Escape is no")
    assert focused("return document.activeElement.name") == "image", "the focus is where it was"
    press(Keys.ENTER)
    wait_for(lambda: focused() == "Create at $0.35/h", PAGE_SECONDS, "asked again")
    press(Keys.ENTER)
    browser.wait_text("Ready", ".head .chip")
    wait_for(lambda: "is ready" in browser.run("return document.getElementById('announcements').textContent"), PAGE_SECONDS, "it is said aloud")
    while focused() != "Delete":
        press(Keys.TAB)
    press(Keys.ENTER)
    wait_for(lambda: focused() == "Cancel", PAGE_SECONDS, "what cannot be taken back is not one Enter away")
    press(Keys.TAB, Keys.ENTER)
    browser.wait_text("Deleted", ".head .chip")


def test_the_page_goes_on_where_it_was_when_the_server_comes_back(start, tmp_path, simulator, server, open_console, connect, api, browse):  # noqa: F811
    first = connect(server).instances.CreateInstance(api.instance.CreateInstanceRequest(name="first", spec=spec(api)), timeout=10)
    browser = browse(open_console)
    browser.open()
    browser.wait_text("Ready", "tbody")
    browser.run("window.wasNotReloaded = true")
    server.environment["RPC_LISTEN"] = server.address
    server.kill()
    browser.wait_text("Not connected", "#who")
    assert "first" in browser.text("tbody"), "what was known stays on the page"
    start(server)
    browser.wait_text("Live", "#who")
    client = connect(server)
    client.instances.CreateInstance(api.instance.CreateInstanceRequest(name="second", spec=spec(api)), timeout=10)
    browser.wait_text("second", "tbody")
    client.instances.DeleteInstance(api.instance.DeleteInstanceRequest(id=first.instance.id), timeout=10)
    wait_for(lambda: "first" not in browser.text("tbody"), PAGE_SECONDS, "the deleted one is gone")
    assert browser.run("return window.wasNotReloaded")


def test_a_viewer_reads_and_a_revoked_token_is_signed_out(console, guarded, browse, tmp_path):  # noqa: F811
    browser = browse(console)
    browser.sign_in("token-of-viewer")
    browser.wait_text("No machines.")
    assert "New machine" not in browser.text()
    browser.open("create")
    browser.wait_text("You may plan, but not create")
    browser.click(GPU_PRODUCT)
    browser.wait_text("Comes to", ".stuck")
    assert not browser.all(".stuck button")
    browser.open("health")
    browser.wait_text("Not frozen")
    assert not browser.all("main button")
    path = pathlib.Path(guarded.environment["AUTH_TOKENS_FILE"])
    path.write_text(json.dumps({"tokens": [token for token in json.loads(path.read_text())["tokens"] if token["id"] != "viewer"]}))
    guarded.send(signal.SIGHUP)

    def is_signed_out():
        browser.driver.refresh()
        return wait_for(lambda: browser.all("#who *"), PAGE_SECONDS, "the bar") and bool(browser.all("#signin"))

    wait_for(is_signed_out, PAGE_SECONDS, "signed out once the server has read its file again")


def test_an_admin_freezes_and_ends_it(console, browse):  # noqa: F811
    browser = browse(console)
    browser.sign_in("token-of-admin")
    browser.open("health")
    browser.wait_text("Not frozen")
    browser.click("main button")
    browser.find("dialog #reason").send_keys(XSS)
    browser.confirm()
    browser.wait_text("Frozen by admin")
    assert XSS in browser.text() and browser.run("return window.harm") is None
    browser.click("main button")
    browser.confirm()
    browser.wait_text("Not frozen")


def test_what_goes_wrong_is_shown_and_tried_again(open_console, client, api, simulator, browse):  # noqa: F811
    simulator.arm(STOP, "status_before", times=CALLS_AT_ONCE, status=503)
    browser = browse(open_console)
    made = client.instances.CreateInstance(api.instance.CreateInstanceRequest(name="shaky", spec=spec(api)), timeout=10)
    client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60)
    stop = client.instances.StopInstance(api.instance.StopInstanceRequest(id=made.instance.id), timeout=10)
    browser.open("jobs")
    browser.wait_text("1 failed call")
    browser.click("details.attempts summary")
    browser.wait_text("503", "details.attempts")
    browser.open(f"instances/{made.instance.id}")
    browser.wait_text("Stop: a call failed", ".timeline")
    client.jobs.WaitJob(api.job.WaitJobRequest(id=stop.job.id), timeout=60)

    simulator.arm(DELETE, "drop_before", times=1000)
    browser.wait_text("Stopped", ".head .chip")
    browser.click("#delete")
    browser.confirm()
    browser.open("health")
    browser.wait_text("1 machine at $0.35 per hour that nobody wants")


def test_a_name_that_no_server_takes_is_text_everywhere(open_console, browse):  # noqa: F811
    browser = browse(open_console)
    browser.open("create")
    browser.click(GPU_PRODUCT)
    browser.type("image", XSS)
    browser.type("name", XSS[:60])
    wait_for(lambda: browser.all(".stuck button:not(:disabled)"), PAGE_SECONDS, "a plan")
    browser.click(".stuck button")
    assert XSS[:60] in browser.text("dialog[open] h2")
    browser.click("dialog[open] #confirm")
    browser.wait_text("name", "dialog[open] .problem")
    browser.run("document.querySelector('dialog[open]').close()")
    browser.open(f"instances/{XSS}")
    browser.wait_text("there is no instance")
    assert browser.run("return window.harm") is None and not browser.all("main img, main script, dialog img")


HOUR = 3_600_000


@pytest.mark.parametrize(
    "what, instance, jobs, now, expected",
    [
        ("never up", {"state": "INSTANCE_STATE_PENDING"}, [], 5, []),
        ("up since its create", {"state": "INSTANCE_STATE_RUNNING"}, [("CREATE", 1)], 3, [(1, 3)]),
        ("stopped and started", {"state": "INSTANCE_STATE_RUNNING"}, [("CREATE", 1), ("STOP", 2), ("START", 4)], 5, [(1, 2), (4, 5)]),
        ("deleted", {"state": "INSTANCE_STATE_DELETED", "deleteTime": 3}, [("CREATE", 1), ("DELETE", 3)], 9, [(1, 3)]),
        ("up without a job that says so", {"state": "INSTANCE_STATE_RUNNING", "runningSince": 2}, [], 3, [(2, 3)]),
        ("ready long after it came up", {"state": "INSTANCE_STATE_RUNNING", "runningSince": 1}, [("CREATE", 4)], 5, [(1, 5)]),
        ("reclaimed", {"state": "INSTANCE_STATE_STOPPED", "updateTime": 4}, [("CREATE", 1)], 9, [(1, 4)]),
        ("vanished", {"state": "INSTANCE_STATE_DELETED", "deleteTime": 4}, [("CREATE", 1)], 9, [(1, 4)]),
        ("came back after a reclaim", {"state": "INSTANCE_STATE_RUNNING", "runningSince": 6}, [("CREATE", 1), ("STOP", 3)], 9, [(1, 3), (6, 9)]),
    ],
)
def test_what_a_machine_costs(open_console, browse, what, instance, jobs, now, expected):  # noqa: F811
    """By the module that the pages use, in the browser that runs it."""

    def time(hour):
        return f"1970-01-01T{hour:02}:00:00Z"

    record = {name: time(value) if isinstance(value, int) else value for name, value in instance.items()} | {"placement": {"hourlyPrice": {"micros": "500000"}}}
    list_of_jobs = [{"type": f"JOB_TYPE_{kind}_INSTANCE", "state": "JOB_STATE_SUCCEEDED", "endTime": time(hour)} for kind, hour in jobs]
    list_of_jobs.append({"type": "JOB_TYPE_STOP_INSTANCE", "state": "JOB_STATE_FAILED", "endTime": time(2)})
    browser = browse(open_console)
    browser.open("health")
    body = f"import('/console/billing.js').then((billing) => arguments[0]((() => {{ const spans = billing.spans({json.dumps(record)}, {json.dumps(list_of_jobs)}, {now * HOUR}); return [spans, billing.cost(spans), billing.series(spans, 0, {now * HOUR})]; }})()))"
    spans, cost, series = browser.driver.execute_async_script(body)
    assert [(span["from"] / HOUR, span["to"] / HOUR) for span in spans] == expected
    assert cost == sum(to - since for since, to in expected) * 500_000
    assert series[-1]["price"] == (500_000 if expected and expected[-1][1] == now else 0)
