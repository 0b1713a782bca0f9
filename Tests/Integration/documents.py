"""Tests as documents name them: `SuiteTests`, `SuiteTests/function`, `test_file.py`, `test_file.py::test_name`, `scripts/name`."""

import functools
import re

from conftest import ROOT


@functools.cache
def swift_suites():
    """The text of the files that hold a suite, by its name."""
    found = {}
    for path in (ROOT / "Tests").rglob("*.swift"):
        text = path.read_text()
        for name in re.findall(r"^\s*(?:@Suite.*\s)?(?:final )?(?:struct|class|enum) (\w+Tests)\b", text, re.M):
            found[name] = found.get(name, "") + text
    return found


@functools.cache
def python_file(name):
    paths = list((ROOT / "Tests").rglob(name))
    return paths[0].read_text() if len(paths) == 1 else None


def missing_test(name):
    """What is wrong with the name; nothing when there is such a test."""
    if name.startswith("scripts/"):
        return None if (ROOT / name.split()[0]).exists() else "no such script"
    if ".py" in name:
        file, _, function = name.partition("::")
        text = python_file(file)
        if text is None:
            return "no such file"
        return None if not function or re.search(rf"^def {re.escape(function)}\(", text, re.M) else "no such function"
    suite, _, function = name.partition("/")
    text = swift_suites().get(suite)
    if text is None:
        return "no such suite"
    return None if not function or re.search(rf"\bfunc {re.escape(function)}\(", text) else "no such function"
