"""The long journeys through the console, which scripts/verify runs: by keyboard alone, an admin's, and with hostile texts."""

from conftest import wait_for
from console_browser import PAGE_SECONDS
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from test_console import XSS, browse, console, guarded, open_console  # noqa: F401


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


def test_a_name_that_no_server_takes_is_text_everywhere(open_console, browse):  # noqa: F811
    browser = browse(open_console)
    browser.open("create")
    browser.click("input[name=product]:not(:disabled)")
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
