"""The web console: its facade as any HTTP client meets it, and the way of a person through it in a real browser."""

import hashlib
import http.client
import json
import os

import pytest
from conftest import Server, spec, wait_for
from console_browser import PAGE_SECONDS, Browser, Sidecar

TENANT = "a"
# The first view: bytes of everything that the browser asks for, and milliseconds until the fleet is on the page. The long form holds it to 300
# ms; a machine that runs other tests beside this one is given more.
FIRST_VIEW_BYTES = 150_000
FIRST_VIEW_MILLISECONDS = int(os.environ.get("NOVITAI_FIRST_VIEW_MS", "2000"))

XSS = "<img src=x onerror=\"window.harm=1\"><script>window.harm=2</script>'\"&{{7*7}}javascript:window.harm=3"


def with_tokens(folder):
    path = folder / "tokens.json"
    tokens = [{"id": role, "tenant": TENANT, "role": role} for role in ("monitor", "viewer", "operator", "admin")]
    for token in tokens:
        token["sha256"] = hashlib.sha256(f"token-of-{token['id']}".encode()).hexdigest()
    path.write_text(json.dumps({"tokens": tokens}))
    return str(path)


@pytest.fixture
def guarded(start, tmp_path, simulator):
    return start(Server(tmp_path, simulator, AUTH_TOKENS_FILE=with_tokens(tmp_path)))


@pytest.fixture
def console(start, tmp_path, guarded):
    return start(Sidecar(tmp_path, guarded.address))


@pytest.fixture
def open_console(start, tmp_path, server):
    """Of a server without identities."""
    return start(Sidecar(tmp_path, server.address))


class Client:
    """What the page sends, header by header."""

    def __init__(self, sidecar):
        self.port = sidecar.port
        self.cookie = None

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        fields = {"x-novitai-console": "1", **{name.replace("_", "-"): value for name, value in headers.items() if value is not None}}
        if self.cookie:
            fields["cookie"] = self.cookie
        text = body if isinstance(body, (str, bytes, type(None))) else json.dumps(body)
        connection.request(method, f"/console/api/{path}", text, {name: value for name, value in fields.items() if value != "-"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.headers["set-cookie"]:
            self.cookie = answer.headers["set-cookie"].split(";")[0]
        return answer, json.loads(content) if content else {}

    def call(self, method, **request):
        answer, content = self.ask("POST", method, request)
        return answer.status, content

    def sign_in(self, role):
        answer, content = self.ask("POST", "session", {"token": f"token-of-{role}"})
        assert answer.status == 200, content
        return answer


def create_request(request_id="r-1", **fields):
    return {"requestId": request_id, "name": "web", "spec": {"products": ["RTX 4090 24GB"], "gpuCount": 1, "image": "alpine"}, **fields}


def test_who_is_not_signed_in_sees_health_and_nothing_else(console):
    client = Client(console)
    answer, session = client.ask("GET", "session")
    assert answer.status == 200 and session == {"needsToken": True}
    for method, request in {"ListInstances": {}, "ListJobs": {}, "ListProducts": {}, "GetHealth": {}, "CreateInstance": create_request()}.items():
        status, refusal = client.call(method, **request)
        assert status == 401, (method, refusal)
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=20)
    connection.request("GET", "/console/api/events")
    stream = connection.getresponse()
    told = b""
    while told.count(b"event: refused") < 2 or b"event: health" not in told:
        told += stream.read1(65536)
    assert b"event: instances" not in told and b"event: jobs" not in told


ROLES = [("monitor", False, False, False), ("viewer", True, False, False), ("operator", True, True, False), ("admin", True, True, True)]


def test_a_person_may_what_the_role_may(console):
    for role, may_read, may_change, is_admin in ROLES:
        client = Client(console)
        cookie = client.sign_in(role).headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/console/api" in cookie and role not in cookie
        session = client.ask("GET", "session")[1]
        assert session["signedIn"] and session.get("mayChange", False) == may_change
        assert session["server"]["caller"] == {"id": role, "tenant": TENANT, "role": role}
        assert client.call("ListInstances")[0] == (200 if may_read else 403)
        assert client.call("CreateInstance", **create_request(role, name=role))[0] == (200 if may_change else 403)
        assert client.call("SetFreeze", requestId="f-1", frozen=False)[0] == (200 if is_admin else 403)
        assert client.call("ListAuditEvents")[0] == (200 if is_admin else 403)
        client.ask("DELETE", "session")
        assert client.ask("GET", "session")[1] == {"needsToken": True}


def test_a_request_id_makes_one_machine_however_often_it_is_sent(console, simulator):
    client = Client(console)
    client.sign_in("operator")
    first = client.call("CreateInstance", **create_request())
    again = client.call("CreateInstance", **create_request())
    assert first[0] == again[0] == 200 and first[1]["instance"]["id"] == again[1]["instance"]["id"]
    status, refusal = client.call("CreateInstance", **create_request(name="other"))
    assert status == 400 and refusal["reason"] == "REQUEST_ID_REUSED" and refusal["violations"][0]["subject"] == "request_id"
    wait_for(lambda: len(simulator.ledger()) == 1, 30, "one machine")
    assert len(client.call("ListInstances")[1]["instances"]) == 1


FOREIGN = {
    "without the header of the page": {"x_novitai_console": "-"},
    "from another origin": {"origin": "http://evil.example"},
    "from another port of this machine": {"sec_fetch_site": "same-site"},
    "under a foreign name that leads here": {"host": "evil.example"},
}


def test_a_foreign_page_reaches_nothing(open_console):
    client = Client(open_console)
    assert client.ask("POST", "ListInstances", {})[0].status == 200
    for what, headers in FOREIGN.items():
        for method, request in {"ListInstances": {}, "CreateInstance": create_request()}.items():
            answer, refusal = client.ask("POST", method, request, **headers)
            assert (answer.status, refusal["reason"]) == (403, "FOREIGN_REQUEST"), what


BAD_INPUT = [
    ("NoSuchCall", {}, 501, "NO_SUCH_CALL"),
    ("ListInstances", "not json", 400, "INVALID_JSON"),
    ("GetInstance", {}, 400, "INVALID_FIELDS"),
    ("GetInstance", {"id": "nonesuch"}, 404, "NOT_FOUND"),
    ("session", {"token": ""}, 400, "INVALID_FIELDS"),
    ("session", {"token": "a\nb"}, 400, "INVALID_FIELDS"),
    ("session", {"token": "x" * 5000}, 400, "INVALID_FIELDS"),
    ("ListInstances", b"x" * 300_000, 429, "BODY_TOO_LARGE"),
]


def test_bad_input_is_refused_by_name(open_console):
    for path, body, status, reason in BAD_INPUT:
        answer, refusal = Client(open_console).ask("POST", path, body)
        assert (answer.status, refusal["reason"]) == (status, reason), path
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_an_unknown_token_does_not_sign_in(console):
    client = Client(console)
    answer, refusal = client.ask("POST", "session", {"token": "token-of-nobody"})
    assert answer.status == 401 and refusal["code"] == "UNAUTHENTICATED" and answer.headers["set-cookie"] is None


def test_beyond_loopback_an_open_server_is_read_and_not_changed(start, tmp_path, server):
    client = Client(start(Sidecar(tmp_path, server.address, listen="0.0.0.0:0")))
    assert client.call("ListInstances")[0] == 200
    assert "mayChange" not in client.ask("GET", "session")[1]
    status, refusal = client.call("CreateInstance", **create_request())
    assert status == 401 and refusal["reason"] == "SIGN_IN_NEEDED"
    # It takes any token, and so proves nobody by one.
    answer, refusal = client.ask("POST", "session", {"token": "made-up"})
    assert answer.status == 400 and refusal["reason"] == "NO_IDENTITIES" and client.cookie is None
    assert client.call("CreateInstance", **create_request())[0] == 401


def test_files_are_kept_by_the_browser_until_they_change(console):
    def get(path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=20)
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()

    answer, content = get("/")
    assert answer.status == 200 and content.startswith(b"<!doctype html>") and answer.headers["x-frame-options"] == "DENY"
    again, nothing = get("/", if_none_match=answer.headers["etag"])
    assert again.status == 304 and nothing == b""
    assert get("/console/app.js")[0].headers["content-type"] == "text/javascript; charset=utf-8"
    assert get("/console/nonesuch.js")[0].status == 404 and get("/console/..%2fapp.js")[0].status == 404


def test_a_stream_goes_on_where_it_was(open_console, client, api):
    def stream(after):
        connection = http.client.HTTPConnection("127.0.0.1", open_console.port, timeout=20)
        connection.request("GET", "/console/api/events", headers={"last-event-id": after} if after else {})
        return connection.getresponse()

    def read_until(answer, words):
        told = ""
        while words not in told:
            told += answer.read1(65536).decode()
        return told

    made = client.instances.CreateInstance(api.instance.CreateInstanceRequest(name="first", spec=spec(api)), timeout=10).instance
    told = read_until(stream(None), '"snapshotComplete":true}')
    told = read_until(stream(None), f'"id":"{made.id}"')
    assert "event: begin" in told
    complete = read_until(stream(None), '"readiness":"READINESS_READY"')
    position = [line[4:] for line in complete.splitlines() if line.startswith("id: ")][-1]
    other = client.instances.CreateInstance(api.instance.CreateInstanceRequest(name="second", spec=spec(api)), timeout=10).instance
    rest = read_until(stream(position), f'"id":"{other.id}"')
    assert "event: begin" not in rest and "INSTANCE_EVENT_KIND_SNAPSHOT" not in rest
    assert "event: begin" in read_until(stream("otherhistory.5.5"), f'"id":"{other.id}"'), "an unknown place begins with a snapshot"


@pytest.fixture
def browse():
    opened = []

    def run(sidecar, **options):
        opened.append(Browser(sidecar.address, **options))
        return opened[-1]

    yield run
    for browser in opened:
        browser.close()


def test_a_person_goes_the_whole_way(console, simulator, browse):
    """See the fleet, sign in, plan, create, watch to ready, read the timeline, stop, delete, sign out: without one reload."""
    browser = browse(console)
    browser.open()
    browser.wait_text("Sign in", "h1")
    assert [link.text for link in browser.all("nav a")] == ["Health"]
    browser.sign_in("token-of-operator")
    browser.wait_text("No machines.")
    browser.run("window.wasNotReloaded = true")

    browser.click(".head .button.primary")
    browser.wait_text("New machine", "h1")
    browser.wait_text("$0.35", "fieldset.products")
    for box in browser.all("input[name=product]"):
        if "RTX 4090" in box.find_element("xpath", "..").text:
            box.click()
    browser.type("image", "docker.io/library/nginx:1.27")
    browser.type("ports", "8080/http")
    browser.type("name", "journey")
    browser.type("labels", f"note={XSS}")
    browser.wait_text("$0.35/h", ".stuck button")
    assert "RTX 4090 24GB" in browser.text(".stuck") and not simulator.ledger()
    browser.click(".stuck button")
    assert "$0.35" in browser.text("dialog[open]")
    # Twice, as fast as a script can.
    browser.run("const button = document.querySelector('dialog[open] #confirm'); button.click(); button.click();")

    browser.wait_text("journey", "h1")
    browser.wait_text("Ready", ".head .chip")
    timeline = browser.wait_text("Create done", ".timeline")
    assert "Accepted" in timeline and "Container came up" in timeline and "Create asked for" in timeline
    assert XSS in browser.text(".facts .label") and not browser.all("main img, main script")
    assert len(simulator.ledger()) == 1

    browser.click("#stop")
    assert "$0.35" in browser.text("dialog[open]")
    browser.confirm()
    browser.wait_text("Stopped", ".head .chip")
    browser.wait_text("Stop done", ".timeline")
    browser.click("#delete")
    browser.confirm()
    browser.wait_text("Deleted", ".head .chip")
    assert browser.run("return window.wasNotReloaded") and browser.run("return window.harm") is None
    browser.click("nav a[href='#/']")
    browser.wait_text("No machines.")

    browser.click("#signout")
    browser.wait_text("Sign in", "h1")
    assert not browser.all("#signout") and "journey" not in browser.run("return document.documentElement.outerHTML")
    assert [message for message in browser.errors() if "401" not in message] == []
    assert [machine["id"] for machine in simulator.ledger()] and all(machine["released"] for machine in simulator.ledger())


def test_the_first_view_is_small_fast_and_from_here(open_console, client, api, browse):
    client.instances.CreateInstance(api.instance.CreateInstanceRequest(name="seen", spec=spec(api), labels={"xss": XSS}), timeout=10)
    browser = browse(open_console)
    # Painted with the machine in it, from the navigation's begin: taken down by the page itself, where the test's own pace does not count.
    browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": FIRST_VIEW})
    times = []
    for _ in range(3):
        browser.driver.execute_cdp_cmd("Network.enable", {})
        browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        browser.requests()
        browser.driver.get("about:blank")
        browser.open()
        times.append(wait_for(lambda: browser.run("return window.firstView"), PAGE_SECONDS, "the machine is on the page"))
        requests = [(address, size) for address, size in browser.requests() if address != "about:blank"]
        assert all(address.startswith(f"http://{browser.address}/") for address, _ in requests), requests
        assert sum(size for _, size in requests) < FIRST_VIEW_BYTES, requests
        assert len(requests) > 5
    assert min(times) < FIRST_VIEW_MILLISECONDS, times
    print(f"first view: {min(times):.0f} ms, {sum(size for _, size in requests)} bytes")
    assert XSS in browser.text("tbody .label") and browser.run("return window.harm") is None
    assert browser.errors() == []


FIRST_VIEW = """
const look = () => {
  if (document.querySelector("tbody tr")) setTimeout(() => { window.firstView = performance.now(); }, 0);
  else requestAnimationFrame(look);
};
look();
"""
