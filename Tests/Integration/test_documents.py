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


def test_every_endpoint_that_is_called_has_its_row():
    table = PARITY.split("## The provider's endpoints")[1]
    listed = set(re.findall(r"`(/[A-Za-z/]+)`", "".join(row[0] for row in rows(table))))
    called = set()
    for path in (ROOT / "Sources" / "NovitaCloud").rglob("*.swift"):
        called |= {name for name in re.findall(r'"(/[a-z][A-Za-z/]*)"', path.read_text()) if not name.startswith("/openapi")}
    served = {name for name in listed if not name.startswith("/cpu")}
    # Start, stop, restart and delete are put together from a word.
    missing = {name for name in called if name.rstrip("/") not in listed and name != "/gpu"} - {"/gpu/instance/"}
    assert not missing, missing
    assert len(served) >= 40


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
