"""Every variable of docs/configuration.md changes something that can be seen from outside, or has a test that shows it."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import grpc
import pytest
from conftest import BINARIES, CREATE, ROOT, Server, Simulator, spec, wait_for
from documents import missing_test
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

TEMPLATES = "/gpu-instance/openapi/v1/templates"


class Scene:
    def __init__(self, api, start, connect, simulator, folder):
        self.api, self.start, self.connect, self.simulator, self.folder = api, start, connect, simulator, folder
        self.count = 0

    def serve(self, simulator=None, **settings):
        """A server of its own, with these settings. Answers its client."""
        self.count += 1
        folder = self.folder / f"server-{self.count}"
        folder.mkdir()
        self.server = self.start(Server(folder, simulator or self.simulator, **{"SHUTDOWN_GRACE": "1", **settings}))
        return self.connect(self.server)

    def own_simulator(self, *arguments, speed=60):
        self.count += 1
        folder = self.folder / f"simulator-{self.count}"
        folder.mkdir()
        return self.start(Simulator(folder, speed, arguments))

    def create(self, client, name="one", **fields):
        request = self.api.instance.CreateInstanceRequest(name=name, spec=spec(self.api, **fields))
        return client.instances.CreateInstance(request, timeout=20)

    def wait(self, client, job, seconds=60):
        return client.jobs.WaitJob(self.api.job.WaitJobRequest(id=job.id), timeout=seconds)

    def templates(self, client, fresh=True):
        return client.catalog.ListTemplates(self.api.catalog.ListTemplatesRequest(fresh=fresh), timeout=30)

    def asked(self, path, since=0):
        requests = self.simulator.get("/_sim/requests")["requests"]
        return len([entry for entry in requests if entry["path"] == path]) - since


@pytest.fixture
def scene(api, start, connect, simulator, tmp_path):
    return Scene(api, start, connect, simulator, tmp_path)


def api_key(scene):
    strict = scene.own_simulator("--api-key", "sk_good")
    scene.templates(scene.serve(strict, NOVITA_API_KEY="sk_good"))
    with pytest.raises(grpc.RpcError) as refused:
        scene.templates(scene.serve(strict, NOVITA_API_KEY="sk_bad"))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def base_url(scene):
    other = scene.own_simulator()
    client = scene.serve(other)
    scene.wait(client, scene.create(client).job)
    assert len(other.ledger()) == 1 and not scene.simulator.ledger()


def database_url(scene):
    path = scene.folder / "elsewhere" / "the.db"
    path.parent.mkdir()
    scene.serve(DATABASE_URL=f"sqlite:{path}")
    assert path.exists()


def secrets_key(scene):
    settings = {"DATABASE_URL": f"sqlite:{scene.folder}/sealed.db"}
    keys = [base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2)]
    client = scene.serve(SECRETS_KEY=keys[0], **settings)
    scene.create(client, environment={"TOKEN": "canary-value"})
    scene.server.stop()
    environment = {**scene.server.environment, "SECRETS_KEY": keys[1]}
    refused = subprocess.run([BINARIES / "novitaid"], env=environment, capture_output=True, text=True, timeout=30)
    assert refused.returncode == 78 and "SECRETS_KEY" in refused.stderr, refused.stderr


def poll_interval(scene):
    """A machine that is stopped behind our back is seen with the next sweep."""
    for seconds, is_seen in (("1", True), ("300", False)):
        client = scene.serve(INSTANCE_POLL_INTERVAL=seconds)
        before = lambda: client.admin.GetMetrics(scene.api.admin.GetMetricsRequest(), timeout=10).text
        sweep = lambda: re.search(r"^novitai_sweep_end_time_seconds (\S+)", before(), re.M)
        first = wait_for(sweep, 20, "the first sweep").group(1)
        if is_seen:
            wait_for(lambda: sweep().group(1) != first, 10, "another sweep")
        else:
            time.sleep(2.5)
            assert sweep().group(1) == first


def concurrent_jobs(scene):
    """Two calls that take long, at once or one after the other."""
    for count, at_once in (("1", False), ("3", True)):  # Of three one is left for what is no create.
        simulator = scene.own_simulator()
        simulator.arm(CREATE, "delay", times=2, delay_ms=2500)
        client = scene.serve(simulator, MAX_CONCURRENT_JOBS=count)
        begun = time.monotonic()
        for name in ("one", "two"):
            scene.create(client, name)
        wait_for(lambda: len(simulator.ledger()) == 2, 30, "both machines")
        wait_for(lambda: "novitai_create_calls_total 2" in client.admin.GetMetrics(scene.api.admin.GetMetricsRequest(), timeout=10).text, 20, "calls")
        assert (time.monotonic() - begun < 2.3) == at_once, time.monotonic() - begun


def cache_timeout(scene):
    for seconds, count in (("3600", 0), ("0", 2)):
        client = scene.serve(CACHE_TIMEOUT=seconds)
        scene.templates(client)
        before = scene.asked(TEMPLATES)
        for _ in range(2):
            scene.templates(client, fresh=False)
        assert scene.asked(TEMPLATES, before) == count


def request_timeout(scene):
    scene.simulator.arm(TEMPLATES, "delay", times=100, method="GET", delay_ms=2000)
    begun = time.monotonic()
    with pytest.raises(grpc.RpcError) as refused:
        scene.templates(scene.serve(REQUEST_TIMEOUT="1000", MAX_RETRY_ATTEMPTS="1"))
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE and time.monotonic() - begun < 5
    scene.templates(scene.serve(REQUEST_TIMEOUT="10000", MAX_RETRY_ATTEMPTS="1"))


def retry_attempts(scene):
    for count in ("1", "2"):
        simulator = scene.simulator = scene.own_simulator()
        simulator.arm(TEMPLATES, "status_before", times=2, method="GET", status=503)
        client = scene.serve(simulator, MAX_RETRY_ATTEMPTS=count)
        if count == "1":
            with pytest.raises(grpc.RpcError):
                scene.templates(client)
        else:
            scene.templates(client)


def requests_per_minute(scene):
    for rate, is_slow in (("10", True), ("10000", False)):
        client = scene.serve(UPSTREAM_REQUESTS_PER_MINUTE=rate, INSTANCE_POLL_INTERVAL="300")
        slow = False
        for _ in range(15):
            try:
                client.catalog.ListTemplates(scene.api.catalog.ListTemplatesRequest(fresh=True), timeout=2)
            except grpc.RpcError:
                slow = True
                break
        assert slow == is_slow


def default_region(scene):
    products = scene.serve().catalog.ListProducts(scene.api.catalog.ListProductsRequest(), timeout=10).products
    regions = sorted({region for product in products if product.name == "RTX 4090 24GB" for region in product.region_ids})
    assert len(regions) > 1
    for region in regions:
        client = scene.serve(DEFAULT_REGION=region)
        plan = client.instances.PlanInstance(scene.api.instance.PlanInstanceRequest(spec=spec(scene.api)), timeout=10)
        eligible = {candidate.region_id for candidate in plan.candidates if candidate.rank}
        assert eligible <= {region}, (region, eligible)


def startup_timeout(scene):
    slow = scene.own_simulator(speed=1)
    client = scene.serve(slow, INSTANCE_STARTUP_TIMEOUT="2")
    job = scene.wait(client, scene.create(client).job)
    assert job.state == scene.api.job.JOB_STATE_FAILED and job.error_reason == "STARTUP_TIMEOUT"


def max_wait_time(scene):
    """Nobody answers under the simulator's addresses: the create ends, running and not ready, when its patience does."""
    client = scene.serve(HEALTH_CHECK_MAX_WAIT_TIME_MS="1000", HEALTH_CHECK_TIMEOUT_MS="500", HEALTH_CHECK_RETRY_DELAY_MS="100", HEALTH_CHECK_RETRY_ATTEMPTS="1")
    probed = scene.api.instance.PortSpec(port=8080, protocol=scene.api.types.PORT_PROTOCOL_HTTP)
    probed.probe.path = "/healthz"
    job = scene.wait(client, scene.create(client, ports=[probed]).job, 40)
    assert job.state == scene.api.job.JOB_STATE_SUCCEEDED and "not ready" in job.progress, job


def revision_retention(scene):
    """Trimming runs rarely and keeps the newest 100 000: what can be seen from outside is the setting itself."""
    printed = subprocess.run(
        [BINARIES / "novitaid", "config", "check"], capture_output=True, text=True, timeout=30,
        env={"PATH": os.environ["PATH"], "NOVITA_API_BASE_URL": "http://127.0.0.1:9", "REVISION_RETENTION": "60"},
    )
    assert printed.returncode == 0 and re.search(r"REVISION_RETENTION\S* *= *1m|REVISION_RETENTION.*60s|REVISION_RETENTION.*1m", printed.stdout), printed.stdout


def shutdown_grace(scene):
    """A call that goes on by itself holds a server that ends for so long, and no longer."""
    client = scene.serve(SHUTDOWN_GRACE="1")
    hold = threading.Event()

    def requests():
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        hold.wait(30)

    call = reflection_pb2_grpc.ServerReflectionStub(client.channel).ServerReflectionInfo(requests())
    next(call)
    begun = time.monotonic()
    scene.server.send(signal.SIGTERM)
    scene.server.process.wait(20)
    hold.set()
    assert 0.8 < time.monotonic() - begun < 10


def sent_away_after_ten_seconds(scene):
    """A connection on which nothing is said but the first words is told to go away by then."""
    with socket.create_connection(("127.0.0.1", scene.server.port)) as peer:
        peer.settimeout(20)
        peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        begun, seen = time.monotonic(), b""
        while b"\x07\x00\x00\x00\x00\x00" not in seen:  # a GOAWAY frame, without flags, on stream 0
            got = peer.recv(4096)
            assert got, "the connection was ended without a word"
            seen += got
        assert 5 < time.monotonic() - begun < 18


def connection_age(scene):
    """When it is old, though nobody ends the server."""
    scene.serve(MAX_CONNECTION_AGE="10", SHUTDOWN_GRACE="1")
    sent_away_after_ten_seconds(scene)


def connection_idle(scene):
    """When nobody calls on it; one that has a watch stays."""
    client = scene.serve(MAX_CONNECTION_IDLE="10")
    watch = client.instances.WatchInstances(scene.api.instance.WatchInstancesRequest(), timeout=60)
    next(watch)
    sent_away_after_ten_seconds(scene)
    assert watch.is_active()
    watch.cancel()


def event_loops(scene):
    """As many threads as are asked for serve connections; unasked, no more than there are processors to run them."""

    def loops():
        names = [path.read_text() for path in Path(f"/proc/{scene.server.process.pid}/task").glob("*/comm")]
        return sum(name.startswith("NIO-ELT") for name in names)

    scene.serve(EVENT_LOOPS="3")
    assert loops() == 3
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        scene.serve()
    finally:
        os.sched_setaffinity(0, allowed)
    assert loops() == 1


def log_format(scene):
    scene.serve(LOG_FORMAT="json")
    for line in scene.server.log().splitlines():
        json.loads(line)
    scene.serve(LOG_FORMAT="text")
    first = scene.server.log().splitlines()[0]
    with pytest.raises(json.JSONDecodeError):
        json.loads(first)


# A value that no other variable has, and what the engine is told by it.
TOLD = {
    "MAX_INSTANCES": ("7", "maxInstances: 7"),
    "BRAKE_MAX_PER_MINUTE": ("9", "maxPerMinute: 9"),
    "BRAKE_MAX_FLEET_PERCENT": ("11", "maxFleetPercent: 11"),
    "INSTANCE_POLL_INTERVAL": ("12s", "pollInterval: 12.0 seconds"),
    "MAX_CONCURRENT_JOBS": ("13", "maxConcurrentJobs: 13"),
    "REQUEST_TIMEOUT": ("14s", "requestTimeout: 14.0 seconds"),
    "SETTLE_WINDOW": ("615s", "settleWindow: 615.0 seconds"),
    "INSTANCE_STARTUP_TIMEOUT": ("1216s", "startupTimeout: 1216.0 seconds"),
    "HEALTH_CHECK_TIMEOUT_MS": ("1700", "timeout: 1.7 seconds"),
    "HEALTH_CHECK_RETRY_ATTEMPTS": ("8", "attempts: 8"),
    "HEALTH_CHECK_RETRY_DELAY_MS": ("1900", "delay: 1.9 seconds"),
    "HEALTH_CHECK_MAX_WAIT_TIME_MS": ("20000", "maxWait: 20.0 seconds"),
    "HEALTH_CHECK_PRIVATE_ADDRESSES": ("true", "privateNetworks"),
    "AUTO_STOP_ENABLED": ("true", "idleStop: Optional("),
    "AUTO_STOP_IDLE_MINUTES": ("21", "idleStop: Optional(1260.0 seconds)"),
    "AUTO_STOP_PERCENT": ("22", "idlePercent: Optional(22)"),
    "MIGRATION_ENABLED": ("false", "spotRecovery: nil"),
    "MIGRATION_DRY_RUN": ("true", "isRecoveryDryRun: true"),
    "UPSTREAM_REQUESTS_PER_MINUTE": ("123", "upstreamRequestsPerMinute: 123"),
    "DEFAULT_REGION": ("us-ca-6", 'defaultRegion: Optional("us-ca-6")'),
    "REVISION_RETENTION": ("25h", "revisionRetention: 90000.0 seconds"),
    "SHUTDOWN_GRACE": ("24s", "shutdownGrace: 24.0 seconds"),
}


def test_what_is_set_is_what_the_engine_is_told(scene):
    scene.serve(LOG_LEVEL="debug", **{name: value for name, (value, _) in TOLD.items()})
    told = next(line for line in scene.server.log().splitlines() if "settings in force" in line)
    missing = {name: text for name, (_, text) in TOLD.items() if text not in told.replace('\\"', '"')}
    assert not missing, (missing, told)


# A function that shows the effect, or the name of the test that does.
CASES = {
    "NOVITA_API_KEY": api_key,
    "NOVITA_API_BASE_URL": base_url,
    "DATABASE_URL": database_url,
    "SECRETS_KEY": secrets_key,
    "RPC_LISTEN": "test_novitaid.py::test_a_unix_socket_is_served_and_named_in_the_port_file",
    "TLS_CERT_FILE": "test_tls.py::test_a_client_of_grpcio_checks_who_answers",
    "TLS_KEY_FILE": "test_tls.py::test_files_that_cannot_be_used_are_named",
    "TLS_CLIENT_CA_FILE": "test_identity.py::test_a_client_certificate_names_its_principal_and_nothing_else_does",
    "AUTH_TOKENS_FILE": "test_novitaid.py::test_a_caller_is_known_by_its_token_and_sees_its_own_tenant",
    "MAX_INSTANCES": "test_bad_input.py::test_the_hundred_and_first_instance_is_refused_with_ceiling_and_use",
    "MAX_HOURLY_SPEND": "test_bad_input.py::test_the_hourly_spend_is_a_ceiling",
    "INSTANCE_POLL_INTERVAL": poll_interval,
    "MAX_CONCURRENT_JOBS": concurrent_jobs,
    "CACHE_TIMEOUT": cache_timeout,
    "REQUEST_TIMEOUT": request_timeout,
    "MAX_RETRY_ATTEMPTS": retry_attempts,
    "SETTLE_WINDOW": "test_money.py::test_a_create_whose_reply_goes_wrong_makes_one_machine",
    "UPSTREAM_REQUESTS_PER_MINUTE": requests_per_minute,
    "RATE_LIMIT_PER_SECOND": "test_novitaid.py::test_calls_beyond_the_rate_limit_are_refused_with_a_time_to_try_again",
    "RATE_LIMIT_BURST": "test_novitaid.py::test_calls_beyond_the_rate_limit_are_refused_with_a_time_to_try_again",
    "DEFAULT_REGION": default_region,
    "INSTANCE_STARTUP_TIMEOUT": startup_timeout,
    "HEALTH_CHECK_TIMEOUT_MS": "ReadinessRunnerTests/settings",
    "HEALTH_CHECK_RETRY_ATTEMPTS": "ReadinessRunnerTests/settings",
    "HEALTH_CHECK_RETRY_DELAY_MS": "ReadinessRunnerTests/settings",
    "HEALTH_CHECK_MAX_WAIT_TIME_MS": max_wait_time,
    "HEALTH_CHECK_PRIVATE_ADDRESSES": "OutboundProberTests/privateNetworks",
    "AUTO_STOP_ENABLED": "test_policies.py",
    "AUTO_STOP_IDLE_MINUTES": "test_policies.py",
    "AUTO_STOP_PERCENT": "test_policies.py",
    "MIGRATION_ENABLED": "SpotTests/nothing",
    "MIGRATION_DRY_RUN": "SpotTests/nothing",
    "WEBHOOK_URL": "test_webhooks.py::test_a_life_is_told_in_order_and_a_secret_is_replaced_without_a_gap",
    "WEBHOOK_SECRET": "test_webhooks.py::test_a_life_is_told_in_order_and_a_secret_is_replaced_without_a_gap",
    "WEBHOOK_TIMEOUT": "test_webhooks.py::test_a_receiver_has_only_so_much_time",
    "BRAKE_MAX_PER_MINUTE": "GovernanceTests/braked",
    "BRAKE_MAX_FLEET_PERCENT": "ControlContractTests/brake",
    "REVISION_RETENTION": revision_retention,
    "SHUTDOWN_GRACE": shutdown_grace,
    "MAX_CONNECTION_AGE": connection_age,
    "MAX_CONNECTION_IDLE": connection_idle,
    "EVENT_LOOPS": event_loops,
    "LOG_LEVEL": "test_novitaid.py::test_the_log_level_changes_while_the_server_runs",
    "LOG_FORMAT": log_format,
    "OTEL_EXPORTER_OTLP_ENDPOINT": "test_tracing.py::test_a_create_is_one_connected_trace_from_its_caller_to_the_provider",
    "OTEL_EXPORTER_OTLP_HEADERS": "test_tracing.py::test_export_over_tls_with_its_headers_and_no_secret_in_any_span",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "test_tracing.py::test_export_over_tls_with_its_headers_and_no_secret_in_any_span",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "ExportRuleTests/limit",
    "OTEL_SERVICE_NAME": "test_tracing.py::test_export_over_tls_with_its_headers_and_no_secret_in_any_span",
    "OTEL_TRACES_SAMPLER": "test_tracing.py::test_failures_and_who_decides_what_is_kept",
    "OTEL_TRACES_SAMPLER_ARG": "TracerTests/share",
    "OTEL_BSP_SCHEDULE_DELAY": "test_tracing.py::test_a_collector_that_comes_back_gets_what_was_kept_and_the_rest_at_the_end",
    "OTEL_BSP_EXPORT_TIMEOUT": "TraceExporterTests/exportTime",
    "OTEL_BSP_MAX_QUEUE_SIZE": "test_tracing.py::test_an_unreachable_collector_disturbs_nothing",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "TraceExporterTests/batches",
}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if callable(case)])
def test_a_variable_changes_something(scene, name):
    CASES[name](scene)


def test_every_documented_variable_has_its_case():
    rows = [line for line in (ROOT / "docs" / "configuration.md").read_text().splitlines() if line.startswith("| `")]
    documented = {re.match(r"\| `([A-Z_]+)`", row).group(1) for row in rows}
    assert documented == set(CASES), documented ^ set(CASES)
    missing = {name: case for name, case in CASES.items() if isinstance(case, str) and missing_test(case)}
    assert not missing, missing
