"""Every method of every service that is registered, found by reflection: whom it lets in, and that it never answers about another tenant."""

import hashlib
import json

import grpc
import pytest
from conftest import ROOT, Server, spec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

ROLES = ["monitor", "viewer", "operator", "admin"]


@pytest.fixture
def guarded(start, tmp_path, simulator):
    tokens = [{"id": role, "tenant": "a", "role": role} for role in ROLES] + [{"id": "foreign", "tenant": "b", "role": "admin"}]
    for token in tokens:
        token["sha256"] = hashlib.sha256(f"token-of-{token['id']}".encode()).hexdigest()
    (tmp_path / "tokens.json").write_text(json.dumps({"tokens": tokens}))
    return start(Server(tmp_path, simulator, AUTH_TOKENS_FILE=str(tmp_path / "tokens.json")))


def as_(name):
    return [("authorization", f"Bearer token-of-{name}")]


class Walker:
    """Calls methods that it knows from the server alone."""

    def __init__(self, channel):
        self.channel = grpc.intercept_channel(channel, Bearer("admin"))
        self.plain = channel
        database = ProtoReflectionDescriptorDatabase(self.channel)
        pool = descriptor_pool.DescriptorPool(database)
        self.methods = {}
        for service in database.get_services():
            for method in pool.FindServiceByName(service).methods:
                self.methods[f"/{service}/{method.name}"] = method

    def call(self, path, request=None, metadata=(), timeout=2):
        """The status code and the replies, up to the first few of a stream."""
        method = self.methods[path]
        request = request or message_factory.GetMessageClass(method.input_type)()
        kind = ("stream" if method.client_streaming else "unary") + "_" + ("stream" if method.server_streaming else "unary")
        make = getattr(self.plain, kind)(
            path, request_serializer=lambda m: m.SerializeToString(), response_deserializer=message_factory.GetMessageClass(method.output_type).FromString
        )
        argument = iter([request]) if method.client_streaming else request
        replies = []
        try:
            answer = make(argument, metadata=metadata, timeout=timeout)
            if method.server_streaming:
                for reply in answer:
                    replies.append(reply)
                    if len(replies) == 3:
                        answer.cancel()
                        break
            else:
                replies.append(answer)
        except grpc.RpcError as error:
            if not replies:
                return error.code(), error.details(), replies
        return grpc.StatusCode.OK, "", replies


class Bearer(grpc.StreamStreamClientInterceptor):
    def __init__(self, name):
        self.name = name

    def intercept_stream_stream(self, continuation, details, requests):
        return continuation(details._replace(metadata=as_(self.name)), requests)


def table():
    """The least role of every method, as it stands in the source of the one table."""
    text = (ROOT / "Sources" / "Services" / "Calls" / "MethodRoles.swift").read_text()
    roles, role = {}, None
    for word in text.replace(",", " ").replace("(", " ").replace(")", " ").split():
        if word.startswith(".") and word[1:] in ROLES:
            role = word[1:]
        elif word.count(".") >= 2 and role:
            service, method = word.split(".")[-2:]
            roles[(service.lower(), method.lower())] = role
    return roles


def test_every_method_lets_in_whom_the_table_names_and_nobody_else(connect, guarded):
    walker = Walker(connect(guarded).channel)
    wanted = table()
    # Both versions of reflection have one name there.
    assert {(path.split("/")[1].split(".")[-1].lower(), path.split("/")[2].lower()) for path in walker.methods} == set(wanted)
    for path in walker.methods:
        service, method = path.split("/")[1:]
        least = wanted[(service.split(".")[-1].lower(), method.lower())]
        # The health check alone is open to everybody: balancers and orchestrators have no token.
        without = grpc.StatusCode.OK if path == "/grpc.health.v1.Health/Check" else grpc.StatusCode.UNAUTHENTICATED
        assert walker.call(path)[0] == without, path
        assert walker.call(path, metadata=[("authorization", "Bearer nonsense")])[0] == grpc.StatusCode.UNAUTHENTICATED, path
        for rank, role in enumerate(ROLES):
            code = walker.call(path, metadata=as_(role))[0]
            if rank < ROLES.index(least):
                assert code == grpc.StatusCode.PERMISSION_DENIED, (path, role, code)
            else:
                assert code not in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED), (path, role, code)


# Fields that name a thing, and the kind of thing.
NAMING = {"id": None, "ids": None, "instance_id": "instance", "job_id": "job", "name": "name"}


def test_no_method_answers_about_another_tenants_things(api, connect, guarded):
    client = connect(guarded)
    create = api.instance.CreateInstanceRequest(name="foreign-name", request_id="foreign-request", spec=spec(api), labels={"k": "foreign-label"})
    made = client.instances.CreateInstance(create, metadata=as_("foreign"), timeout=10)
    secrets = {"instance": made.instance.id, "job": made.job.id, "name": "foreign-name", "label": "foreign-label", "request": "foreign-request"}
    absent = {"instance": "i-0000000000000", "job": "j-0000000000000", "name": "nobodys-name", "label": "x", "request": "y"}
    walker = Walker(client.channel)
    asked = 0
    for path, method in walker.methods.items():
        # A backup is of the whole deployment: who may make one is trusted with all tenants (docs/operations.md).
        if not path.startswith("/novitai.") or path.endswith("/CreateBackup"):
            continue
        for kind in ("instance", "job", "name"):
            requests = [filled(method.input_type, things[kind], kind) for things in (secrets, absent)]
            if requests[0] is None:
                continue
            asked += 1
            answers = [walker.call(path, request, as_("admin")) for request in requests]
            # Neither the code nor the words tell a foreign thing from one that is not there.
            told = [(code, details.replace(things[kind], "?")) for (code, details, _), things in zip(answers, (secrets, absent))]
            assert told[0] == told[1], (path, kind, told)
            # Nor does a reply: what it was asked for it may say again, as what was not found, and nothing else of that thing.
            for reply in answers[0][2]:
                assert not [other for name, other in secrets.items() if name != kind and other in str(reply)], (path, kind, reply)
            # The account's own things belong to no tenant, and what is not there of them is deleted.
            is_of_account = path.startswith("/novitai.v1.CatalogService/Delete")
            if "id" in method.input_type.fields_by_name and not method.name.startswith("Create") and not is_of_account:
                assert answers[0][0] == grpc.StatusCode.NOT_FOUND, (path, kind, answers[0])
        for reply in walker.call(path, None, as_("admin"))[2]:
            for secret in secrets.values():
                assert secret not in str(reply), (path, secret)
    assert asked >= 15, "the walk has lost its way"
    # A filter and a position of another tenant's do not help either.
    for listing, field in ((client.instances.ListInstances, "id"), (client.jobs.ListJobs, "instance_id")):
        request = {client.instances.ListInstances: api.instance.ListInstancesRequest, client.jobs.ListJobs: api.job.ListJobsRequest}[listing]
        found = listing(request(filter=f"{field} = {made.instance.id}"), metadata=as_("admin"), timeout=10)
        assert not getattr(found, "instances", []) and not getattr(found, "jobs", []), found
        page = listing(request(page_size=1), metadata=as_("foreign"), timeout=10)
        if page.next_page_token:
            with pytest.raises(grpc.RpcError):
                listing(request(page_size=1, page_token=page.next_page_token), metadata=as_("admin"), timeout=10)
    # A request id is its tenant's: the same one makes another instance here.
    mine = client.instances.CreateInstance(create, metadata=as_("admin"), timeout=10)
    assert mine.instance.id != made.instance.id and mine.instance.tenant == "a"
    # And everything is still there for its owner.
    assert client.instances.GetInstance(api.instance.GetInstanceRequest(id=made.instance.id), metadata=as_("foreign"), timeout=10).id


def filled(message_type, value, kind):
    """A request in which every field that names a thing names this one; nothing when there is no such field."""
    message = message_factory.GetMessageClass(message_type)()
    found = False
    for field in message_type.fields:
        if NAMING.get(field.name, "none") not in (None, kind) or field.type != descriptor_pb2.FieldDescriptorProto.TYPE_STRING:
            continue
        if field.name == "name" and message_type.name.startswith("Create"):
            continue
        found = True
        if field.name.endswith("s"):
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    return message if found else None
