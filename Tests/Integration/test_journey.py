"""What Novitai is for: a stock client asks for a GPU, watches it become ready, stops it, starts it, deletes it."""

import uuid

from conftest import API_KEY, Server, Simulator, spec, wait_for

import grpc


def follow(client, api, instance_id, reached, token=None, seconds=60):
    """Watches one instance until `reached` holds; returns it and the token to go on with."""
    request = api.instance.WatchInstancesRequest(ids=[instance_id], resume_token=token)
    for response in client.instances.WatchInstances(request, timeout=seconds):
        for event in response.events:
            if reached(event.instance):
                return event.instance, response.resume_token
    raise AssertionError("the watch ended by itself")


def test_create_watch_stop_start_delete(api, client, simulator):
    i = api.instance
    created = client.instances.CreateInstance(
        i.CreateInstanceRequest(request_id=str(uuid.uuid4()), name="trainer-1", spec=spec(api), labels={"team": "search"}), timeout=10
    )
    instance_id = created.instance.id
    assert created.instance.state == i.INSTANCE_STATE_PENDING
    assert created.job.instance_id == instance_id

    ready, token = follow(client, api, instance_id, lambda instance: instance.readiness == i.READINESS_READY)
    assert ready.state == i.INSTANCE_STATE_RUNNING
    assert [endpoint.port for endpoint in ready.endpoints] == [8080]
    assert ready.placement.product_name == "RTX 4090 24GB"
    assert ready.placement.hourly_price.micros > 0

    for call, request, state in [
        (client.instances.StopInstance, i.StopInstanceRequest(id=instance_id), i.INSTANCE_STATE_STOPPED),
        (client.instances.StartInstance, i.StartInstanceRequest(id="trainer-1"), i.INSTANCE_STATE_RUNNING),
        (client.instances.RestartInstance, i.RestartInstanceRequest(id=instance_id), i.INSTANCE_STATE_RUNNING),
        (client.instances.DeleteInstance, i.DeleteInstanceRequest(id=instance_id), i.INSTANCE_STATE_DELETED),
    ]:
        job = call(request, timeout=10).job
        ended = client.jobs.WaitJob(api.job.WaitJobRequest(id=job.id), timeout=60)
        assert ended.state == api.job.JOB_STATE_SUCCEEDED, ended
        _, token = follow(client, api, instance_id, lambda instance, state=state: instance.state == state, token)

    machines = simulator.ledger()
    assert len(machines) == 1
    assert machines[0]["released"] is not None
    assert client.instances.ListInstances(i.ListInstancesRequest(), timeout=5).instances == []


def test_a_watch_for_an_instance_that_is_over_says_so(api, client):
    i = api.instance
    made = client.instances.CreateInstance(i.CreateInstanceRequest(name="over", spec=spec(api)), timeout=10).instance
    job = client.instances.DeleteInstance(i.DeleteInstanceRequest(id=made.id), timeout=10).job
    client.jobs.WaitJob(api.job.WaitJobRequest(id=job.id), timeout=60)
    first = next(client.instances.WatchInstances(i.WatchInstancesRequest(ids=[made.id]), timeout=10))
    assert [(event.kind, event.instance.id) for event in first.events] == [(i.INSTANCE_EVENT_KIND_REMOVED, made.id)]


def test_a_request_repeated_answers_with_the_same_objects(api, client, simulator):
    request = api.instance.CreateInstanceRequest(request_id="once", name="once", spec=spec(api))
    answers = [client.instances.CreateInstance(request, timeout=10) for _ in range(3)]
    assert len({answer.instance.id for answer in answers}) == 1
    assert len({answer.job.id for answer in answers}) == 1
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=answers[0].job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    assert len(simulator.ledger()) == 1


def test_a_plan_shows_every_candidate_with_its_verdict_and_changes_nothing(api, client, simulator):
    plan = client.instances.PlanInstance(api.instance.PlanInstanceRequest(spec=spec(api, gpu_count=2)), timeout=10)
    eligible = [c for c in plan.candidates if c.verdict == api.instance.CANDIDATE_VERDICT_ELIGIBLE]
    assert [c.rank for c in eligible] == list(range(1, len(eligible) + 1)) and eligible
    assert all(c.product_name == "RTX 4090 24GB" and c.hourly_price.micros > 0 for c in eligible)
    assert [c.hourly_price.micros for c in eligible] == sorted(c.hourly_price.micros for c in eligible)
    assert all(c.reason for c in plan.candidates if c.rank == 0)
    assert simulator.ledger() == []


def test_the_catalogue_the_server_and_its_health_can_be_read(api, client):
    products = client.catalog.ListProducts(api.catalog.ListProductsRequest(), timeout=10).products
    assert "RTX 4090 24GB" in {product.name for product in products}
    regions = client.catalog.ListRegions(api.catalog.ListRegionsRequest(), timeout=10).regions
    assert {region for product in products for region in product.region_ids} <= {region.id for region in regions}
    info = client.admin.GetServerInfo(api.admin.GetServerInfoRequest(), timeout=5)
    assert len(info.deployment_id) == 16 and info.store == "sqlite" and info.limits.max_instances == 100
    health = wait_for(
        lambda: next(
            (
                answer
                for answer in [client.admin.GetHealth(api.admin.GetHealthRequest(), timeout=5)]
                if answer.status == api.admin.HEALTH_STATUS_HEALTHY
            ),
            None,
        ),
        30,
        "the server finds itself healthy",
    )
    assert {check.name for check in health.checks} == {"rpc", "store", "jobs", "upstream", "reconciler", "balance"}
    metrics = client.admin.GetMetrics(api.admin.GetMetricsRequest(), timeout=5).text
    assert "# TYPE novitai_" in metrics


def test_a_restart_keeps_everything_and_the_watch_goes_on_from_its_token(api, client, connect, server, simulator):
    i = api.instance
    created = client.instances.CreateInstance(i.CreateInstanceRequest(name="kept", spec=spec(api)), timeout=10)
    _, token = follow(client, api, created.instance.id, lambda instance: instance.readiness == i.READINESS_READY)
    client.close()
    assert server.stop() == 0
    server.start()
    again = connect(server)
    assert again.instances.GetInstance(i.GetInstanceRequest(id="kept"), timeout=5).state == i.INSTANCE_STATE_RUNNING
    again.instances.DeleteInstance(i.DeleteInstanceRequest(id="kept"), timeout=10)
    gone, _ = follow(again, api, created.instance.id, lambda instance: instance.state == i.INSTANCE_STATE_DELETED, token)
    assert gone.id == created.instance.id
    assert len(simulator.ledger()) == 1


def test_the_api_key_is_in_no_answer_no_log_and_no_metric(api, start, connect, tmp_path, simulator):
    server = start(Server(tmp_path, simulator, LOG_LEVEL="trace"))
    client = connect(server)
    job = client.instances.CreateInstance(
        api.instance.CreateInstanceRequest(name="quiet", spec=spec(api, environment={"TOKEN": "environment-canary-55"})), timeout=10
    ).job
    assert client.jobs.WaitJob(api.job.WaitJobRequest(id=job.id), timeout=60).state == api.job.JOB_STATE_SUCCEEDED
    shown = [
        str(client.instances.GetInstance(api.instance.GetInstanceRequest(id="quiet"), timeout=5)),
        str(client.admin.GetServerInfo(api.admin.GetServerInfoRequest(), timeout=5)),
        client.admin.GetMetrics(api.admin.GetMetricsRequest(), timeout=5).text,
        str(client.jobs.ListJobs(api.job.ListJobsRequest(), timeout=5)),
    ]
    server.stop()
    for text in [*shown, server.log()]:
        assert API_KEY not in text
        assert "environment-canary-55" not in text
    assert "TOKEN" in shown[0]


def test_a_second_server_on_the_same_database_is_refused(api, server, simulator, tmp_path):
    import subprocess

    second = Server(tmp_path, simulator)
    done = subprocess.run(second.arguments, env=second.environment, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 75, done.stderr
    assert "novitai.db" in done.stderr


def test_two_hundred_creates_are_asked_of_the_provider_without_waiting_for_each_others_boot(api, start, connect, tmp_path):
    # Boots take minutes of the wall's time here; asking for all of them takes seconds.
    simulator = start(Simulator(tmp_path, speed=1))
    simulator.post("/_sim/stock", {"free": 1000})
    server = start(Server(tmp_path, simulator, MAX_INSTANCES="200", MAX_HOURLY_SPEND="1000", MAX_CONCURRENT_JOBS="10"))
    client = connect(server)
    pending = [
        client.instances.CreateInstance.future(api.instance.CreateInstanceRequest(name=f"many-{n}", spec=spec(api)), timeout=60)
        for n in range(200)
    ]
    assert len({call.result().instance.id for call in pending}) == 200
    wait_for(lambda: len(simulator.ledger()) == 200, 60, "all 200 are asked of the provider")
    states = {instance["status"] for instance in _listing(simulator)}
    assert "running" not in states

    with_one_more = None
    try:
        client.instances.CreateInstance(api.instance.CreateInstanceRequest(name="one-more", spec=spec(api)), timeout=10)
    except grpc.RpcError as error:
        with_one_more = error
    assert with_one_more is not None and with_one_more.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def _listing(simulator):
    import json
    import urllib.request

    request = urllib.request.Request(
        f"http://{simulator.address}/gpu-instance/openapi/v1/gpu/instances?pageSize=1000&pageNum=1",
        headers={"authorization": f"Bearer {API_KEY}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["instances"]
