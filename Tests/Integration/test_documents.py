"""What docs/parity.md promises: every row names tests, and the tests are there."""

import re
import shutil
import sqlite3

from conftest import ROOT, Server, spec
from documents import missing_test

PARITY = (ROOT / "docs" / "parity.md").read_text()


def rows(text):
    """The cells of every row of every table, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[-1] != "tests"]


def test_every_row_names_tests_that_are_there():
    found = rows(PARITY)
    assert len(found) > 60
    wrong = []
    for row in found:
        names = re.findall(r"`([^`]+)`", row[-1])
        if not names:
            wrong.append((row[0], "names no test"))
        wrong += [(row[0], name, missing_test(name)) for name in names if missing_test(name)]
    assert not wrong, wrong


def test_every_feature_of_the_older_system_has_its_row():
    numbers = [int(row[0]) for row in rows(PARITY.split("## ")[0]) if row[0].isdigit()]
    assert sorted(numbers) == list(range(1, 41))


def called_endpoints():
    """What NovitaCloud asks of the provider, by its sources."""
    called = set()
    sources = ROOT / "Sources" / "NovitaCloud"
    for path in sources.rglob("*.swift"):
        # How calls are made, whatever they are: paths there are compared with, and asked for elsewhere.
        if path.parent == sources / "Calls":
            continue
        text = path.read_text()
        posted = set(re.findall(r'\b(?:post|make)\(\s*"(/[^"\\]+)"', text))
        # Put together from a word.
        posted |= {f"/gpu/instance/{verb}" for verb in re.findall(r'self\.change\("(\w+)", id,', text)}
        called |= {f"POST {name}" for name in posted}
        # A path that is read and posted to, as that of prewarmed images, stands twice.
        literals = re.findall(r'"(/[a-z][A-Za-z/]*)"', re.sub(r'\b(?:post|make)\(\s*"/[^"]+"', "", text))
        called |= {f"GET {name}" for name in literals}
    return called


def served_endpoints():
    """What the simulator serves: all of the provider's API that is known."""
    text = (ROOT / "Sources" / "NovitaSimulator" / "Endpoint.swift").read_text()
    return {f"{method} {path}" for method, path in re.findall(r'\("(GET|POST)", "(/[A-Za-z/]+)"\)', text)}


def listed_endpoints(text):
    return re.findall(r"`((?:GET|POST) /[A-Za-z/]+)`", text)


def test_every_endpoint_that_is_called_has_its_row_and_no_other_has_one():
    table = PARITY.split("## The provider's endpoints")[1]
    listed = re.findall(r"`(/[A-Za-z/]+)`", "".join(row[0] for row in rows(table)))
    assert len(listed) == len(set(listed)) >= 40
    assert set(listed) == {endpoint.split(" ")[1] for endpoint in called_endpoints()}


def test_the_calls_of_the_provider_s_api_and_what_is_not_called_are_listed_as_they_are():
    document = (ROOT / "docs" / "upstream-api.md").read_text()
    listed = [endpoint for row in rows(document) for endpoint in listed_endpoints(row[0])]
    uncalled = set(listed_endpoints(re.search(r"Not called: ([^.]*)\.", document)[1]))
    assert len(listed) == len(set(listed)), "each has one row"
    called, served = called_endpoints(), served_endpoints()
    assert len(called) > 40 and len(served) > 40
    assert set(listed) == called
    assert not uncalled & called
    assert called | uncalled == served, "what is known and neither called nor said not to be"
    methods = {name for row in rows(document) if len(row) == 4 for name in re.findall(r"`(\w+)", row[1])}
    ports = "".join(path.read_text() for path in (ROOT / "Sources" / "Fleet" / "Ports").glob("Cloud*.swift"))
    assert {f"func {name}(" in ports for name in methods} == {True}


def content(database, folder):
    """Everything that stands in the database, but for the proof that it can be written. It has one owner: a copy is looked into."""
    for path in database.parent.glob(f"{database.name}*"):
        if path.suffix in (".db", ".db-wal"):
            shutil.copy(path, folder / path.name)
    with sqlite3.connect(folder / database.name) as copy:
        return [line for line in copy.iterdump() if not line.startswith('INSERT INTO "deployment"')]


def test_a_dry_run_leaves_the_database_as_it_is(api, start, connect, simulator, tmp_path):
    copies = tmp_path / "copies"
    copies.mkdir()
    server = start(Server(tmp_path, simulator, INSTANCE_POLL_INTERVAL="300"))
    client = connect(server)
    for name in ("one", "two", "three"):
        made = client.instances.CreateInstance(api.instance.CreateInstanceRequest(name=name, spec=spec(api)), timeout=10)
        client.jobs.WaitJob(api.job.WaitJobRequest(id=made.job.id), timeout=60)
    # A difference that a real run would look into.
    machine = next(machine for machine in simulator.ledger() if not machine["released"])["id"]
    simulator.post(f"/_sim/instances/{machine}/vanish")
    before = content(server.database, copies)
    report = client.admin.ReconcileInstances(api.admin.ReconcileInstancesRequest(dry_run=True), timeout=20)
    assert report.differences and not report.applied
    assert content(server.database, copies) == before
