"""Traces, by a real OTLP collector: one connected trace from a caller to the provider, and nobody hurt when the collector is away."""

import json
import pathlib
import signal
import socket
import threading
import time
from concurrent import futures

import grpc
import pytest
from certificates import Authority
from conftest import API_KEY, CREATE, Server, spec, wait_for
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = [("traceparent", f"00-{TRACE}-{CALLER}-01"), ("tracestate", "congo=t61rcWkgMzE")]
SECRETS = {"environment": "canary-environment-5d1e", "header": "canary-header-77ab", "metadata": "canary-metadata-04f2"}


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """OpenTelemetry's own service, by Google's gRPC."""

    def __init__(self, credentials=None, port=0):
        self.exports, self.metadata, self.refusals = [], [], []
        self.lock = threading.Lock()
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self.server)
        add = self.server.add_insecure_port if credentials is None else lambda address: self.server.add_secure_port(address, credentials)
        self.port = add(f"localhost:{port}")
        self.server.start()

    def Export(self, request, context):
        with self.lock:
            if self.refusals:
                context.abort(self.refusals.pop(0), "refused by the test")
            self.exports.append(request)
            self.metadata.append(dict(context.invocation_metadata()))
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self):
        with self.lock:
            return [span for export in self.exports for whole in export.resource_spans for scope in whole.scope_spans for span in scope.spans]

    def of(self, trace):
        return [span for span in self.spans() if span.trace_id.hex() == trace]

    def stop(self):
        self.server.stop(None)


@pytest.fixture
def collector():
    running = Collector()
    yield running
    running.stop()


def tracing(collector, **settings):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{collector.port}", "OTEL_BSP_SCHEDULE_DELAY": "50", **settings}


def attributes(span):
    return {entry.key: entry.value.string_value or entry.value.int_value for entry in span.attributes}


def create(api, client, name="traced", metadata=SAMPLED, **fields):
    return client.instances.CreateInstance(
        api.instance.CreateInstanceRequest(name=name, request_id=f"r-{name}", spec=spec(api, **fields)), timeout=10, metadata=metadata
    )


def ended(api, client, job):
    def state():
        now = client.jobs.GetJob(api.job.GetJobRequest(id=job.id), timeout=10).state
        return now in (api.job.JOB_STATE_SUCCEEDED, api.job.JOB_STATE_FAILED) and now

    return wait_for(state, 30, "the job ends")


def metrics(api, client):
    text = client.admin.GetMetrics(api.admin.GetMetricsRequest(), timeout=10).text
    return {line.split(" ")[0]: float(line.split(" ")[1]) for line in text.splitlines() if line and line[0] != "#"}


def test_a_create_is_one_connected_trace_from_its_caller_to_the_provider(api, start, connect, collector, simulator, tmp_path):
    server = start(Server(tmp_path, simulator, LOG_LEVEL="debug", **tracing(collector)))
    client = connect(server)
    made = create(api, client)
    assert ended(api, client, made.job) == api.job.JOB_STATE_SUCCEEDED

    def complete():
        names = [span.name for span in collector.of(TRACE)]
        return "createInstance BOOT" in names and f"POST {CREATE}" in names and names

    wait_for(complete, 20, "the trace is exported")
    spans = {span.span_id.hex(): span for span in collector.of(TRACE)}
    call = next(span for span in spans.values() if span.name == "novitai.v1.InstanceService/CreateInstance")
    assert call.parent_span_id.hex() == CALLER and call.kind == trace_pb2.Span.SPAN_KIND_SERVER and call.trace_state == "congo=t61rcWkgMzE"
    assert attributes(call).items() >= {
        "rpc.system.name": "grpc", "rpc.method": "novitai.v1.InstanceService/CreateInstance", "rpc.response.status_code": "OK",
    }.items()  # fmt: skip
    steps = [span for span in spans.values() if span.kind == trace_pb2.Span.SPAN_KIND_INTERNAL]
    assert {"createInstance PLACE", "createInstance BOOT"} <= {span.name for span in steps}
    for step in steps:
        assert step.parent_span_id == call.span_id
        assert attributes(step).items() >= {"novitai.job.id": made.job.id, "novitai.instance.id": made.instance.id}.items()
    requests = [span for span in spans.values() if span.kind == trace_pb2.Span.SPAN_KIND_CLIENT]
    inside = {step.span_id.hex() for step in steps} | {call.span_id.hex()}
    assert requests and all(span.parent_span_id.hex() in inside for span in requests)
    buying = next(span for span in requests if span.name == f"POST {CREATE}")
    assert spans[buying.parent_span_id.hex()].name == "createInstance PLACE"
    assert attributes(buying).items() >= {
        "http.request.method": "POST", "http.response.status_code": 200, "url.template": CREATE, "server.address": "127.0.0.1",
        "server.port": simulator.port,
    }.items()  # fmt: skip
    # The provider was told the very span that asked it.
    sent = [entry for entry in simulator.get("/_sim/requests")["requests"] if entry["path"] == CREATE]
    assert [entry["traceparent"] for entry in sent] == [f"00-{TRACE}-{buying.span_id.hex()}-01"]
    for span in spans.values():
        assert span.start_time_unix_nano <= span.end_time_unix_nano
    resource = {entry.key: entry.value.string_value for entry in collector.exports[0].resource_spans[0].resource.attributes}
    assert resource["service.name"] == "novitaid" and resource["service.version"] and resource["service.instance.id"]
    check_log(server, spans, made, buying)


def check_log(server, spans, made, buying):
    """Every line of the call, the job and its requests says which they are, under the same names."""
    lines = [json.loads(line) for line in server.log().splitlines()]
    accepted = next(line for line in lines if line["message"] == "change accepted")
    assert accepted["request_id"] == "r-traced" and accepted["job_id"] == made.job.id and accepted["instance_id"] == made.instance.id
    call = next(line for line in lines if line["message"] == "call ended" and line["method"].endswith("/CreateInstance"))
    for line in (accepted, call):
        assert line["trace_id"] == TRACE and spans[line["span_id"]].kind == trace_pb2.Span.SPAN_KIND_SERVER and line["call_id"]
    asked = next(line for line in lines if line["message"] == "provider called" and line["path"] == CREATE)
    assert asked["span_id"] == buying.span_id.hex()
    ours = [line for line in lines if line["message"] in ("step began", "step ended", "job ended", "create called") and line["job_id"] == made.job.id]
    assert len(ours) > 3
    for line in [asked, *ours]:
        assert (line["request_id"], line["trace_id"], line["job_id"], line["instance_id"]) == ("r-traced", TRACE, made.job.id, made.instance.id)
        assert line["span_id"] in spans


def test_failures_and_who_decides_what_is_kept(api, start, connect, collector, simulator, tmp_path):
    server = start(Server(tmp_path, simulator, **tracing(collector, OTEL_TRACES_SAMPLER="parentbased_always_off")))
    client = connect(server)
    get = api.instance.GetInstanceRequest(id="i-none")
    for metadata in (SAMPLED, [("traceparent", f"00-{TRACE}-{CALLER}-00")], [("traceparent", "nonsense")], []):
        with pytest.raises(grpc.RpcError):
            client.instances.GetInstance(get, timeout=10, metadata=metadata)
    # The provider refuses: the request is one with an error, and so is the step.
    simulator.arm(CREATE, "status_before", status=400, reason="INVALID_PARAMETER", message="no")
    made = create(api, client, "refused")
    assert ended(api, client, made.job) == api.job.JOB_STATE_FAILED
    wait_for(lambda: any(span.name == f"POST {CREATE}" for span in collector.spans()), 20, "the request's span")
    spans = wait_for(lambda: [span for span in collector.spans() if span.name == "createInstance PLACE"] and collector.spans(), 20, "the step's span")
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    found = [span for span in spans if span.name == "novitai.v1.InstanceService/GetInstance"]
    # Nobody's fault but the caller's: no error.
    assert len(found) == 1 and attributes(found[0])["rpc.response.status_code"] == "NOT_FOUND"
    assert found[0].status.code == trace_pb2.Status.STATUS_CODE_UNSET
    request = next(span for span in spans if span.name == f"POST {CREATE}")
    step = next(span for span in spans if span.name == "createInstance PLACE")
    assert attributes(request)["http.response.status_code"] == 400 and attributes(request)["error.type"] == "400"
    assert request.status.code == step.status.code == trace_pb2.Status.STATUS_CODE_ERROR
    assert attributes(step)["novitai.job.state"] == "failed" and attributes(step)["error.type"]


def test_a_trace_goes_on_after_a_restart(api, start, connect, collector, simulator, tmp_path):
    simulator.arm(CREATE, "delay", times=1, delay_ms=2000)
    server = start(Server(tmp_path, simulator, **tracing(collector)))
    made = create(api, connect(server))
    # A call that is written down and not made is only made again once it is certain that it was not: ten minutes.
    wait_for(lambda: any(entry["path"] == CREATE for entry in simulator.get("/_sim/requests")["requests"]), 20, "the create call")
    server.kill()
    client = connect(server.start())
    ended(api, client, made.job)
    steps = wait_for(lambda: [s for s in collector.of(TRACE) if attributes(s).get("novitai.job.id") == made.job.id], 20, "steps after the restart")
    assert all(span.trace_state == "congo=t61rcWkgMzE" for span in steps)


def test_without_an_endpoint_nothing_is_traced_and_the_trace_is_passed_on(api, client, server, simulator):
    made = create(api, client)
    ended(api, client, made.job)
    sent = [entry for entry in simulator.get("/_sim/requests")["requests"] if entry["path"] == CREATE]
    assert [entry["traceparent"] for entry in sent] == [f"00-{TRACE}-{CALLER}-01"]
    assert not any("trace" in name for name in metrics(api, client))


def test_an_unreachable_collector_disturbs_nothing(api, start, connect, simulator, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # Bound and not listening: connections are refused.
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        server = start(
            Server(tmp_path, simulator, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_SCHEDULE_DELAY="10", OTEL_BSP_MAX_QUEUE_SIZE="20",
                   OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10")  # fmt: skip
        )
        client = connect(server)
        made = create(api, client)
        assert ended(api, client, made.job) == api.job.JOB_STATE_SUCCEEDED
        for _ in range(100):
            client.instances.GetInstance(api.instance.GetInstanceRequest(id=made.instance.id), timeout=10)
        wait_for(lambda: metrics(api, client)["novitai_trace_dropped_spans_total"] > 0, 20, "spans are dropped")
        now = metrics(api, client)
        assert now["novitai_trace_queue_spans"] <= 20 and now["novitai_trace_exported_spans_total"] == 0
        assert now['novitai_trace_failed_exports_total{code="UNAVAILABLE"}'] >= 1
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 10
    complaints = [line for line in server.log().splitlines() if "spans are not taken" in line]
    assert len(complaints) == 1 and "UNAVAILABLE" in complaints[0]


def test_a_collector_that_comes_back_gets_what_was_kept_and_the_rest_at_the_end(api, start, connect, collector, simulator, tmp_path):
    collector.refusals = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED]
    server = start(Server(tmp_path, simulator, **tracing(collector, OTEL_BSP_SCHEDULE_DELAY="200")))
    client = connect(server)
    create(api, client)
    wait_for(lambda: collector.of(TRACE), 30, "what was refused before")
    # Within the delay: only the end of the server sends it.
    with pytest.raises(grpc.RpcError):
        client.instances.GetInstance(api.instance.GetInstanceRequest(id="i-last"), timeout=10, metadata=SAMPLED)
    server.send(signal.SIGTERM)
    assert server.process.wait(40) == 0
    assert any(span.name.endswith("/GetInstance") for span in collector.of(TRACE))


def test_export_over_tls_with_its_headers_and_no_secret_in_any_span(api, start, connect, simulator, tmp_path):
    authority = Authority(tmp_path)
    certificate, key = (pathlib.Path(path).read_bytes() for path in authority.sign("collector", "DNS:localhost", "serverAuth"))
    collector = Collector(grpc.ssl_server_credentials([(key, certificate)]))
    try:
        settings = tracing(
            collector, OTEL_EXPORTER_OTLP_ENDPOINT=f"https://localhost:{collector.port}", OTEL_EXPORTER_OTLP_CERTIFICATE=authority.path,
            OTEL_EXPORTER_OTLP_HEADERS=f"x-token={SECRETS['header']},x-other=a%20b", OTEL_SERVICE_NAME="gpu", LOG_LEVEL="trace",
        )  # fmt: skip
        server = start(Server(tmp_path, simulator, **settings))
        client = connect(server)
        words = f"bad value {SECRETS['environment']} for key {API_KEY}"
        simulator.arm(CREATE, "status_before", status=400, reason="INVALID_PARAMETER", message=words)
        made = create(
            api, client, metadata=[*SAMPLED, ("authorization", f"Bearer {SECRETS['metadata']}"), ("x-api-key", SECRETS["metadata"])],
            environment={"PASSWORD": SECRETS["environment"]},
        )  # fmt: skip
        assert ended(api, client, made.job) == api.job.JOB_STATE_FAILED
        wait_for(lambda: [s for s in collector.of(TRACE) if s.name == "createInstance PLACE"], 20, "the step's span")
        assert collector.metadata[0]["x-token"] == SECRETS["header"] and collector.metadata[0]["x-other"] == "a b"
        assert server.stop() == 0
        exported = b"".join(export.SerializeToString() for export in collector.exports)
        assert b"gpu" in exported
        for what, canary in {**SECRETS, "API key": API_KEY}.items():
            assert canary.encode() not in exported, what
            assert canary not in server.log(), what
    finally:
        collector.stop()
