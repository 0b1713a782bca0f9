"""Who may call, how they are known, and what each is held to: the server as a process, met by grpcio."""

import hashlib
import json
import os
import pathlib
import signal
import ssl
import subprocess

import grpc
import pytest
from certificates import Authority, fingerprint
from conftest import BINARIES, Server, spec, wait_for
from google.rpc import error_details_pb2, status_pb2
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc


def write(path, principals=(), tokens=()):
    document = {
        "principals": list(principals),
        "tokens": [{"id": f"{name}.{index}", "principal": name, "sha256": digest(token), **more} for index, (name, token, more) in enumerate(tokens)],
    }
    path.write_text(json.dumps(document))
    return str(path)


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def principal(name, role="operator", tenant="a", **more):
    return {"id": name, "tenant": tenant, "role": role, **more}


def bearer(token, timeout=10):
    return {"metadata": [("authorization", f"Bearer {token}")], "timeout": timeout}


def refusal(call, *arguments, **options):
    """The status code and the details by their type."""
    with pytest.raises(grpc.RpcError) as raised:
        call(*arguments, **options)
    trailers = dict(raised.value.trailing_metadata())
    details = status_pb2.Status.FromString(trailers["grpc-status-details-bin"]).details if "grpc-status-details-bin" in trailers else []
    return raised.value.code(), {detail.type_url.split(".")[-1]: detail.value for detail in details}


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def with_certificates(folder, simulator, principals, pair, authority):
    """A server that shows this certificate, and asks its clients for theirs."""
    return Server(
        folder, simulator, AUTH_TOKENS_FILE=principals, TLS_CERT_FILE=pair[0], TLS_KEY_FILE=pair[1], TLS_CLIENT_CA_FILE=authority.path
    )


def test_a_client_certificate_names_its_principal_and_nothing_else_does(api, authority, start, simulator, tmp_path):
    server_pair = authority.sign("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")
    pairs = {
        "uri": authority.sign("ann", "URI:spiffe://test/ann", "clientAuth"),
        "dns": authority.sign("bob", "DNS:bob.example", "clientAuth"),
        "fingerprint": authority.sign("carl", "DNS:nobody.example", "clientAuth"),
        "unlisted": authority.sign("dora", "URI:spiffe://test/ann/other", "clientAuth"),
        "stranger": Authority(tmp_path, "stranger").sign("ann", "URI:spiffe://test/ann", "clientAuth"),
    }
    path = write(
        tmp_path / "principals.json",
        [
            principal("ann", certificates=[{"uri": "spiffe://test/ann"}]),
            principal("bob", tenant="b", certificates=[{"dns": "bob.example"}]),
            principal("carl", role="viewer", certificates=[{"sha256": fingerprint(pairs["fingerprint"][0])}]),
        ],
        [("ann", "token-of-ann", {})],
    )
    server = start(with_certificates(tmp_path, simulator, path, server_pair, authority))
    roots = pathlib.Path(authority.path).read_bytes()

    def stub(name=None):
        pair = [pathlib.Path(path).read_bytes() for path in pairs[name]] if name else (None, None)
        credentials = grpc.ssl_channel_credentials(roots, private_key=pair[1], certificate_chain=pair[0])
        return api.services["instances"](grpc.secure_channel(server.address, credentials, options=[("grpc.use_local_subchannel_pool", 1)]))

    create = api.instance.CreateInstanceRequest(name="mine", spec=spec(api))
    made = stub("uri").CreateInstance(create, timeout=10).instance
    assert made.tenant == "a"
    assert stub("fingerprint").GetInstance(api.instance.GetInstanceRequest(id=made.id), timeout=10).id == made.id
    assert refusal(stub("fingerprint").CreateInstance, create, timeout=10)[0] == grpc.StatusCode.PERMISSION_DENIED
    assert refusal(stub("dns").GetInstance, api.instance.GetInstanceRequest(id=made.id), timeout=10)[0] == grpc.StatusCode.NOT_FOUND
    assert refusal(stub("unlisted").CreateInstance, create, timeout=10)[0] == grpc.StatusCode.UNAUTHENTICATED
    assert refusal(stub().CreateInstance, create, timeout=10)[0] == grpc.StatusCode.UNAUTHENTICATED
    # A stranger's certificate ends in the handshake.
    assert refusal(stub("stranger").CreateInstance, create, timeout=5)[0] in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    # A token counts alone, with a certificate and without.
    assert stub().GetInstance(api.instance.GetInstanceRequest(id=made.id), **bearer("token-of-ann")).id == made.id
    assert stub("dns").GetInstance(api.instance.GetInstanceRequest(id=made.id), **bearer("token-of-ann")).id == made.id
    assert refusal(stub("uri").GetInstance, api.instance.GetInstanceRequest(id=made.id), **bearer("wrong"))[0] == grpc.StatusCode.UNAUTHENTICATED


def test_channelz_tells_the_certificate_that_a_client_has_shown(authority, start, simulator, tmp_path):
    server_pair = authority.sign("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")
    shown = [pathlib.Path(path).read_bytes() for path in authority.sign("root", "URI:spiffe://test/root", "clientAuth")]
    path = write(
        tmp_path / "principals.json", [principal("root", role="admin", certificates=[{"uri": "spiffe://test/root"}])],
        [("root", "token-of-root", {})],
    )  # fmt: skip
    server = start(with_certificates(tmp_path, simulator, path, server_pair, authority))
    roots = pathlib.Path(authority.path).read_bytes()
    for pair, expected in (((None, None), b""), ((shown[1], shown[0]), ssl.PEM_cert_to_DER_cert(shown[0].decode()))):
        credentials = grpc.ssl_channel_credentials(roots, *pair)
        with grpc.secure_channel(server.address, credentials, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = channelz_pb2_grpc.ChannelzStub(channel)
            (found,) = stub.GetServers(channelz_pb2.GetServersRequest(), **bearer("token-of-root")).server
            request = channelz_pb2.GetServerSocketsRequest(server_id=found.ref.server_id)
            newest = stub.GetServerSockets(request, **bearer("token-of-root")).socket_ref[-1]
            request = channelz_pb2.GetSocketRequest(socket_id=newest.socket_id)
            security = stub.GetSocket(request, **bearer("token-of-root")).socket.security
            assert security.WhichOneof("model") == "tls" and security.tls.remote_certificate == expected


def test_a_principal_is_held_to_its_own_ceilings_and_the_refusal_names_them(api, start, connect, simulator, tmp_path):
    path = write(
        tmp_path / "principals.json",
        [
            principal("ann", limits={"max_instances": 2}),
            principal("bob", limits={"max_hourly_spend": 0.5}),
            principal("free"),
        ],
        [(name, f"token-of-{name}", {}) for name in ("ann", "bob", "free")],
    )
    client = connect(start(Server(tmp_path, simulator, AUTH_TOKENS_FILE=path)))

    def create(owner):
        return client.instances.CreateInstance, api.instance.CreateInstanceRequest(spec=spec(api)), bearer(f"token-of-{owner}")

    def quota(owner):
        call, request, options = create(owner)
        code, details = refusal(call, request, **options)
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        return error_details_pb2.QuotaFailure.FromString(details["QuotaFailure"]).violations[0]

    for owner, count in (("ann", 2), ("bob", 1), ("free", 3)):
        for _ in range(count):
            call, request, options = create(owner)
            call(request, **options)
    machines, money = quota("ann"), quota("bob")
    assert machines.subject == "principal:ann" and "2 in use" in machines.description and "is 2" in machines.description
    assert money.subject == "principal:bob" and "0.35 USD in use" in money.description


def test_calls_at_one_time_and_per_second_are_limited_for_each_principal(api, start, connect, simulator, tmp_path):
    path = write(
        tmp_path / "principals.json",
        [principal("ann", limits={"concurrent_calls": 2}), principal("bob", limits={"calls_per_second": 1, "burst": 3}), principal("free")],
        [(name, f"token-of-{name}", {}) for name in ("ann", "bob", "free")],
    )
    client = connect(start(Server(tmp_path, simulator, AUTH_TOKENS_FILE=path)))
    watches = [client.instances.WatchInstances(api.instance.WatchInstancesRequest(), **bearer("token-of-ann", 60)) for _ in range(2)]
    for watch in watches:
        next(watch)
    ask = api.instance.ListInstancesRequest()
    code, details = refusal(client.instances.ListInstances, ask, **bearer("token-of-ann"))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error_details_pb2.RetryInfo.FromString(details["RetryInfo"]).retry_delay.seconds == 1
    client.instances.ListInstances(ask, **bearer("token-of-free"))
    watches[0].cancel()

    def admitted():
        try:
            client.instances.ListInstances(ask, **bearer("token-of-ann"))
            return True
        except grpc.RpcError:
            return False

    wait_for(admitted, 10, "a call that ended makes room")
    for _ in range(3):
        client.instances.ListInstances(ask, **bearer("token-of-bob"))
    code, details = refusal(client.instances.ListInstances, ask, **bearer("token-of-bob"))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and "RetryInfo" in details
    watches[1].cancel()


def novitaid(folder, *arguments, **environment):
    return subprocess.run(
        [BINARIES / "novitaid", *arguments], env={"PATH": os.environ["PATH"], **environment}, cwd=folder, capture_output=True, text=True, timeout=30
    )


def test_tokens_are_made_rotated_and_revoked_from_the_command_line(api, start, connect, simulator, tmp_path):
    path = tmp_path / "principals.json"
    file = {"AUTH_TOKENS_FILE": str(path)}
    first = novitaid(tmp_path, "token", "create", "ann", "--role", "operator", "--tenant", "a", "--expires", "90d", "--max-instances", "1", **file)
    assert first.returncode == 0, first.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    old = first.stdout.strip()
    assert old.startswith("nvt_") and old not in first.stderr and old not in path.read_text() and digest(old) in path.read_text()
    client = connect(server := start(Server(tmp_path, simulator, **file)))
    ask = api.instance.ListInstancesRequest()
    client.instances.ListInstances(ask, **bearer(old))

    new = novitaid(tmp_path, "token", "create", "ann", **file).stdout.strip()
    assert path.stat().st_mode & 0o777 == 0o600
    listed = novitaid(tmp_path, "token", "list", **file).stdout
    assert "ann.1" in listed and "ann.2" in listed and "max_instances=1" in listed and digest(new) not in listed
    reload(server)
    for token in (old, new):
        client.instances.ListInstances(ask, **bearer(token))

    assert novitaid(tmp_path, "token", "revoke", "ann.1", **file).returncode == 0
    reload(server)
    assert refusal(client.instances.ListInstances, ask, **bearer(old))[0] == grpc.StatusCode.UNAUTHENTICATED
    client.instances.ListInstances(ask, **bearer(new))
    # The last one too: then nobody is let in, and the server goes on.
    assert novitaid(tmp_path, "token", "revoke", "ann", **file).returncode == 0
    reload(server)
    assert refusal(client.instances.ListInstances, ask, **bearer(new))[0] == grpc.StatusCode.UNAUTHENTICATED
    log = server.log()
    assert old not in log and new not in log and digest(old) not in log


def reload(server):
    before = server.log().count("tokens reloaded")
    server.send(signal.SIGHUP)
    wait_for(lambda: server.log().count("tokens reloaded") > before, 10, "the file is read again")


def test_token_commands_that_are_wrong_change_nothing_and_say_why(tmp_path):
    path = tmp_path / "principals.json"
    file = {"AUTH_TOKENS_FILE": str(path)}
    for arguments, why in (
        (["ann"], "needs a role"),
        (["ann", "--role", "root"], "role must be one of"),
        (["a b", "--role", "viewer"], "id must have"),
        (["ann", "--role", "viewer", "--expires", "soon"], "--expires"),
        (["ann", "--role", "viewer", "--expires", "2020-01-01T00:00:00Z"], "--expires"),
        (["ann", "--role", "viewer", "--max-instances", "-1"], ""),
        (["ann", "--role", "viewer", "--burst", "0"], "burst"),
    ):
        done = novitaid(tmp_path, "token", "create", *arguments, **file)
        assert done.returncode != 0 and why in done.stderr and not done.stdout, (arguments, done)
        assert not path.exists()
    assert novitaid(tmp_path, "token", "create", "ann", "--role", "viewer", **file).returncode == 0
    before = path.read_text()
    for arguments in (["create", "ann", "--role", "admin"], ["create", "ann", "--tenant", "b"], ["revoke", "bob"]):
        assert novitaid(tmp_path, "token", *arguments, **file).returncode == 1
        assert path.read_text() == before
    assert novitaid(tmp_path, "token", "list").returncode == 78
    assert "ann.1" in novitaid(tmp_path, "token", "list", "--file", str(path)).stdout


def test_a_file_of_tokens_keeps_its_owner_and_its_mode_when_it_is_changed(tmp_path):
    """The server may run as another user than whoever ends a token, and must be able to read what is left."""
    path = tmp_path / "tokens.json"
    assert novitaid(tmp_path, "token", "create", "ann", "--role", "viewer", "--file", str(path)).returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    owner = 1001 if os.geteuid() == 0 else os.geteuid()
    os.chown(path, owner, -1)
    assert novitaid(tmp_path, "token", "revoke", "ann", "--file", str(path)).returncode == 0
    assert path.stat().st_mode & 0o777 == 0o644 and path.stat().st_uid == owner
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_of_tokens_behind_a_link_is_changed_where_it_is(tmp_path):
    path, link = tmp_path / "tokens.json", tmp_path / "link.json"
    link.symlink_to(path)
    for name, file in (("ann", path), ("bob", link)):
        assert novitaid(tmp_path, "token", "create", name, "--role", "viewer", "--file", str(file)).returncode == 0
        assert link.is_symlink() and path.stat().st_mode & 0o777 == 0o600
    assert [token["id"] for token in json.loads(path.read_text())["tokens"]] == ["ann.1", "bob.1"]


def test_tokens_that_are_made_at_the_same_time_are_all_there(tmp_path):
    path = tmp_path / "tokens.json"
    command = [str(BINARIES / "novitaid"), "token", "create", "--role", "viewer", "--file", str(path)]
    makers = [subprocess.Popen([*command, f"p{number}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for number in range(12)]
    assert [(maker.wait(30), maker.stderr.read()) for maker in makers if maker.wait(30) != 0] == []
    assert {token["id"] for token in json.loads(path.read_text())["tokens"]} == {f"p{number}.1" for number in range(12)}


def test_a_file_of_tokens_that_everybody_may_write_is_refused(tmp_path, simulator):
    path = tmp_path / "tokens.json"
    write(path, [principal("ann")], [("ann", "t", {})])
    path.chmod(0o666)
    done = novitaid(tmp_path, "serve", AUTH_TOKENS_FILE=str(path), NOVITA_API_BASE_URL=f"http://{simulator.address}")
    assert done.returncode == 78 and "AUTH_TOKENS_FILE" in done.stderr and "writable by everybody" in done.stderr, done


def test_a_token_ends_at_its_time(api, start, connect, simulator, tmp_path):
    path = write(
        tmp_path / "principals.json",
        [principal("ann")],
        [("ann", "over", {"expires_at": "2020-01-01T00:00:00Z"}), ("ann", "good", {"expires_at": "2090-01-01T00:00:00Z"})],
    )
    client = connect(start(Server(tmp_path, simulator, AUTH_TOKENS_FILE=path)))
    ask = api.instance.ListInstancesRequest()
    assert refusal(client.instances.ListInstances, ask, **bearer("over"))[0] == grpc.StatusCode.UNAUTHENTICATED
    client.instances.ListInstances(ask, **bearer("good"))


class SocketServer(Server):
    """Listens on a socket file, whose path is in the port file."""

    def _read_port(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log()[-4000:])
        return self.port_file.read_text().strip() if self.port_file.exists() else None

    @property
    def address(self):
        return f"unix:{self.port}"


def test_a_socket_file_tells_which_user_calls(api, start, connect, simulator, tmp_path):
    path = write(tmp_path / "principals.json", [principal("me", tenant="mine", user_ids=[os.getuid()])])
    listen = f"unix:{tmp_path}/rpc.sock"
    server = start(SocketServer(tmp_path, simulator, AUTH_TOKENS_FILE=path, RPC_LISTEN=listen, LOG_LEVEL="debug"))
    assert (tmp_path / "rpc.sock").stat().st_mode & 0o777 == 0o666
    client = connect(server)
    made = client.instances.CreateInstance(api.instance.CreateInstanceRequest(spec=spec(api)), timeout=10).instance
    assert made.tenant == "mine"
    wait_for(lambda: f"unix:uid={os.getuid()},gid={os.getgid()},pid={os.getpid()}" in server.log(), 10, "the caller is in the log")
    write(tmp_path / "principals.json", [principal("other", user_ids=[os.getuid() + 1])])
    reload(server)
    assert refusal(client.instances.ListInstances, api.instance.ListInstancesRequest(), timeout=10)[0] == grpc.StatusCode.UNAUTHENTICATED


def test_a_socket_file_without_identities_is_its_owners_alone(api, start, connect, simulator, tmp_path):
    server = start(SocketServer(tmp_path, simulator, RPC_LISTEN=f"unix:{tmp_path}/rpc.sock"))
    assert (tmp_path / "rpc.sock").stat().st_mode & 0o777 == 0o600
    assert connect(server).admin.GetServerInfo(api.admin.GetServerInfoRequest(), timeout=10).version


def test_beyond_loopback_identity_is_required_and_encryption_is_missed_loudly(tmp_path, start, simulator):
    settings = {"NOVITA_API_BASE_URL": "http://127.0.0.1:1", "RPC_LISTEN": "0.0.0.0:0"}
    done = novitaid(tmp_path, "config", "check", **settings)
    assert done.returncode == 78 and "RPC_LISTEN" in done.stderr and "AUTH_TOKENS_FILE" in done.stderr
    path = write(tmp_path / "principals.json")
    assert novitaid(tmp_path, "config", "check", AUTH_TOKENS_FILE=path, **settings).returncode == 0
    done = novitaid(tmp_path, "config", "check", AUTH_TOKENS_FILE=path, TLS_CLIENT_CA_FILE="ca.pem", **settings)
    assert done.returncode == 78 and "TLS_CERT_FILE" in done.stderr
