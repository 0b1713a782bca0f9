"""How `novitai` finds its options and its server, and what it does when the server does not answer at once."""

import concurrent.futures
import contextlib
import json
import subprocess

import grpc
import pytest
import yaml
from conftest import ROOT
from test_programs import BINARIES, SPEC, novitai

SERVICE_CONFIG = ROOT / "Sources" / "novitai" / "service-config.json"


@contextlib.contextmanager
def failing_server(api, failures, code=grpc.StatusCode.UNAVAILABLE):
    """Refuses the first calls. Yields its address and what each call brought: the attempts before it, and its request id."""
    seen = []

    def answer(response):
        def handle(request, context):
            attempts = dict(context.invocation_metadata()).get("grpc-previous-rpc-attempts", "0")
            seen.append((attempts, getattr(request, "request_id", None)))
            if len(seen) <= failures:
                context.abort(code, "not now")
            return response

        return handle

    types = api.instance
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(answer(response), request.FromString, lambda message: message.SerializeToString())
        for name, request, response in [
            ("CreateInstance", types.CreateInstanceRequest, types.CreateInstanceResponse(instance=types.Instance(id="one"))),
            ("ListInstances", types.ListInstancesRequest, types.ListInstancesResponse(instances=[types.Instance(id="one")])),
        ]
    }
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("novitai.v1.InstanceService", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", seen
    finally:
        server.stop(0).wait()


@pytest.mark.parametrize("command", [["instances", "list"], ["instances", "create", *SPEC]])
def test_a_refused_call_is_made_again(api, command):
    with failing_server(api, failures=2) as (address, seen):
        done = novitai(address, *command)
    assert done.returncode == 0 and "one" in done.stdout, done.stderr
    assert [attempts for attempts, _ in seen] == ["0", "1", "2"]


def test_a_change_is_made_again_under_one_request_id(api):
    with failing_server(api, failures=1) as (address, seen):
        assert novitai(address, "instances", "create", *SPEC).returncode == 0
        assert novitai(address, "instances", "create", *SPEC).returncode == 0
        assert novitai(address, "instances", "create", *SPEC, "--request-id", "mine").returncode == 0
    first, second, other, mine = (request_id for _, request_id in seen)
    assert first == second and first != other and first and other and mine == "mine"


@pytest.mark.parametrize("failures, code, status", [(9, grpc.StatusCode.UNAVAILABLE, 69), (9, grpc.StatusCode.INTERNAL, 1)])
def test_a_call_is_given_up(api, failures, code, status):
    with failing_server(api, failures, code) as (address, seen):
        done = novitai(address, "instances", "list")
    assert done.returncode == status and "not now" in done.stderr
    assert len(seen) == (4 if code == grpc.StatusCode.UNAVAILABLE else 1)


def test_a_change_whose_answer_is_lost_names_the_request_id_to_repeat_it_with(api):
    with failing_server(api, failures=9, code=grpc.StatusCode.INTERNAL) as (address, seen):
        lost = novitai(address, "instances", "create", *SPEC)
        read = novitai(address, "instances", "list")
    assert lost.returncode == 1 and f"--request-id {seen[0][1]}" in lost.stderr
    assert read.returncode == 1 and "--request-id" not in read.stderr, "nothing was to be changed"


def test_an_answer_that_cannot_be_written_is_a_failure(api):
    with failing_server(api, failures=0) as (address, _), open("/dev/full", "w") as full:
        done = subprocess.run(
            [BINARIES / "novitai", "--target", address, "instances", "list"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1 and "could not be written" in done.stderr


def test_a_watch_that_the_server_ends_goes_on_where_it_was(api):
    types, seen = api.instance, []

    def watch(request, context):
        seen.append(request.resume_token.revision)
        response = types.WatchInstancesResponse()
        response.events.add().instance.id = f"i-{len(seen)}"
        (response.resume_token.history_id, response.resume_token.revision) = ("h", len(seen))
        yield response
        if len(seen) == 2:
            context.abort(grpc.StatusCode.UNAVAILABLE, "draining")

    handler = grpc.unary_stream_rpc_method_handler(
        watch, types.WatchInstancesRequest.FromString, types.WatchInstancesResponse.SerializeToString)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("novitai.v1.InstanceService", {"WatchInstances": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    watching = subprocess.Popen(
        [BINARIES / "novitai", "--target", f"127.0.0.1:{port}", "instances", "watch"], stdout=subprocess.PIPE, text=True)
    try:
        lines = [watching.stdout.readline() for _ in range(3)]
    finally:
        watching.kill()
        server.stop(0).wait()
    assert ["i-1" in lines[0], "i-2" in lines[1], "i-3" in lines[2]] == [True] * 3, lines
    assert seen[:3] == [0, 1, 2]


def test_other_clients_can_use_the_service_config(api):
    """The same file, with grpcio."""
    with failing_server(api, failures=2) as (address, seen):
        with grpc.insecure_channel(address, options=[("grpc.service_config", SERVICE_CONFIG.read_text())]) as channel:
            stub = api.services["instances"](channel)
            assert stub.ListInstances(api.instance.ListInstancesRequest(), timeout=10).instances[0].id == "one"
    assert [attempts for attempts, _ in seen] == ["0", "1", "2"]


def test_options_stand_before_the_command_too(api):
    with failing_server(api, failures=0) as (address, _):
        before = novitai("127.0.0.1:1", "--target", address, "--output=json", "instances", "list")
        behind = novitai("127.0.0.1:1", "instances", "list", "--target", address, "--output=json")
    assert before.returncode == 0 and json.loads(before.stdout)[0]["id"] == "one", before.stderr
    assert before.stdout == behind.stdout


def test_a_reply_is_yaml_with_the_names_and_values_of_its_json(api):
    with failing_server(api, failures=0) as (address, _):
        as_json = json.loads(novitai(address, "instances", "list", "--output", "json").stdout)
        shown = novitai(address, "instances", "list", "--output", "yaml")
    assert shown.returncode == 0 and shown.stdout.startswith("---\n"), shown
    assert yaml.safe_load(shown.stdout) == as_json


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_completes_commands_in_a_shell(shell):
    script = novitai("127.0.0.1:1", "completion", shell)
    assert script.returncode == 0 and "clear-cache" in script.stdout, script
    if shell != "bash":
        return
    asked = f"{script.stdout}\nCOMP_WORDS=(novitai ser); COMP_CWORD=1; COMP_LINE='novitai ser'; COMP_POINT=11\n"
    completed = subprocess.run(
        ["bash", "-c", asked + '$(complete -p novitai | sed "s/.*-F \\([^ ]*\\).*/\\1/") novitai ser novitai; printf "%s\n" "${COMPREPLY[@]}"'],
        env={"PATH": f"{BINARIES}:/usr/bin:/bin"}, capture_output=True, text=True, timeout=20)  # fmt: skip
    assert completed.stdout.split() == ["server"], completed


def test_several_servers_are_tried_in_turn(api):
    with failing_server(api, failures=0) as (address, _):
        assert novitai(f"unix:/nowhere,127.0.0.1:1,{address}", "instances", "list").returncode == 0
    wrong = novitai("127.0.0.1:1,nonsense", "instances", "list")
    assert wrong.returncode == 78 and "nonsense: not host:port or unix:PATH" in wrong.stderr


def test_queues_show_what_is_taken_first(server):
    rows = [line.split() for line in novitai(server.address, "queues", "list").stdout.splitlines()]
    priorities = {row[0]: row[rows[0].index("PRIORITY")] for row in rows[1:]}
    assert priorities["DELETE_INSTANCE"] == priorities["STOP_INSTANCE"] == "0" and priorities["CREATE_INSTANCE"] == "1"
