"""Storms with real programs: `NOVITAI_STORMS=200` runs more of them, `NOVITAI_STORM=42` one; `scripts/storm processes` does either."""

import concurrent.futures
import os

import pytest
from storms import Storm

ONLY = os.environ.get("NOVITAI_STORM")
SEEDS = [int(ONLY)] if ONLY else list(range(1, 1 + int(os.environ.get("NOVITAI_STORMS", 20))))
# They mostly wait: for a window to be over, for a machine to come up.
AT_ONCE = int(os.environ.get("NOVITAI_STORMS_AT_ONCE", 20))
SECONDS_OF_ONE = 600


@pytest.mark.timeout(SECONDS_OF_ONE * (1 + len(SEEDS) // AT_ONCE))
def test_in_a_storm_each_request_has_one_machine_and_nobody_pays_for_another(api, tmp_path, capsys):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        storms = [Storm(api, seed, tmp_path / f"s{seed}") for seed in SEEDS]
        failed = {}
        for storm, found in zip(storms, pool.map(run, storms)):
            if found:
                failed[storm.seed] = found
    with capsys.disabled():
        print(f"\n{len(storms)} storms, {sum(storm.kills for storm in storms)} kills of novitaid")
    assert not failed, "\n".join(f"NOVITAI_STORM={seed} ({tmp_path}/s{seed}): {'; '.join(found)}" for seed, found in failed.items())


def run(storm):
    try:
        return storm.run()
    except Exception as error:  # noqa: BLE001 - told with its seed; the other storms go on.
        return [f"{type(error).__name__}: {error}"]
