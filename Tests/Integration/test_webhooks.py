"""Deliveries to a real receiver, the one of the documentation: signed, numbered, none lost, and nothing taken that was changed or replayed."""

import hashlib
import hmac
import http.server
import importlib.util
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

from conftest import BINARIES, ROOT, Server, spec, wait_for

import grpc
import pytest

sample = importlib.util.spec_from_file_location("webhook_receiver", ROOT / "docs" / "webhook_receiver.py")
receiver = importlib.util.module_from_spec(sample)
sample.loader.exec_module(receiver)

SECRET = "a secret of the receiver"


class Hooks:
    """The receiver of the documentation, which keeps what it got, and fails as it is told before it verifies anything."""

    def __init__(self):
        self.events, self.raw, self.statuses, self.is_down = [], [], [], False
        verified = receiver.handler(SECRET, self.events.append, receiver.Memory())
        hooks = self

        class Handler(verified):
            def do_POST(self):
                hooks.raw.append((self.path, dict(self.headers)))
                status = 503 if hooks.is_down else hooks.statuses.pop(0) if hooks.statuses else None
                if status is None:
                    return super().do_POST()
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def types(self):
        return [event["type"] for event in self.events]


@pytest.fixture
def hooks():
    made = Hooks()
    yield made
    made.server.shutdown()


def create(api, client, name, metadata=()):
    request = api.instance.CreateInstanceRequest(name=name, spec=spec(api))
    return client.instances.CreateInstance(request, metadata=metadata, timeout=10)


def run(api, client, name):
    made = create(api, client, name)
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    return made.instance.id


def delete(api, client, instance):
    job = client.instances.DeleteInstance(api.instance.DeleteInstanceRequest(id=instance), timeout=10).job
    client.jobs.WaitJob(api.job.WaitJobRequest(id=job.id), timeout=60)


def deliveries(api, client, text="", metadata=()):
    return client.webhooks.ListDeliveries(api.webhook.ListDeliveriesRequest(filter=text), metadata=metadata, timeout=10).deliveries


def test_a_life_is_told_in_order_and_a_secret_is_replaced_without_a_gap(api, start, connect, simulator, tmp_path, hooks):
    urls = f"{hooks.url}/all {hooks.url}/some#instance.deleted"
    server = start(Server(tmp_path, simulator, WEBHOOK_URL=urls, WEBHOOK_SECRET=SECRET))
    client = connect(server)
    hooks.statuses = [500, 302]
    instance = run(api, client, "one")
    server.stop()
    # The receiver still has the old secret while the server has a new one too: both sign.
    server = start(Server(tmp_path, simulator, WEBHOOK_URL=urls, WEBHOOK_SECRET=f"the new secret,{SECRET}"))
    client = connect(server)
    delete(api, client, instance)
    wait_for(lambda: not deliveries(api, client, "state = PENDING") and "instance.deleted" in hooks.types(), 40, "everything to be taken")
    told = sorted((event for event in hooks.events), key=lambda event: event["sequence"])
    assert [event["sequence"] for event in told] == list(range(1, len(told) + 1)), told
    types = [event["type"] for event in told]
    assert types[0] == "instance.pending" and types[-1] == "instance.deleted" and {"instance.running", "instance.ready"} <= set(types)
    assert all(event["instance_id"] == instance and event["name"] == "one" and event["tenant"] == "default" for event in told)
    # The second target wants one type; nobody followed the redirect.
    assert [headers["novitai-event-type"] for path, headers in hooks.raw if path == "/some"] == ["instance.deleted"]
    assert {path for path, _ in hooks.raw} == {"/all", "/some"}
    log = deliveries(api, client)
    tried = [delivery for delivery in log if delivery.attempt_count > 1]
    assert {attempt.status for delivery in tried for attempt in delivery.attempts} >= {500, 302, 204}
    assert all(delivery.state == api.webhook.WEBHOOK_DELIVERY_STATE_DELIVERED for delivery in log)
    metrics = client.admin.GetMetrics(api.admin.GetMetricsRequest(), timeout=10).text
    assert 'novitai_webhook_attempts_total{target="target-2",outcome="delivered"} 1' in metrics, metrics
    # The secrets are nowhere but in the environment.
    kept = server.database.read_bytes() + server.log().encode() + metrics.encode()
    assert SECRET.encode() not in kept and b"the new secret" not in kept


def test_a_kill_between_a_change_and_its_delivery_loses_nothing(api, start, connect, simulator, tmp_path, hooks):
    hooks.is_down = True
    settings = {"WEBHOOK_URL": hooks.url, "WEBHOOK_SECRET": SECRET}
    server = start(Server(tmp_path, simulator, **settings))
    # No create is at the provider when the server dies: what became of it would be waited for, and is another test's subject.
    creates = {"type": api.job.JOB_TYPE_CREATE_INSTANCE}
    connect(server).jobs.PauseQueue(api.job.PauseQueueRequest(**creates), timeout=10)
    made, stops = [], []

    def killed(change):
        """At once: the change is durable, whether its delivery was made yet or not."""
        done = change(connect(server))
        server.kill()
        server.start()
        return done

    for number in range(3):
        made.append(killed(lambda client, number=number: create(api, client, f"machine-{number}")))
    client = connect(server)
    client.jobs.ResumeQueue(api.job.ResumeQueueRequest(**creates), timeout=10)
    for one in made:
        assert client.jobs.WaitJob(api.job.WaitJobRequest(id=one.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    for one in made:
        client, get = connect(server), api.instance.GetInstanceRequest(id=one.instance.id)
        ready = api.instance.READINESS_READY
        wait_for(lambda: client.instances.GetInstance(get, timeout=10).readiness == ready, 20, "it is ready")  # noqa: B023
        stop = api.instance.StopInstanceRequest(id=one.instance.id)
        stops.append(killed(lambda client, stop=stop: client.instances.StopInstance(stop, timeout=10)))
    client = connect(server)
    for one in stops:
        assert client.jobs.WaitJob(api.job.WaitJobRequest(id=one.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    hooks.is_down = False
    for delivery in deliveries(api, client, "state = PENDING"):
        client.webhooks.RedeliverWebhook(api.webhook.RedeliverWebhookRequest(id=delivery.id), timeout=10)

    def complete(instance):
        sequences = {event["sequence"]: event["type"] for event in hooks.events if event["instance_id"] == instance}
        wanted = {"instance.pending", "instance.running", "instance.ready", "instance.stopped"}
        return sorted(sequences) == list(range(1, len(sequences) + 1)) and wanted <= set(sequences.values())

    wait_for(lambda: all(complete(one.instance.id) for one in made), 40, "every change to be told")
    ids = [event["id"] for event in hooks.events]
    assert len(ids) == len(set(ids)), "an event is taken once"


def test_a_target_that_never_answers_delays_nobody(api, start, connect, simulator, tmp_path, hooks):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        urls = f"http://127.0.0.1:{silent.getsockname()[1]}/x {hooks.url}"
        server = start(Server(tmp_path, simulator, WEBHOOK_URL=urls, WEBHOOK_SECRET=SECRET, WEBHOOK_TIMEOUT="60000"))
        client = connect(server)
        for number in range(3):
            create(api, client, f"machine-{number}")
        wait_for(lambda: hooks.types().count("instance.ready") == 3, 20, "the other target to be told")
        waiting = deliveries(api, client, "target = default")
        assert len(waiting) > 8 and all(delivery.state == api.webhook.WEBHOOK_DELIVERY_STATE_PENDING for delivery in waiting)


def test_a_receiver_has_only_so_much_time(api, start, connect, simulator, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        client = connect(start(Server(tmp_path, simulator, WEBHOOK_URL=url, WEBHOOK_TIMEOUT="1000")))
        client.webhooks.TestWebhook(api.webhook.TestWebhookRequest(), timeout=10)
        tried = wait_for(lambda: [one for one in deliveries(api, client) if one.attempts], 10, "the receiver's time to be over")[0]
        assert tried.attempts[0].error == "timedOut" and tried.state == api.webhook.WEBHOOK_DELIVERY_STATE_PENDING


def test_a_test_and_a_redelivery_are_sent_when_they_are_asked_for(api, start, connect, simulator, tmp_path, hooks):
    server = start(Server(tmp_path, simulator, WEBHOOK_URL=hooks.url, WEBHOOK_SECRET=SECRET))
    client = connect(server)
    test = api.webhook.TestWebhookRequest(request_id="t1")
    made = client.webhooks.TestWebhook(test, timeout=10)
    assert client.webhooks.TestWebhook(test, timeout=10).delivery.id == made.delivery.id
    wait_for(lambda: hooks.types() == ["webhook.test"], 20, "the test to come")
    wait_for(lambda: deliveries(api, client, "state = DELIVERED"), 10, "the delivery to be written down")
    redeliver = api.webhook.RedeliverWebhookRequest(id=made.delivery.id, request_id="again")
    client.webhooks.RedeliverWebhook(redeliver, timeout=10)
    wait_for(lambda: len(hooks.raw) == 2 and deliveries(api, client, "state = DELIVERED"), 20, "the repetition to come")
    client.webhooks.RedeliverWebhook(redeliver, timeout=10)
    time.sleep(0.3)
    assert len(hooks.raw) == 2 and hooks.types() == ["webhook.test"], "the same request sends it once, and the receiver takes it once"
    for request, code in (
        (api.webhook.RedeliverWebhookRequest(id="nothing"), grpc.StatusCode.NOT_FOUND),
        (api.webhook.RedeliverWebhookRequest(id="other", request_id="again"), grpc.StatusCode.NOT_FOUND),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            client.webhooks.RedeliverWebhook(request, timeout=10)
        assert refused.value.code() == code
    with pytest.raises(grpc.RpcError) as refused:
        client.webhooks.TestWebhook(api.webhook.TestWebhookRequest(target="target-9"), timeout=10)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "default" in str(refused.value)
    client.webhooks.TestWebhook(api.webhook.TestWebhookRequest(validate_only=True), timeout=10)
    assert len(deliveries(api, client)) == 1, "what is only checked is not sent"
    actions = [event.action for event in client.admin.ListAuditEvents(api.admin.ListAuditEventsRequest(), timeout=10).events]
    assert actions == ["RedeliverWebhook", "TestWebhook"]
    command = [BINARIES / "novitai", "webhooks"]
    environment = {"PATH": os.environ["PATH"], "NOVITAI_TARGET": server.address}
    shown = subprocess.run([*command, "list"], env=environment, capture_output=True, text=True, timeout=30)
    assert shown.returncode == 0 and "webhook.test" in shown.stdout and "DELIVERED" in shown.stdout, shown.stderr
    again = subprocess.run([*command, "redeliver", made.delivery.id], env=environment, capture_output=True, text=True, timeout=30)
    assert again.returncode == 0 and made.delivery.id in again.stdout, again.stderr


def test_a_tenant_can_send_only_so_many_tests_in_a_minute(api, start, connect, simulator, tmp_path, hooks):
    client = connect(start(Server(tmp_path, simulator, WEBHOOK_URL=hooks.url)))
    refused = None
    for _ in range(30):
        try:
            client.webhooks.TestWebhook(api.webhook.TestWebhookRequest(), timeout=10)
        except grpc.RpcError as error:
            refused = error
            break
    assert refused is not None and refused.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "20 tests" in refused.details()
    assert len(deliveries(api, client)) == 20


def test_what_was_there_before_the_first_target_is_no_event(api, start, connect, simulator, tmp_path, hooks):
    server = start(Server(tmp_path, simulator))
    instance = run(api, connect(server), "old")
    server.stop()
    client = connect(start(Server(tmp_path, simulator, WEBHOOK_URL=hooks.url, WEBHOOK_SECRET=SECRET)))
    client.instances.UpdateInstance(api.instance.UpdateInstanceRequest(id=instance, name="renamed"), timeout=10)
    run(api, client, "new")
    wait_for(lambda: "instance.ready" in hooks.types(), 40, "the new one to be told")
    job = client.instances.StopInstance(api.instance.StopInstanceRequest(id=instance), timeout=10).job
    client.jobs.WaitJob(api.job.WaitJobRequest(id=job.id), timeout=60)
    wait_for(lambda: "instance.stopped" in hooks.types(), 40, "the stop to be told")
    told = [event for event in hooks.events if event["instance_id"] == instance]
    assert sorted(event["sequence"] for event in told) == list(range(1, len(told) + 1)), told
    assert {event["type"] for event in told} <= {"instance.stopping", "instance.unready", "instance.stopped"}, told


def test_a_tenant_sees_and_sends_its_own_alone(api, start, connect, simulator, tmp_path, hooks):
    tokens = [
        {"id": tenant, "tenant": tenant, "role": "admin", "sha256": hashlib.sha256(f"token-of-{tenant}".encode()).hexdigest()} for tenant in "ab"
    ]
    (tmp_path / "tokens.json").write_text(json.dumps({"tokens": tokens}))
    urls = f"{hooks.url}/a#tenant=a {hooks.url}/b#tenant=b"
    server = start(
        Server(tmp_path, simulator, WEBHOOK_URL=urls, WEBHOOK_SECRET=SECRET, AUTH_TOKENS_FILE=str(tmp_path / "tokens.json"))
    )
    client = connect(server)
    a, b = ([("authorization", f"Bearer token-of-{tenant}")] for tenant in "ab")
    create(api, client, "of-a", metadata=a)
    wait_for(lambda: "instance.running" in hooks.types(), 30, "events to come")
    own = deliveries(api, client, metadata=a)
    assert own and not deliveries(api, client, metadata=b)
    assert {path for path, _ in hooks.raw} == {"/a"}, "the other tenant's target is told nothing"
    told = []
    for id in (own[0].id, "nothing"):
        with pytest.raises(grpc.RpcError) as refused:
            client.webhooks.RedeliverWebhook(api.webhook.RedeliverWebhookRequest(id=id), metadata=b, timeout=10)
        told.append((refused.value.code(), refused.value.details().replace(id, "?")))
    assert told[0] == told[1] and told[0][0] == grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as refused:
        client.webhooks.TestWebhook(api.webhook.TestWebhookRequest(target="default"), metadata=b, timeout=10)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert client.webhooks.TestWebhook(api.webhook.TestWebhookRequest(), metadata=b, timeout=10).delivery.target == "target-2"


def test_nothing_goes_to_private_addresses_and_without_targets_there_is_no_test(api, start, connect, simulator, tmp_path):
    folder = tmp_path / "private"
    folder.mkdir()
    client = connect(start(Server(folder, simulator, WEBHOOK_URL="http://10.0.0.1:9/x http://[::ffff:192.168.0.1]:9/x")))
    for target in ("default", "target-2"):
        client.webhooks.TestWebhook(api.webhook.TestWebhookRequest(target=target), timeout=10)
    wait_for(lambda: all(delivery.attempts for delivery in deliveries(api, client)), 20, "both to be tried")
    assert {delivery.attempts[0].error for delivery in deliveries(api, client)} == {"the address is private or reserved"}
    folder = tmp_path / "none"
    folder.mkdir()
    client = connect(start(Server(folder, simulator)))
    with pytest.raises(grpc.RpcError) as refused:
        client.webhooks.TestWebhook(api.webhook.TestWebhookRequest(), timeout=10)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION and "WEBHOOK_URL" in refused.value.details()


def signed(body, secret=SECRET, at=1_800_000_000):
    key = hashlib.sha256(secret.encode()).hexdigest()[:8]
    return f"t={at}000,{key}=" + hmac.new(secret.encode(), f"{at}000.".encode() + body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "body, signature, now, fault",
    [
        (b'{"id":1}', signed(b'{"id":1}'), 1_800_000_000, None),
        (b'{"id":1}', signed(b'{"id":1}', "other") + "," + signed(b'{"id":1}').split(",")[1], 1_800_000_299, None),
        (b'{"id":2}', signed(b'{"id":1}'), 1_800_000_000, "not signed"),
        (b'{"id":1}', signed(b'{"id":1}').replace("t=1800000000000", "t=1800000100000"), 1_800_000_100, "not signed"),
        (b'{"id":1}', signed(b'{"id":1}', "other"), 1_800_000_000, "not signed"),
        (b'{"id":1}', signed(b'{"id":1}'), 1_800_000_301, "too old"),
        (b'{"id":1}', signed(b'{"id":1}'), 1_799_999_699, "too old"),
        (b'{"id":1}', "", 1_800_000_000, "no time"),
        (b'{"id":1}', "t=1,t=2", 1_800_000_000, "no time"),
    ],
)
def test_the_receiver_of_the_documentation_refuses_what_was_changed_or_is_old(body, signature, now, fault):
    if fault is None:
        assert receiver.verify(body, signature, SECRET, now) in signature
        return
    with pytest.raises(receiver.Refused, match=fault):
        receiver.verify(body, signature, SECRET, now)


def post(url, body, signature):
    request = urllib.request.Request(url, data=body, headers={"novitai-signature": signature})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_receiver_of_the_documentation_refuses_replays_and_takes_an_event_once(hooks):
    body, now = b'{"id":"e1","type":"webhook.test"}', int(time.time())
    assert post(hooks.url, body, signed(body, at=now)) == 204
    assert post(hooks.url, body, signed(body, at=now)) == 401, "a recording"
    assert post(hooks.url, body, signed(body, at=now) + ",x=1") == 401, "a recording with something added"
    assert post(hooks.url, body, signed(body, at=now + 1)) == 204, "delivered again, since the answer got lost"
    assert post(hooks.url, body.replace(b"e1", b"e2"), signed(body, at=now + 2)) == 401, "changed"
    assert post(hooks.url, b"", signed(b"", at=now)) == 413
    assert hooks.types() == ["webhook.test"]


def test_a_spot_notice_is_told_once_with_the_time_of_the_reclaim(api, start, connect, simulator, tmp_path, hooks):
    settings = {"WEBHOOK_URL": f"{hooks.url}/x#instance.spot_notice", "WEBHOOK_SECRET": SECRET, "INSTANCE_POLL_INTERVAL": "1"}
    client = connect(start(Server(tmp_path, simulator, **settings)))
    request = api.instance.CreateInstanceRequest(name="spot", spec=spec(api))
    request.spec.billing_mode = api.types.BILLING_MODE_SPOT
    # Announced and left alone: it stays as it is while the sweeps show the notice again and again.
    request.policies.spot_recovery = api.instance.SPOT_RECOVERY_NONE
    made = client.instances.CreateInstance(request, timeout=10)
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    get = api.instance.GetInstanceRequest(id="spot")
    simulator.post(f"/_sim/spot/{client.instances.GetInstance(get, timeout=5).upstream.id}/notify", {})
    wait_for(lambda: hooks.events, 40, "the notice to be told")
    shown = client.instances.GetInstance(get, timeout=5)
    assert hooks.types() == ["instance.spot_notice"]
    assert hooks.events[0]["instance_id"] == shown.id
    assert hooks.events[0]["spot_reclaim_time_ms"] == shown.spot.reclaim_time.ToMilliseconds()
    # A change of something else tells it no second time.
    client.instances.UpdateInstance(api.instance.UpdateInstanceRequest(id="spot", name="announced"), timeout=10)
    wait_for(lambda: client.instances.GetInstance(api.instance.GetInstanceRequest(id="announced"), timeout=5), 10, "the change")
    delete(api, client, "announced")
    assert len(deliveries(api, client, "type = instance.spot_notice")) == 1
