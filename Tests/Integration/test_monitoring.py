"""Metrics, alert rules and the dashboard, by Prometheus itself: it scrapes the running programs, evaluates the rules and is asked."""

import json
import re
import subprocess
import urllib.parse
import urllib.request

import pytest
from conftest import CREATE, ROOT, Program, spec, wait_for
from test_programs import Sidecar

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules" / "novitai.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "novitai.json"
# Of the test's Prometheus; the files of deploy/ say 15.
SCRAPE_SECONDS = 1


def promtool(*arguments, **options):
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, **options)


class Prometheus(Program):
    """Debian's, with our configuration but for the target's address and a faster pace."""

    def __init__(self, folder, target):
        super().__init__("prometheus", [], {}, folder)
        text = (PROMETHEUS / "prometheus.yml").read_text()
        assert "novitaid:8080" in text
        text = text.replace("novitaid:8080", target).replace("15s", f"{SCRAPE_SECONDS}s").replace("rules/*.yml", str(RULES))
        (folder / "prometheus.yml").write_text(text)
        # It writes no port file and takes no port 0: the port is asked of the kernel, and free until somebody takes it.
        import socket

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.free_port = taken.getsockname()[1]
        self.arguments = [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{self.free_port}",
        ]

    def _read_port(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log()[-4000:])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.free_port}/-/ready", timeout=5):
                return self.free_port
        except OSError:
            return None

    def api(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}?{query}", timeout=20) as answer:
            return json.load(answer)["data"]

    def query(self, text):
        return self.api("query", query=text)["result"]

    def value(self, text):
        result = self.query(text)
        return float(result[0]["value"][1]) if result else None


@pytest.fixture
def sidecar(start, server, tmp_path):
    program = start(Sidecar(tmp_path, server.address))
    wait_for(lambda: program.get("/readyz")[0] == 200, 30, "ready")
    return program


@pytest.fixture
def prometheus(start, sidecar, tmp_path):
    return start(Prometheus(tmp_path, sidecar.address))


def queries():
    panels = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]
    return [(panel["title"], target["expr"].replace("$__rate_interval", "10s")) for panel in panels for target in panel["targets"]]


def alerts():
    return re.findall(r"- alert: (\w+)", RULES.read_text())


def test_every_alert_is_shown_silent_and_firing():
    text = (PROMETHEUS / "tests" / "novitai.yml").read_text()
    for alert in alerts():
        assert f"alertname: {alert}, exp_alerts: []" in text, f"{alert} is never shown silent"
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", text), f"{alert} is never shown firing"
    done = promtool("test", "rules", "novitai.yml", cwd=PROMETHEUS / "tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_leads_to_a_section_that_is_there():
    headings = {line.lstrip("# ").strip().lower().replace(" ", "-") for line in (ROOT / "docs" / "operations.md").read_text().splitlines() if line.startswith("#")}
    for anchor in re.findall(r"runbook: docs/operations\.md#(\S+)", RULES.read_text()):
        assert anchor in headings, anchor


def test_the_metrics_are_well_formed(sidecar):
    done = promtool("check", "metrics", input=sidecar.get("/metrics")[1])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_openmetrics_is_served_to_who_asks_for_it(sidecar):
    request = urllib.request.Request(f"http://{sidecar.address}/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    counters = re.findall(r"^# TYPE (\S+) counter$", text, re.M)
    assert counters and not [name for name in counters if name.endswith("_total")]
    assert re.search(r"^novitai_rpc_calls_total\{", text, re.M)


def test_prometheus_scrapes_evaluates_and_is_silent_in_a_calm_run(prometheus, client, api, simulator):
    made = client.instances.CreateInstance(api.instance.CreateInstanceRequest(spec=spec(api), request_id="calm"))
    wait_for(lambda: client.instances.GetInstance(api.instance.GetInstanceRequest(id=made.instance.id)).readiness == api.instance.READINESS_READY, 60, "ready")

    def scraped_often():
        targets = prometheus.api("targets")["activeTargets"]
        assert all(target["lastError"] == "" for target in targets), targets
        return (prometheus.value("count_over_time(novitai_up[1m])") or 0) >= 8

    wait_for(scraped_often, 60, "eight scrapes")
    empty = [(title, query) for title, query in queries() if not prometheus.query(query)]
    assert not empty, empty
    # A series whose value has another source: the ledger of the provider.
    assert prometheus.value("novitai_running_hourly_dollars") == 0.35
    assert prometheus.value('novitai_placed_instances{region="us-ca-6"} or novitai_placed_instances') == 1
    groups = prometheus.api("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert sorted(rule["name"] for rule in rules) == sorted(alerts())
    assert not [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"]
    active = [alert["labels"] for alert in prometheus.api("alerts")["alerts"] if alert["state"] == "firing"]
    assert not active, active


def test_in_a_storm_the_series_tell_what_is_wrong(prometheus, client, api, simulator, server):
    simulator.arm(CREATE, "status_before", times=1000, status=500)
    for index in range(20):
        client.instances.CreateInstance(api.instance.CreateInstanceRequest(spec=spec(api), request_id=f"storm-{index}"))
    wait_for(lambda: (prometheus.value('sum(novitai_upstream_requests_total{outcome="500"})') or 0) > 3, 60, "failures are counted")
    assert prometheus.value('sum(novitai_jobs{type="JOB_TYPE_CREATE_INSTANCE"})') > 0
    wait_for(lambda: prometheus.value("novitai_machines_not_proven_gone") == 20, 30, "all are counted")
    wait_for(lambda: prometheus.value("min(count_over_time(novitai_up[1m]))") >= 8, 60, "eight scrapes")
    empty = [(title, query) for title, query in queries() if not prometheus.query(query)]
    assert not empty, empty
    server.kill()
    wait_for(lambda: prometheus.value("novitai_up") == 0, 30, "the server is seen to be gone")
    wait_for(lambda: [a for a in prometheus.api("alerts")["alerts"] if a["labels"]["alertname"] == "NovitaiServerDown"], 30, "an alert is pending")
