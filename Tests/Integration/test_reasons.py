"""Every reason that an error of this API can give, brought about at the real server by a real client.

A reason that is added to the sources has to get a case here.
"""

import hashlib
import json
import re
import resource
import shutil
import signal
import subprocess
import time

import grpc
import pytest
from conftest import ROOT, Server, Simulator, spec, wait_for
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

TEMPLATES = "/gpu-instance/openapi/v1/templates"
TEMPLATE_CREATE = "/gpu-instance/openapi/v1/template/create"
# Reasons that no call can bring about on demand, and the tests that show them from inside.
FROM_INSIDE = {
    # Nobody is left to hear it: a client that goes away or whose deadline is over has its own status by then.
    "CANCELLED": "ErrorTests.swift",
    # What nobody foresaw.
    "INTERNAL": "ErrorTests.swift",
    # The server would have to offer a hundred services.
    "TOO_MANY_SERVICES": "HealthTests.swift",
}


def reason(error):
    status = rpc_status.from_call(error)
    infos = [error_details_pb2.ErrorInfo.FromString(any.value) for any in status.details if any.type_url.endswith("google.rpc.ErrorInfo")]
    assert len(infos) == 1 and infos[0].domain == "novitai", status
    return infos[0].reason


class Scene:
    def __init__(self, api, start, connect, simulator, folder):
        self.api, self.start, self.connect, self.simulator, self.folder = api, start, connect, simulator, folder
        self.server = self.client = None

    def serve(self, **settings):
        self.server = self.start(Server(self.folder, self.simulator, **{"SHUTDOWN_GRACE": "1", **settings}))
        self.client = self.connect(self.server)
        return self

    def guard(self, **limits):
        """With principals, and a client that has no token of its own."""
        digest = hashlib.sha256(b"token").hexdigest()
        (self.folder / "tokens.json").write_text(
            json.dumps({"tokens": [{"id": "p", "tenant": "a", "role": "viewer", "sha256": digest}]})
        )
        return self.serve(AUTH_TOKENS_FILE=str(self.folder / "tokens.json"), **limits)

    def create(self, name="one", **fields):
        request = self.api.instance.CreateInstanceRequest(name=name, spec=fields.pop("spec", spec(self.api)), **fields)
        return self.client.instances.CreateInstance(request, timeout=20)

    def running(self, name="one", **fields):
        made = self.create(name, **fields)
        self.client.jobs.WaitJob(self.api.job.WaitJobRequest(id=made.job.id), timeout=60)
        return made.instance.id

    def get(self, id="nothing", **options):
        return self.client.instances.GetInstance(self.api.instance.GetInstanceRequest(id=id), timeout=10, **options)

    def stop(self, id, **fields):
        return self.client.instances.StopInstance(self.api.instance.StopInstanceRequest(id=id, **fields), timeout=10)

    def delete(self, id, **fields):
        return self.client.instances.DeleteInstance(self.api.instance.DeleteInstanceRequest(id=id, **fields), timeout=10)

    def templates(self, **options):
        return self.client.catalog.ListTemplates(self.api.catalog.ListTemplatesRequest(fresh=True), **{"timeout": 20, **options})

    def template(self, name="worker", **options):
        request = self.api.catalog.CreateTemplateRequest(name=name, image="team/worker:1")
        return self.client.catalog.CreateTemplate(request, **{"timeout": 30, **options})

    def fault(self, path, kind, method="GET", times=100, **more):
        self.simulator.arm(path, kind, times=times, method=method, **more)


@pytest.fixture
def scene(api, start, connect, simulator, tmp_path):
    return Scene(api, start, connect, simulator, tmp_path)


def upstream(status, name):
    def case(scene):
        scene.serve(MAX_RETRY_ATTEMPTS="1").fault(TEMPLATES, "status_before", status=status, reason=name)
        scene.templates()

    return case


def name_taken(scene):
    scene.serve().create()
    scene.create()


def request_id_reused(scene):
    scene.serve().create(request_id="r")
    scene.create("two", request_id="r")


def ceiling_reached(scene):
    scene.serve(MAX_INSTANCES="0").create()


def balance_too_low(scene):
    # What runs on the account for some years leaves nothing of its balance.
    folder = scene.folder / "poor"
    folder.mkdir()
    scene.simulator = scene.start(Simulator(folder, speed=0, arguments=["--instances", "1000"]))
    scene.simulator.post("/_sim/clock", {"advance_seconds": 3 * 365 * 86_400})
    scene.serve()
    read = lambda: "novitai_upstream_balance_usd" in scene.client.admin.GetMetrics(scene.api.admin.GetMetricsRequest(), timeout=10).text
    wait_for(read, 20, "the balance to be read")
    scene.create()


def revision_mismatch(scene):
    scene.stop(scene.serve().running(), expected_revision=1)


def deletion_protected(scene):
    scene.delete(scene.serve().create(deletion_protection=True).instance.id)


def invalid_state(scene):
    made = scene.serve().create()
    scene.client.instances.GetInstanceAccess(scene.api.instance.GetInstanceAccessRequest(id=made.instance.id), timeout=10)


def frozen(scene):
    scene.serve().client.admin.SetFreeze(scene.api.admin.SetFreezeRequest(frozen=True), timeout=10)
    scene.create()


def observing(scene):
    server = scene.serve().server
    server.stop()
    shutil.copy(server.database, scene.folder / "copy.db")
    server.start()
    server.stop()
    shutil.copy(scene.folder / "copy.db", server.database)
    scene.serve().create()


def no_candidate(scene):
    wanted = spec(scene.api)
    wanted.max_hourly_price.CopyFrom(scene.api.types.Money(micros=1, currency_code="USD"))
    scene.serve().create(spec=wanted)


def no_capacity(scene):
    scene.simulator.post("/_sim/stock", {"free": 0})
    scene.serve().create()


def invalid_fields(scene):
    scene.serve().create(spec=scene.api.instance.InstanceSpec())


def resume_token_expired(scene):
    token = scene.api.types.ResumeToken(history_id="another", revision=1)
    next(scene.serve().client.instances.WatchInstances(scene.api.instance.WatchInstancesRequest(resume_token=token), timeout=10))


def watch_too_slow(scene):
    """Reads the first response and then none, while more changes come than are kept for it."""
    scene.serve(RATE_LIMIT_PER_SECOND="100000", RATE_LIMIT_BURST="100000", MAX_INSTANCES="10000", MAX_HOURLY_SPEND="100000")
    scene.client.jobs.PauseQueue(scene.api.job.PauseQueueRequest(type=scene.api.job.JOB_TYPE_CREATE_INSTANCE), timeout=10)
    channel = grpc.insecure_channel(scene.server.address, options=[("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)])
    watch = scene.api.services["instances"](channel).WatchInstances(scene.api.instance.WatchInstancesRequest(every_change=True), timeout=60)
    next(watch)
    labels = {f"key-{number}": "v" * 60 for number in range(30)}
    made = 0
    while made < 1200:
        calls = [
            scene.client.instances.CreateInstance.future(
                scene.api.instance.CreateInstanceRequest(name=f"i-{made}-{position}", spec=spec(scene.api), labels=labels), timeout=30
            )
            for position in range(25)
        ]
        made += len([call for call in calls if call.exception() is None])
    for _ in watch:
        pass


def too_many_waiters(scene):
    """Calls for one name wait for each other, up to 256."""
    scene.serve(RATE_LIMIT_PER_SECOND="100000", RATE_LIMIT_BURST="100000")
    scene.fault(TEMPLATE_CREATE, "delay", method="POST", times=1, delay_ms=3000)
    # Over several connections: each has so many calls at work.
    options = [("grpc.use_local_subchannel_pool", 1)]
    stubs = [scene.api.services["catalog"](grpc.insecure_channel(scene.server.address, options=options)) for _ in range(4)]
    request = scene.api.catalog.CreateTemplateRequest(name="worker", image="team/worker:1")
    first_of(scene, [stubs[number % 4].CreateTemplate.future(request, timeout=20) for number in range(400)], "TOO_MANY_WAITERS")


def first_of(scene, calls, wanted):
    """Raises the first error with that reason."""
    errors = [call.exception() for call in calls]
    for error in errors:
        if error is not None and rpc_status.from_call(error) and reason(error) == wanted:
            raise error


def contention(scene):
    """Each turns the other's word around, so that most decisions are made anew, again and again."""
    scene.serve(RATE_LIMIT_PER_SECOND="100000", RATE_LIMIT_BURST="100000")
    job = scene.api.job
    kinds = [value for name, value in job.JobType.items() if value]
    for _ in range(20):
        calls = []
        for position in range(300):
            change = (scene.client.jobs.PauseQueue, job.PauseQueueRequest) if position % 2 else (scene.client.jobs.ResumeQueue, job.ResumeQueueRequest)
            calls.append(change[0].future(change[1](type=kinds[position // 2 % len(kinds)]), timeout=20))
        first_of(scene, calls, "CONTENTION")


def store_unavailable(scene):
    """No file of the server may grow: its disk is full. The change that meets this first may be in doubt; none after it is."""
    scene.serve()
    size = scene.server.database.stat().st_size
    resource.prlimit(scene.server.process.pid, resource.RLIMIT_FSIZE, (size // 2, size // 2))
    try:
        scene.create()
    except grpc.RpcError as first:
        if reason(first) != "OUTCOME_UNKNOWN":
            raise
        scene.create()


def outcome_unknown(scene):
    scene.serve(MAX_RETRY_ATTEMPTS="1").fault(TEMPLATE_CREATE, "drop_before", method="POST", times=1)
    scene.template(timeout=6)


def rate_limited(scene):
    scene.serve(MAX_RETRY_ATTEMPTS="1").fault(TEMPLATES, "rate_limit")
    scene.templates()


def not_attempted(scene):
    """The minute's calls are spent, and a turn that comes after the request's time is not waited for."""
    scene.serve(UPSTREAM_REQUESTS_PER_MINUTE="10", REQUEST_TIMEOUT="2000", MAX_RETRY_ATTEMPTS="1", INSTANCE_POLL_INTERVAL="300")
    request = scene.api.catalog.ListTemplatesRequest(fresh=True)
    first_of(scene, [scene.client.catalog.ListTemplates.future(request, timeout=20) for _ in range(30)], "UPSTREAM_NOT_ATTEMPTED")


def overloaded(scene):
    """More callers at once than are answered in the time that this one has. How much that is differs: one that is little more than half of how
    late the server is will be read in time, and refused."""
    scene.serve(RATE_LIMIT_PER_SECOND="1000000", RATE_LIMIT_BURST="1000000")
    request = scene.api.instance.ListInstancesRequest()
    (scene.folder / "request").write_bytes(bytes(5))
    load = subprocess.Popen(
        ["h2load", "--requests=1000000", "--clients=50", "--max-concurrent-streams=100", f"--data={scene.folder / 'request'}",
         "--header=content-type: application/grpc", "--header=te: trailers",
         f"http://{scene.server.address}/novitai.v1.InstanceService/ListInstances"], stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            calls = [scene.client.instances.ListInstances.future(request, timeout=seconds) for seconds in (0.05, 0.1, 0.2, 0.4, 0.8)]
            first_of(scene, calls, "OVERLOADED")
    finally:
        load.kill()
        load.wait()


def draining(scene):
    watch = scene.serve().client.instances.WatchInstances(scene.api.instance.WatchInstancesRequest(), timeout=20)
    next(watch)
    scene.server.send(signal.SIGTERM)
    for _ in watch:
        pass


def bearer(token="token"):
    return {"metadata": [("authorization", f"Bearer {token}")]}


def not_permitted(scene):
    scene.guard().client.admin.SetFreeze(scene.api.admin.SetFreezeRequest(frozen=True), timeout=10, **bearer())


def too_many_calls(scene):
    scene.guard(RATE_LIMIT_PER_SECOND="1", RATE_LIMIT_BURST="2")
    for _ in range(4):
        scene.client.instances.ListInstances(scene.api.instance.ListInstancesRequest(), timeout=10, **bearer())


def too_many_concurrent_calls(scene):
    digest = hashlib.sha256(b"token").hexdigest()
    principals = {
        "principals": [{"id": "p", "tenant": "a", "role": "viewer", "limits": {"concurrent_calls": 1}}],
        "tokens": [{"id": "p.1", "principal": "p", "sha256": digest}],
    }
    (scene.folder / "principals.json").write_text(json.dumps(principals))
    scene.serve(AUTH_TOKENS_FILE=str(scene.folder / "principals.json"))
    watch = scene.client.instances.WatchInstances(scene.api.instance.WatchInstancesRequest(), timeout=10, **bearer())
    next(watch)
    try:
        scene.client.instances.ListInstances(scene.api.instance.ListInstancesRequest(), timeout=10, **bearer())
    finally:
        watch.cancel()


def too_many_watchers(scene):
    """A thousand watches of the health, over several connections."""
    scene.serve(RATE_LIMIT_PER_SECOND="100000", RATE_LIMIT_BURST="100000")
    channels = [grpc.insecure_channel(scene.server.address, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(4)]
    watches = [
        health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=30) for channel in channels for _ in range(260)
    ]
    try:
        for watch in watches:
            next(watch)
    finally:
        for watch in watches:
            watch.cancel()
        for channel in channels:
            channel.close()


CASES = {
    "BALANCE_TOO_LOW": balance_too_low,
    "CEILING_REACHED": ceiling_reached,
    "CONTENTION": contention,
    "DELETION_PROTECTED": deletion_protected,
    "DRAINING": draining,
    "FROZEN": frozen,
    "INVALID_FIELDS": invalid_fields,
    "INVALID_STATE": invalid_state,
    "NAME_TAKEN": name_taken,
    "NOT_FOUND": lambda scene: scene.serve().get(),
    "NOT_PERMITTED": not_permitted,
    "NO_CANDIDATE": no_candidate,
    "NO_CAPACITY": no_capacity,
    "NO_CREDENTIALS": lambda scene: scene.guard().get(),
    "NO_QUESTION": lambda scene: next(
        reflection_pb2_grpc.ServerReflectionStub(scene.serve().client.channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest()]), timeout=10
        )
    ),
    "OBSERVING": observing,
    "OUTCOME_UNKNOWN": outcome_unknown,
    "OVERLOADED": overloaded,
    "REQUEST_ID_REUSED": request_id_reused,
    "RESUME_TOKEN_EXPIRED": resume_token_expired,
    "REVISION_MISMATCH": revision_mismatch,
    "STORE_UNAVAILABLE": store_unavailable,
    "TOO_MANY_CALLS": too_many_calls,
    "TOO_MANY_CONCURRENT_CALLS": too_many_concurrent_calls,
    "TOO_MANY_WAITERS": too_many_waiters,
    "TOO_MANY_WATCHERS": too_many_watchers,
    "UNKNOWN_CREDENTIALS": lambda scene: scene.guard().get(**bearer("nonsense")),
    "UNKNOWN_SERVICE": lambda scene: health_pb2_grpc.HealthStub(scene.serve().client.channel).Check(
        health_pb2.HealthCheckRequest(service="nothing"), timeout=10
    ),
    "UPSTREAM_BALANCE": upstream(400, "BALANCE_NOT_ENOUGH"),
    "UPSTREAM_INVALID_STATE": upstream(400, "CONFLICT"),
    "UPSTREAM_NOT_ATTEMPTED": not_attempted,
    "UPSTREAM_NOT_FOUND": upstream(404, "TEMPLATE_NOT_FOUND"),
    "UPSTREAM_RATE_LIMITED": rate_limited,
    "UPSTREAM_REFUSED": upstream(400, "INVALID_PARAMETER"),
    "UPSTREAM_UNAUTHORIZED": upstream(401, "UNAUTHORIZED"),
    "UPSTREAM_UNAVAILABLE": upstream(503, "SERVICE_UNAVAILABLE"),
    "WATCH_TOO_SLOW": watch_too_slow,
}


@pytest.mark.parametrize("wanted", CASES)
def test_a_reason_can_be_met(scene, wanted):
    with pytest.raises(grpc.RpcError) as refused:
        CASES[wanted](scene)
    assert reason(refused.value) == wanted, refused.value


def test_every_reason_of_the_sources_has_its_case():
    found = set()
    for path in (ROOT / "Sources" / "Services").rglob("*.swift"):
        found |= set(re.findall(r'(?:Row|init|Self|ErrorDetails)\(\s*\.[a-zA-Z]+, "([A-Z_]+)"', path.read_text()))
    assert found == set(CASES) | set(FROM_INSIDE), found ^ (set(CASES) | set(FROM_INSIDE))
    for word, file in FROM_INSIDE.items():
        assert word in (ROOT / "Tests" / "ServicesTests" / file).read_text(), f"{file} shows nothing of {word}"
