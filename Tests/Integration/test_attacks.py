"""Some of the attacks of Tests/Attacks for a moment each, as they are carried out at length by scripts/attacks.

What depends on the machine is judged loosely here: how much slower honest calls become, and what the allocator keeps.
"""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Attacks"))
from attacks.catalogue import KNOWN
from attacks.scene import scene
from attacks.trial import attack_once

SECONDS = 1.5
# On a debug build, beside everything else that a machine of continuous integration does.
SLOWER_MAX, MORE_BYTES = 200, 16 << 20
NAMES = (
    "rapid-reset", "made-you-reset", "continuation-flood", "hpack-bomb", "settings-flood", "gzip-bomb", "rapid-reset-tls",
    "handshake-flood-tls",
)  # fmt: skip


@pytest.fixture(scope="module")
def place():
    with scene() as made:
        yield made


@pytest.mark.parametrize("name", NAMES)
def test_honest_calls_do_not_notice_an_attack(place, name):
    outcome = attack_once(place, KNOWN[name], SECONDS)
    assert outcome.attacker["connections"] > 0 and outcome.honest["made"] > 500
    assert list(outcome.problems(SLOWER_MAX, MORE_BYTES)) == []
