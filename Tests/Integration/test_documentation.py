"""What the documents say about the project stands in the project."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT

DOCUMENTS = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("Benchmarks/*.md"), *ROOT.glob("Tests/*/*.md")])


def test_the_api_reference_is_what_the_protocol_files_say():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "api-reference", "--check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_service_and_method_says_what_it_is_for():
    silent = re.findall(r"^\| `(\w+)` \|.*\|  \|$", (ROOT / "docs" / "api.md").read_text().split("## Messages of")[0], re.MULTILINE)
    assert not silent


def anchors(text):
    """What renderers of Markdown make of the headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_leads_somewhere(document):
    text = (ROOT / document).read_text()
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        there = (ROOT / document).parent / path if path else ROOT / document
        if not there.exists() or (fragment and there.suffix == ".md" and fragment not in anchors(there.read_text())):
            broken.append(target)
    assert not broken


def test_every_document_can_be_found_from_the_first_one():
    readme = (ROOT / "README.md").read_text()
    others = "".join((ROOT / "docs" / name).read_text() for name in ("operations.md", "deployment.md", "architecture.md"))
    assert not [str(path) for path in DOCUMENTS if path.parts[0] == "docs" and str(path) not in readme and path.name not in others]
