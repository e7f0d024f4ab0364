"""The benchmark measures what it says: its server is understood by every client here, and its report follows its samples."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

HERE = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not HERE.exists(), reason="benchmarks are no part of what is released")
LIBRARY = {
    "boto3_sync": "boto3",
    "gateway_sync": "boto3",
    "aiobotocore_async": "aiobotocore",
    "gateway_async": "aiobotocore",
}


@pytest.fixture(scope="module")
def modules():
    """The benchmark's modules, which find each other as scripts do."""
    names = ("measures", "report", "environments", "question", "stub")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        yield {name: importlib.import_module(name) for name in names}
        for name in names:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def ports():
    with subprocess.Popen(
        [sys.executable, HERE / "stub.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def orders(name, ports, *given):
    done = subprocess.run(
        [sys.executable, HERE / "worker.py", name, json.dumps(ports)],
        input="".join(json.dumps(one) + "\n" for one in given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_EC2_METADATA_DISABLED": "true",
        },
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.mark.parametrize("name", LIBRARY)
def test_each_client_here_reads_every_answer_whole(name, ports):
    pytest.importorskip(LIBRARY[name])
    burst = {"port": "burst-500"}
    answers, logged = orders(
        name,
        ports,
        {"do": "calls", "what": "call", "n": 2},
        {"do": "calls", "what": "invoke", "n": 2},
        {"do": "streams", "what": "stream", "n": 1, **burst},
        {"do": "streams", "what": "invoke_stream", "n": 1, **burst},
    )
    assert all(one["cpu"] > 0 for one in answers)
    assert len(answers) == 4
    # What is measured is with the log on.
    assert logged.count("gateway.call_ended") == (6 if name.startswith("gateway") else 0)


def test_a_client_that_reads_too_little_is_not_measured(modules, monkeypatch):
    spec = importlib.util.spec_from_file_location("worker", HERE / "worker.py")
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    with pytest.raises(SystemExit):
        worker.check(499, 500)
    with pytest.raises(SystemExit):
        worker.check(0, None)
    worker.check(500, 500)


def result_of(measures, ours):
    """Samples in which the raw clients cost 2 and ours *ours*."""
    samples = {
        measure.name: {
            name: [2e-3 if "gateway" not in name else ours] * 3 for name in measures.RAW if measure.fits(name)
        }
        for measure in measures.MEASURES
    }
    return {
        "measured": "2026-11-26",
        "python": "3.12.1",
        "machine": {"system": "Linux", "cores": 2, "processor": "x"},
        "load_average": {"before": 0.0, "after": 0.0},
        "rounds": 3,
        "peers": {name: {"title": name, "versions": {"boto3": "1"}} for name in measures.RAW},
        "samples": samples,
    }


@pytest.mark.parametrize(("ours", "met"), [(5e-4, "yes"), (3e-3, "**no**")])
def test_a_target_is_met_where_the_ratio_is_below_it(modules, ours, met):
    text = modules["report"].text(result_of(modules["measures"], ours))
    [row] = [line for line in text.splitlines() if line.startswith("| sync call, CPU / boto3")]
    assert (
        row
        == f"| sync call, CPU / boto3 | {ours / 2e-3:.2f} ({ours / 2e-3:.2f} to {ours / 2e-3:.2f}) | ≤ 0.85 | {met} |"
    )


def test_the_chart_has_a_bar_a_client_as_long_as_its_ratio(modules):
    root = ET.fromstring(modules["report"].chart(result_of(modules["measures"], 1e-3)))
    bars = [
        float(one.get("width")) for one in root.iter("{http://www.w3.org/2000/svg}rect") if one.get("height") != "100%"
    ]
    assert sorted(set(bars)) == [210.0, 420.0]


def test_every_measure_a_target_names_is_made(modules):
    measures = modules["measures"]
    made = {one.name for one in measures.MEASURES} | {"governance", "start", "rss", "stream memory"}
    assert {one.measure for one in measures.TARGETS} <= made
    starts = {*measures.IMPORTS, *measures.STARTS}
    known = set(modules["environments"].adapters())
    for target in measures.TARGETS:
        names = {target.ours, target.base} - {None}
        assert names <= (starts if target.measure == "start" else known)


@pytest.mark.full
def test_a_preflight_is_measured_over_answers_that_it_understands(tmp_path):
    pytest.importorskip("moto", reason="its answers are the local Bedrock's")
    command = [sys.executable, str(HERE / "preflight_speed.py"), "--rounds", "1", "--latency", "0", "--json"]
    done = subprocess.run([*command, str(tmp_path / "f.json")], capture_output=True, text=True, check=True, timeout=120)
    found = json.loads((tmp_path / "f.json").read_text())
    for level in ("minimal", "standard"):
        assert found[level]["ours unknown"] == 0
        assert found[level]["questions"] > found[level]["chain"] > 1
    assert done.stdout.count("\n| ") == 9
