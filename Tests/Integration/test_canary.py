"""Secrets of every kind go in at the noisiest level, and come out nowhere: no log, no metric, no status, no byte of the database."""

import hashlib
import json

import grpc
from conftest import API_KEY, CREATE, Program, Server, spec, wait_for

CANARIES = {
    "environment": "canary-environment-1f09",
    "token": "canary-token-22c1",
    "wrong token": "canary-wrong-7e33",
    "cookie": "canary-cookie-b8a4",
    "key": "canary-key-905d",
    "binary": "canary-binary-c3f6",
    "basic": "canary-basic-4d17",
}


# The key is the one secret file, and a socket has no content.
UNREAD = {".key", ".handover"}


def texts(error):
    return str(error.details()) + str(error.trailing_metadata()) + str(error.initial_metadata())


def test_no_secret_comes_out_anywhere(api, start, connect, simulator, tmp_path):
    digest = hashlib.sha256(CANARIES["token"].encode()).hexdigest()
    (tmp_path / "tokens.json").write_text(json.dumps({"tokens": [{"id": "ann", "sha256": digest, "tenant": "a", "role": "admin"}]}))
    server = start(Server(tmp_path, simulator, AUTH_TOKENS_FILE=str(tmp_path / "tokens.json"), LOG_LEVEL="trace"))
    sidecar_environment = {"NOVITAI_TARGET": server.address, "NOVITAI_TOKEN": CANARIES["token"], "LOG_LEVEL": "trace"}
    sidecar = start(Program("novitai-sidecar", ["--listen", "127.0.0.1:0"], sidecar_environment, tmp_path))
    client = connect(server)
    metadata = [
        ("authorization", f"Bearer {CANARIES['token']}"),
        ("cookie", f"session={CANARIES['cookie']}"),
        ("x-api-key", CANARIES["key"]),
        ("trace-bin", CANARIES["binary"].encode()),
    ]
    seen = []

    def call(method, request, metadata=metadata):
        try:
            reply, made = method.with_call(request, metadata=metadata, timeout=10)
            seen.append(str(reply) + str(made.initial_metadata()) + str(made.trailing_metadata()))
            return reply
        except grpc.RpcError as error:
            seen.append(texts(error))
            return None

    secret = {"PASSWORD": CANARIES["environment"]}
    instances, create = client.instances, api.instance.CreateInstanceRequest
    # Refusals of all kinds, with secrets in the request.
    call(instances.CreateInstance, create(name="Bad Name", spec=spec(api, environment=secret)))
    call(instances.CreateInstance, create(name="one", spec=spec(api, environment={**secret, "NOVITAI_OWNER": CANARIES["environment"]})))
    call(instances.CreateInstance, create(spec=spec(api)), [("authorization", f"Bearer {CANARIES['wrong token']}"), *metadata[1:]])
    call(instances.CreateInstance, create(spec=spec(api)), [("authorization", f"Basic {CANARIES['basic']}"), *metadata[1:]])
    # The provider repeats what it was sent, the key and the environment, in a refusal and in a gateway's page.
    words = f"bad value {CANARIES['environment']} for key {API_KEY}"
    simulator.arm(CREATE, "status_before", status=400, reason="INVALID_PARAMETER", message=words)
    refused = call(instances.CreateInstance, create(name="refused", spec=spec(api, environment=secret)))
    simulator.arm(CREATE, "status_before", status=503, reason="UNAVAILABLE", message=words)
    made = call(instances.CreateInstance, create(name="made", request_id="r-1", spec=spec(api, environment=secret)))
    assert refused and made
    call(instances.CreateInstance, create(name="made", request_id="r-1", spec=spec(api, environment={"PASSWORD": "other"})))

    def state(reply):
        return client.jobs.GetJob(api.job.GetJobRequest(id=reply.job.id), metadata=metadata, timeout=10).state

    wait_for(lambda: state(refused) == api.job.JOB_STATE_FAILED, 30, "the refused create fails")
    for instance in (refused.instance, made.instance):
        call(instances.GetInstance, api.instance.GetInstanceRequest(id=instance.id))
    call(instances.ListInstances, api.instance.ListInstancesRequest(show_deleted=True))
    call(client.jobs.ListJobs, api.job.ListJobsRequest())
    watch = instances.WatchInstances(api.instance.WatchInstancesRequest(), metadata=metadata, timeout=10)
    seen.append(str(next(watch)))
    watch.cancel()
    for method, request in (
        (client.admin.GetMetrics, api.admin.GetMetricsRequest()), (client.admin.GetHealth, api.admin.GetHealthRequest()),
        (client.admin.GetServerInfo, api.admin.GetServerInfoRequest()),
    ):  # fmt: skip
        call(method, request)
    while_running = {path.name: path.read_bytes() for path in tmp_path.glob("novitai.db*") if path.suffix not in UNREAD}
    assert server.stop() == 0 and sidecar.stop() == 0
    places = {
        "answers": "\n".join(seen).encode(), "log of the server": server.log().encode(), "log of the sidecar": sidecar.log().encode(),
        **{f"{name} of the running server": data for name, data in while_running.items()},
        **{path.name: path.read_bytes() for path in tmp_path.glob("novitai.db*") if path.suffix not in UNREAD},
    }  # fmt: skip
    assert len(places) >= 5 and all(len(places[name]) > 100 for name in ("answers", "log of the server"))
    for what, canary in {**CANARIES, "API key": API_KEY, "digest of the token": digest}.items():
        for place, data in places.items():
            assert canary.encode() not in data, f"{what} is in: {place}"
