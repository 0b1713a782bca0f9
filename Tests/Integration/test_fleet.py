"""A thousand machines on the account: pages as large as the provider grants, and a change seen as soon as health says. The long form with
ten thousand is `scripts/attacks fleet`."""

import json
import re
import time
import urllib.request

from conftest import Server, Simulator, spec, wait_for

MACHINES = 1000


def finding(api, client):
    """How often the account is swept and how soon a change is seen, as health says; None before the first sweep."""
    checks = client.admin.GetHealth(api.admin.GetHealthRequest(), timeout=10).checks
    detail = next(check.detail for check in checks if check.name == "reconciler")
    found = re.search(r"swept every (\d+) s, a change is seen within (\d+) s", detail)
    return found and (int(found[1]), int(found[2]))


def stop_behind(simulator, upstream):
    request = urllib.request.Request(
        f"http://{simulator.address}/gpu-instance/openapi/v1/gpu/instance/stop", data=json.dumps({"instanceId": upstream}).encode(),
        headers={"content-type": "application/json", "authorization": "Bearer console"},
    )  # fmt: skip
    urllib.request.urlopen(request, timeout=10).close()


def test_a_change_is_seen_as_soon_as_health_says(api, start, connect, tmp_path):
    simulator = start(Simulator(tmp_path, arguments=["--instances", str(MACHINES), "--page-cap", str(MACHINES)]))
    client = connect(start(Server(tmp_path, simulator, UPSTREAM_REQUESTS_PER_MINUTE="100", INSTANCE_POLL_INTERVAL="3")))
    made = client.instances.CreateInstance(api.instance.CreateInstanceRequest(name="one", spec=spec(api)), timeout=10)
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    # The first sweep finds out about pages; then two calls and a direct read are what half of the calls of a minute leave.
    shown = lambda: (found := finding(api, client)) and found[1] <= 8 and found
    _, within = wait_for(shown, 60, "sweeps that see a change within 8 s")
    request = api.instance.GetInstanceRequest(id=made.instance.id)
    stop_behind(simulator, client.instances.GetInstance(request, timeout=10).upstream.id)
    changed = time.monotonic()
    wait_for(lambda: client.instances.GetInstance(request, timeout=10).state != api.instance.INSTANCE_STATE_RUNNING, 60, "the stop to be seen")
    # The shown seconds are whole.
    assert time.monotonic() - changed <= within + 2
    # All of it took less than a minute.
    assert simulator.get("/_sim/requests?limit=0")["total"] <= 100
