"""Encrypted connections, met by clients that are not ours: grpcio (C-core with BoringSSL) and OpenSSL."""

import json
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

import grpc
import pytest
from certificates import Authority
from conftest import BINARIES, Program, Server, wait_for


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def pairs(authority):
    names = "DNS:localhost,IP:127.0.0.1"
    return [authority.sign(name, names, "serverAuth") for name in ("first", "second")]


def install(pair, folder):
    """Puts a certificate and its key where the server looks for them; whole or not at all."""
    for source, name in zip(pair, ("server.pem", "server.key")):
        shutil.copy(source, folder / f"{name}.new")
        (folder / f"{name}.new").chmod(0o600)
        (folder / f"{name}.new").rename(folder / name)


@pytest.fixture
def server(start, tmp_path, simulator, pairs):
    install(pairs[0], tmp_path)
    return start(Server(tmp_path, simulator, TLS_CERT_FILE=f"{tmp_path}/server.pem", TLS_KEY_FILE=f"{tmp_path}/server.key"))


@pytest.fixture
def secure(api, authority):
    """A stub over an encrypted channel."""
    channels = []

    def connect(program):
        credentials = grpc.ssl_channel_credentials(root_certificates=pathlib.Path(authority.path).read_bytes())
        # A subchannel of its own: channels to one address share their connection otherwise.
        channels.append(grpc.secure_channel(program.address, credentials, options=[("grpc.use_local_subchannel_pool", 1)]))
        return api.services["admin"](channels[-1])

    yield connect
    for channel in channels:
        channel.close()


def context(authority, alpn=("h2",), **settings):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(authority.path)
    if alpn:
        made.set_alpn_protocols(list(alpn))
    for name, value in settings.items():
        if name == "ciphers":
            made.set_ciphers(value)
        else:
            setattr(made, name, value)
    return made


def handshake(program, tls):
    with socket.create_connection(("127.0.0.1", program.port), timeout=10) as plain:
        with tls.wrap_socket(plain, server_hostname="localhost") as connection:
            return connection.version(), connection.cipher()[0], connection.selected_alpn_protocol(), connection.getpeercert(True)


V1_1, V1_2, V1_3 = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
CBC = "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA256@SECLEVEL=0"


def test_versions_and_ciphers_are_those_that_http2_allows(authority, server):
    assert handshake(server, context(authority))[0:3:2] == ("TLSv1.3", "h2")
    for cipher in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        seen = handshake(server, context(authority, maximum_version=V1_2, ciphers=cipher))
        assert seen[:3] == ("TLSv1.2", cipher, "h2")
    refused = {
        "TLS 1.1": context(authority, minimum_version=V1_1, maximum_version=V1_1, ciphers="ALL:@SECLEVEL=0"),
        "CBC": context(authority, maximum_version=V1_2, ciphers=CBC),
        "no forward secrecy": context(authority, maximum_version=V1_2, ciphers="AES128-GCM-SHA256"),
    }
    for name, tls in refused.items():
        with pytest.raises(ssl.SSLError):
            handshake(server, tls)
            pytest.fail(f"{name} was accepted")


@pytest.mark.parametrize("alpn", [(), ("http/1.1",), ("h2c", "spdy/3")])
@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_a_client_without_http2_is_told_so_by_an_alert(authority, server, alpn, version):
    with pytest.raises(ssl.SSLError) as raised:
        handshake(server, context(authority, alpn=alpn, maximum_version=version))
    # Older Pythons spell it with blanks.
    assert "no application protocol" in str(raised.value).lower().replace("_", " ")


def test_openssl_is_told_the_same_and_cannot_renegotiate(authority, server):
    def s_client(*arguments, stdin=b""):
        return subprocess.run(
            ["openssl", "s_client", "-connect", server.address, "-CAfile", authority.path, *arguments],
            input=stdin, capture_output=True, timeout=30,
        )  # fmt: skip

    for arguments in (["-alpn", "http/1.1"], ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-alpn", "h2"], ["-no_ticket"]):
        assert s_client(*arguments).returncode != 0
    agreed = s_client("-alpn", "h2", "-tls1_2")
    assert b"ALPN protocol: h2" in agreed.stdout and b"Compression: NONE" in agreed.stdout and b"Verify return code: 0" in agreed.stdout
    # "R" on a line of its own asks for renegotiation.
    asked = s_client("-alpn", "h2", "-tls1_2", stdin=b"R\n")
    assert b"RENEGOTIATING" in asked.stderr + asked.stdout and (asked.returncode != 0 or b"no renegotiation" in asked.stderr)


def closed_within(program, first, seconds=1.0):
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", program.port), timeout=seconds) as plain:
        plain.sendall(first)
        try:
            while plain.recv(4096):
                pass
        except ConnectionResetError:
            pass
    return time.monotonic() - begun


def test_plain_http_on_the_encrypted_port_and_tls_on_a_plain_one_are_closed_at_once(authority, api, server, start, tmp_path, simulator, secure):
    for first in (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00"):
        assert closed_within(server, first) < 1
    (tmp_path / "plain").mkdir()
    plain = start(Server(tmp_path / "plain", simulator))
    with pytest.raises((ssl.SSLError, OSError)):
        handshake(plain, context(authority))
    assert secure(server).GetServerInfo(api.admin.GetServerInfoRequest(), timeout=10).version


def test_a_client_of_grpcio_checks_who_answers(api, authority, server, secure, tmp_path):
    assert secure(server).GetServerInfo(api.admin.GetServerInfoRequest(), timeout=10).version
    stranger = Authority(tmp_path, "stranger")
    credentials = grpc.ssl_channel_credentials(root_certificates=pathlib.Path(stranger.path).read_bytes())
    for channel in (grpc.secure_channel(server.address, credentials), grpc.insecure_channel(server.address)):
        with pytest.raises(grpc.RpcError) as refused:
            api.services["admin"](channel).GetServerInfo(api.admin.GetServerInfoRequest(), timeout=5)
        assert refused.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        channel.close()


def test_the_certificate_is_exchanged_on_sighup_under_load_and_a_bad_file_changes_nothing(api, authority, pairs, server, secure, tmp_path):
    request = api.admin.GetServerInfoRequest()
    ders = [ssl.PEM_cert_to_DER_cert(pathlib.Path(pair[0]).read_text()) for pair in pairs]
    stop, failed, made = threading.Event(), [], []

    def load():
        stub, count = secure(server), 0
        while not stop.is_set():
            try:
                stub.GetServerInfo(request, timeout=10)
                count += 1
            except grpc.RpcError as error:
                failed.append(error)
        made.append(count)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in (1, 0, 1):
        install(pairs[turn], tmp_path)
        before = server.log().count("certificate reloaded")
        server.send(signal.SIGHUP)
        wait_for(lambda: server.log().count("certificate reloaded") > before, 30, "the certificate is read again")
        assert handshake(server, context(authority))[3] == ders[turn]
    (tmp_path / "server.pem").write_text("nonsense")
    server.send(signal.SIGHUP)
    wait_for(lambda: "certificate not reloaded" in server.log(), 10, "the bad file is noticed")
    assert handshake(server, context(authority))[3] == ders[1]
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not failed and min(made) > 0, (failed, made)


def test_half_open_connections_do_not_keep_a_good_one_out(api, server, secure):
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(200)]
    begun = time.monotonic()
    assert secure(server).GetServerInfo(api.admin.GetServerInfoRequest(), timeout=10).version
    assert time.monotonic() - begun < 5
    for connection in silent:
        connection.close()


def test_files_that_cannot_be_used_are_named(tmp_path, pairs):
    install(pairs[0], tmp_path)
    good = {"TLS_CERT_FILE": f"{tmp_path}/server.pem", "TLS_KEY_FILE": f"{tmp_path}/server.key", "NOVITA_API_BASE_URL": "http://127.0.0.1:1"}

    def check(**settings):
        return subprocess.run(
            [BINARIES / "novitaid", "config", "check"], env={**good, **settings}, cwd=tmp_path, capture_output=True, text=True, timeout=30
        )

    assert check().returncode == 0
    (tmp_path / "junk").write_text("junk")
    for name, value in (("TLS_CERT_FILE", "absent"), ("TLS_CERT_FILE", "junk"), ("TLS_KEY_FILE", "junk"), ("TLS_KEY_FILE", pairs[1][1])):
        done = check(**{name: value})
        assert done.returncode == 78 and f"{name} {value}" in done.stderr, done.stderr
    (tmp_path / "server.key").chmod(0o644)
    done = check()
    assert done.returncode == 78 and "TLS_KEY_FILE" in done.stderr and "0640" in done.stderr
    assert "0.0.0.0" not in check(RPC_LISTEN="127.0.0.1:0").stderr


def test_the_command_line_and_the_sidecar_reach_an_encrypted_server(api, authority, server, start, tmp_path):
    environment = {"NOVITAI_TARGET": server.address, "NOVITAI_CA_FILE": authority.path}

    def novitai(*arguments, **more):
        return subprocess.run(
            [BINARIES / "novitai", *arguments], env={**environment, **more}, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )

    assert novitai("server", "info").returncode == 0
    probe = {**server.environment, "RPC_LISTEN": server.address}
    assert subprocess.run([BINARIES / "novitaid", "probe"], env=probe, cwd=tmp_path, capture_output=True, timeout=30).returncode == 0
    wrong = novitai("server", "info", NOVITAI_CA_FILE=str(tmp_path / "server.key"))
    assert wrong.returncode == 78 and "NOVITAI_CA_FILE" in wrong.stderr
    sidecar = start(Program("novitai-sidecar", ["--listen", "127.0.0.1:0"], environment, tmp_path))
    with urllib.request.urlopen(f"http://{sidecar.address}/health", timeout=10) as answer:
        assert json.load(answer)["checks"]["rpc"]["status"] == "healthy"
