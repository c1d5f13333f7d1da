"""Engines kept on disk: the right one or none, whatever was killed, damaged, exchanged or full."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import scr_live
from scr_live.engines import engine_cache
from scr_live.engines.engine_cache import EngineCache, difference, key_of, manifest_of
from scr_live.errors import EngineUnavailableError, ModelError

ROOT = Path(scr_live.__file__).parents[1]
FACTS = {
    "library": "tensorrt",
    "version": "11.4.0.106",
    "onnx_sha256": "ab" * 32,
    "gpu": "NVIDIA A",
    "compute_capability": "8.6",
    "driver": "580.65 (CUDA 13.0)",
    "precision": "fp16",
    "form": "plugin",
    "batch": "1",
    "warp_kernel_sha256": "cd" * 32,
}


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "engines")


class Builder:
    """Writes an engine and counts; `plan` is what it writes."""

    def __init__(self, plan=b"plan"):
        self.plan, self.built = plan, 0

    def __call__(self, out):
        self.built += 1
        out.write_bytes(self.plan)


def never(out):
    raise AssertionError(f"{out.name} was built although an engine was there")


def broken(out):
    raise ModelError("no such node")


# --- found or built -------------------------------------------------------------------------------------


def test_an_engine_is_built_once_and_then_found(cache):
    build = Builder()
    first = cache.obtain("lite0", FACTS, build)
    second = cache.obtain("lite0", FACTS, never)
    assert (first.plan, second.plan, build.built) == (b"plan", b"plan", 1)
    assert "built now because the cache held none" in first.said
    assert "from the cache" in second.said


@pytest.mark.parametrize("fact", FACTS)
def test_each_fact_by_itself_gives_another_engine_and_the_old_one_stays(cache, fact):
    cache.obtain("lite0", FACTS, Builder(b"old"))
    other = {**FACTS, fact: "something else"}
    new = cache.obtain("lite0", other, Builder(b"new"))
    assert new.plan == b"new"
    assert "here it is something else" in new.said
    assert cache.obtain("lite0", FACTS, never).plan == b"old"


def test_the_key_depends_on_the_facts_and_not_on_their_order():
    assert key_of(FACTS) == key_of(dict(reversed(FACTS.items())))
    assert len({key_of({**FACTS, fact: "x"}) for fact in FACTS} | {key_of(FACTS)}) == len(FACTS) + 1


def test_the_manifest_says_all_that_the_engine_depends_on(cache):
    cache.obtain("lite0", FACTS, Builder())
    values = json.loads(manifest_of(cache.path_for("lite0", FACTS)).read_text())
    assert values["built_for"] == FACTS
    assert (values["bytes"], len(values["sha256"])) == (4, 64)


def test_the_difference_is_a_sentence_with_both_sides():
    text = difference({**FACTS, "gpu": "NVIDIA B", "driver": "590.1"}, FACTS)
    assert text == (
        "was built for the GPU NVIDIA A, here it is NVIDIA B; for driver 580.65 (CUDA 13.0), here it is 590.1"
    )
    assert difference(FACTS, FACTS) == ""
    assert "the model file abababababab..., here it is efefefefefef..." in difference(
        {**FACTS, "onnx_sha256": "ef" * 32}, FACTS
    )
    assert "the warp kernel nothing" in difference(FACTS, {k: v for k, v in FACTS.items() if "warp" not in k})


def test_a_build_that_fails_leaves_no_engine_and_its_error_is_the_callers(cache):
    with pytest.raises(ModelError, match="no such node"):
        cache.obtain("lite0", FACTS, broken)
    assert list(cache.folder.iterdir()) == []
    assert cache.obtain("lite0", FACTS, Builder()).plan == b"plan"


def test_what_another_library_built_is_no_reason(cache):
    cache.obtain("lite0-fp16-tensorrt-rtx", FACTS, Builder())
    found = cache.obtain("lite0-fp16-tensorrt", FACTS, Builder())
    assert "because the cache held none" in found.said


# --- what must not be loaded ----------------------------------------------------------------------------


def exchanged(engine):
    engine.write_bytes(b"plan of another")


def cut_short(engine):
    engine.write_bytes(engine.read_bytes()[:2])


def without_manifest(engine):
    manifest_of(engine).unlink()


def with_half_a_manifest(engine):
    text = manifest_of(engine).read_text()
    manifest_of(engine).write_text(text[: len(text) // 2])


def of_a_later_version(engine):
    values = json.loads(manifest_of(engine).read_text())
    manifest_of(engine).write_text(json.dumps({**values, "schema": 99}))


def with_anothers_manifest(engine):
    values = json.loads(manifest_of(engine).read_text())
    values["built_for"]["gpu"] = "NVIDIA B"
    manifest_of(engine).write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (exchanged, "is damaged"),
        (cut_short, "is damaged"),
        (without_manifest, "manifest of .* is missing"),
        (with_half_a_manifest, "manifest of .* damaged"),
        (of_a_later_version, "manifest of .* damaged"),
        (with_anothers_manifest, "was built for the GPU NVIDIA B, here it is NVIDIA A"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_engine_that_does_not_fit_is_built_again_and_the_reason_is_said(cache, harm, words):
    cache.obtain("lite0", FACTS, Builder(b"old plan"))
    harm(cache.path_for("lite0", FACTS))
    again = cache.obtain("lite0", FACTS, Builder(b"new plan"))
    assert again.plan == b"new plan"
    assert re.search(words, again.said)
    assert cache.obtain("lite0", FACTS, never).plan == b"new plan"


# --- killed, and at the same time -----------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from scr_live.engines.engine_cache import EngineCache
facts, folder = eval(sys.argv[1]), Path(sys.argv[2])
def build(out):
    out.with_name(out.name + ".partial").write_bytes(b"half a pl")
    {then}
EngineCache(folder).obtain("lite0", facts, build)
"""


def child(folder, then):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD.format(then=then), repr(FACTS), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_process_killed_while_it_builds_leaves_nothing_that_is_taken_for_an_engine(cache):
    with child(cache.folder, "print('building', flush=True); input()") as process:
        assert process.stdout.readline() == "building\n"
        process.kill()
        process.wait()
    assert [path.name for path in cache.folder.glob("*.engine")] == []
    told = []
    found = cache.obtain("lite0", FACTS, Builder(), progress=told.append)
    assert found.plan == b"plan"
    assert told == []  # the dead process's lock holds nobody up
    assert list(cache.folder.glob("*.partial")) == []


def test_a_process_killed_after_it_wrote_the_engine_and_before_its_manifest_is_built_again(cache):
    then = "out.write_bytes(b'whole'); print('written', flush=True); input()"
    with child(cache.folder, then) as process:
        assert process.stdout.readline() == "written\n"
        process.kill()
        process.wait()
    assert cache.obtain("lite0", FACTS, Builder()).plan == b"plan"


def test_whoever_comes_while_another_process_builds_waits_and_takes_its_engine(cache):
    then = "print('building', flush=True); input(); out.write_bytes(b'of the other')"
    told, found = [], []

    def tell(text):
        told.append(text)
        print("go", file=process.stdin, flush=True)  # only now may the other finish

    with child(cache.folder, then) as process:
        assert process.stdout.readline() == "building\n"
        found.append(cache.obtain("lite0", FACTS, never, progress=tell))
    assert told == ["waiting for another process that builds an engine"]
    assert found[0].plan == b"of the other"


def test_many_threads_at_once_build_once(cache):
    build, plans = Builder(), []
    barrier = threading.Barrier(8)

    def work():
        barrier.wait()
        plans.append(cache.obtain("lite0", FACTS, build).plan)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (plans, build.built) == ([b"plan"] * 8, 1)


# --- room -----------------------------------------------------------------------------------------------


def test_the_engines_not_used_for_longest_go_when_the_room_is_used_up(tmp_path):
    cache = EngineCache(tmp_path, limit_bytes=10_500)
    build = Builder(b"x" * 2_500)
    facts = [{**FACTS, "gpu": f"GPU {number}"} for number in range(4)]
    for age, each in enumerate(facts[:3]):
        cache.obtain("lite0", each, build)
        os.utime(cache.path_for("lite0", each), (1000 + age, 1000 + age))
    cache.path_for("lite0", facts[1]).with_name(cache.path_for("lite0", facts[1]).name + ".a.jit").touch()
    cache.obtain("lite0", facts[0], never)  # used now
    cache.obtain("lite0", facts[3], build)
    kept = [cache.path_for("lite0", each).is_file() for each in facts]
    assert kept == [True, False, True, True]
    assert not [path for path in tmp_path.iterdir() if cache.path_for("lite0", facts[1]).name in path.name]


def test_an_engine_larger_than_the_room_is_kept_all_the_same(tmp_path):
    cache = EngineCache(tmp_path, limit_bytes=10)
    cache.obtain("lite0", FACTS, Builder(b"x" * 100))
    assert len(cache.obtain("lite0", FACTS, never).plan) == 100


@pytest.mark.parametrize("name", ["../../evil", "a/b", "", ".hidden", "ü" * 300])
def test_no_name_of_a_model_leads_out_of_the_folder(cache, name):
    cache.obtain(name, FACTS, Builder())
    assert cache.path_for(name, FACTS).parent == cache.folder
    assert cache.path_for(name, FACTS).is_file()


def test_a_folder_that_cannot_be_made_is_unavailable_and_says_which_variable_moves_it(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EngineUnavailableError, match="XDG_CACHE_HOME"):
        EngineCache(tmp_path / "file" / "engines").obtain("lite0", FACTS, never)


def test_a_folder_in_the_place_of_a_manifest_is_unavailable_and_named(cache):
    manifest = manifest_of(cache.path_for("lite0", FACTS))
    manifest.mkdir(parents=True)
    with pytest.raises(EngineUnavailableError, match="cannot be kept") as caught:
        cache.obtain("lite0", FACTS, Builder())
    assert manifest.name in str(caught.value)


def test_by_default_it_lies_in_the_users_cache_folder(monkeypatch, tmp_path):
    pytest.importorskip("platformdirs", reason="platformdirs is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    folder = EngineCache().folder
    assert folder.name == "engines"
    assert "scr-live" in folder.parts
    if sys.platform == "linux":
        assert folder == tmp_path / "scr-live" / "engines"


def test_without_platformdirs_there_is_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(EngineUnavailableError, match=r'`pip install "scr-live\[tensorrt\]"`'):
        engine_cache.user_folder()
