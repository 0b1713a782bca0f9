"""A headless Chromium at the console, for the tests of it."""

import base64
import json
import tempfile

from conftest import Program, wait_for
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

# Anything on the page that is waited for is there within this many seconds, on a loaded machine too.
PAGE_SECONDS = 40


class Sidecar(Program):
    def __init__(self, folder, target, listen="127.0.0.1:0"):
        super().__init__("novitai-sidecar", [], {"SIDECAR_LISTEN": listen, "NOVITAI_TARGET": target}, folder)


class Browser:
    """One window. What it logs as an error fails the test that looks with `errors`."""

    def __init__(self, address, width=1280, height=900, dark=False, mobile=False):
        self.address = address
        self.width = width
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        for argument in [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-background-networking",
            "--disable-component-update", "--no-first-run", f"--user-data-dir={self.profile.name}", f"--window-size={width},{height}",
        ]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_script_timeout(PAGE_SECONDS)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def close(self):
        self.driver.quit()
        self.profile.cleanup()

    def open(self, page=""):
        self.driver.get(f"http://{self.address}/#/{page}")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        """The first element, as soon as there is one."""
        return wait_for(lambda: self.all(selector), PAGE_SECONDS, f"{selector} on the page")[0]

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector="main"):
        """Empty when there is none, or when it is being replaced just now."""
        try:
            return self.driver.find_element(By.CSS_SELECTOR, selector).text
        except (NoSuchElementException, StaleElementReferenceException):
            return ""

    def wait_text(self, words, selector="main"):
        return wait_for(lambda: words in self.text(selector) and self.text(selector), PAGE_SECONDS, f"{words!r} in {selector}")

    def type(self, name, text):
        field = self.find(f"[name={name}]")
        field.clear()
        field.send_keys(text)

    def click(self, selector):
        self.find(selector).click()

    def confirm(self):
        self.click("dialog[open] #confirm")
        wait_for(lambda: not self.all("dialog[open]"), PAGE_SECONDS, "the question is answered")

    def sign_in(self, token):
        self.open("signin")
        self.type("token", token)
        self.click("main button[type=submit]")
        wait_for(lambda: self.all("#signout"), PAGE_SECONDS, "signed in")

    def errors(self):
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def requests(self):
        """Address and bytes on the wire of everything that was asked for since the last look; a stream's bytes are not counted."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        addresses, sizes = {}, {}
        for message in messages:
            values = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                addresses[values["requestId"]] = values["request"]["url"]
            elif message["method"] == "Network.loadingFinished":
                sizes[values["requestId"]] = values["encodedDataLength"]
        return [(address, sizes.get(request, 0)) for request, address in addresses.items() if address.startswith("http")]

    def screenshot(self, path):
        height = self.run("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": self.width, "height": max(600, min(height, 3000)), "scale": 1}
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path.write_bytes(base64.b64decode(picture["data"]))
