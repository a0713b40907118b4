"""Inputs found and outputs planned: everything that can be wrong is said before any work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from genkit.errors import InputError, UsageError
from genkit.media.pictures.formats import FORMATS
from genkit.media.pictures.headers import Probe
from genkit.run import plan as paths
from genkit.run.inputs import find_inputs, natural_key
from genkit.run.plan import Naming, Plan


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def find(*arguments: str, recursive: bool = False, notes: list[str] | None = None, leave_out: Path | None = None) -> list[str]:
    said = [] if notes is None else notes
    found = find_inputs(arguments, suffixes=FORMATS, recursive=recursive, notice=said.append, leave_out=leave_out)
    return [f"{one.name} as {one.relative}" for one in found]


def make(*arguments: str, recursive: bool = False, probe: Callable = lambda _: Probe(10, 5, "PNG"), **options) -> Plan:
    """A plan for what was named, as a verb of scale 4 makes it."""
    keys = ("output", "format", "template")
    naming = Naming(
        "_x4", **{key: options.pop(key, None) for key in keys}, fields={"model": "m", "verb": "upscale", "scale": 4}
    )
    found = find_inputs(arguments, suffixes=FORMATS, recursive=recursive)
    return paths.plan(found, naming, probe=probe, size_of=lambda width, height: (4 * width, 4 * height), **options)


def targets(plan: Plan) -> list[str]:
    return [str(item.target) for item in plan.items]


def by_suffix(path: Path | bytes) -> Probe:
    assert isinstance(path, Path)
    return Probe(10, 5, FORMATS.get(path.suffix.lower(), "PNG"))


# --- inputs ---------------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_in_natural_order_and_junk_is_passed_over():
    touch("in/p10.png", "in/p2.png", "in/P1.JPG", "in/Thumbs.db", "in/.DS_Store", "in/._p1.png", "in/.hidden.png")
    touch("in/notes.txt", "in/sub/x.png", "in/__MACOSX/p.png")
    notes: list[str] = []
    assert find("in", notes=notes) == ["in/P1.JPG as P1.JPG", "in/p2.png as p2.png", "in/p10.png as p10.png"]
    assert notes == ["1 file left out, not a picture: notes.txt", "1 sub-folder left out: -r goes into them"]


def test_recursion_keeps_the_place_under_the_named_folder():
    touch("in/b.png", "in/a/c.png", "in/a/d/e.png", "in/.git/f.png")
    assert find("in", recursive=True) == ["in/b.png as b.png", "in/a/c.png as a/c.png", "in/a/d/e.png as a/d/e.png"]


def test_a_loop_of_links_ends():
    touch("in/a/x.png")
    Path("in/a/loop").symlink_to(Path("in").absolute(), target_is_directory=True)
    Path("in/link.png").symlink_to(Path("in/a/x.png").absolute())
    notes: list[str] = []
    assert find("in", recursive=True, notes=notes) == ["in/link.png as link.png", "in/a/x.png as a/x.png"]
    assert notes == ["1 linked folder not entered: in/a/loop"]


def test_globs_are_taken_quoted_and_with_their_tree():
    touch("in/a1.png", "in/a2.png", "in/b.png", "in/s/a3.png", "in/s/t.txt")
    assert find("in/a*.png") == ["in/a1.png as a1.png", "in/a2.png as a2.png"]
    assert find("in/**/a*.png", recursive=True) == ["in/a1.png as a1.png", "in/a2.png as a2.png", "in/s/a3.png as s/a3.png"]
    assert find("in/*", recursive=True)[-1] == "in/s/a3.png as s/a3.png"
    touch("in/odd[1].png")
    assert find("in/odd[1].png") == ["in/odd[1].png as odd[1].png"]


def test_brackets_in_names_are_signs_where_they_stand_in_a_name():
    touch("in [1]/a.png", "in [1]/b.png", "in [1]/s/c.png", "x[y]/deep [z]/d.png", "odd[1].png", "odd[1].jpg", "odd2.png")
    assert find("in [1]/*.png") == ["in [1]/a.png as a.png", "in [1]/b.png as b.png"]
    assert find("in [1]/[b]*.png") == ["in [1]/b.png as b.png"]
    assert find(str(Path.cwd() / "in [1]" / "a*"), recursive=True) == [f"{Path.cwd()}/in [1]/a.png as a.png"]
    assert find("in [1]/**/*.png", recursive=True)[-1] == "in [1]/s/c.png as s/c.png"
    assert find("*/deep [z]/*.png") == ["x[y]/deep [z]/d.png as d.png"]
    assert find("x[y]/*/d.png") == ["x[y]/deep [z]/d.png as d.png"]
    assert find("x[y]/deep [z]/[d].png", recursive=True) == ["x[y]/deep [z]/d.png as d.png"]
    assert find("odd[1].*") == ["odd[1].jpg as odd[1].jpg", "odd[1].png as odd[1].png"]
    assert find("odd[0-9].png") == ["odd2.png as odd2.png"]
    with pytest.raises(UsageError, match=r"nothing matches in \[1\]/\*\.webp"):
        find("in [1]/*.webp")


def test_lists_name_inputs_with_comments_and_line_numbers():
    touch("in/a.png", "in/b b.png")
    Path("list.txt").write_text("﻿# mine\n\nin/a.png\r\n  in/b b.png  \n", encoding="utf-8")
    assert find("@list.txt") == ["in/a.png as a.png", "in/b b.png as b b.png"]
    Path("list.txt").write_text("in/a.png\nin/gone.png\n")
    with pytest.raises(UsageError, match=r"in/gone.png \(list.txt:2\)"):
        find("@list.txt")
    with pytest.raises(UsageError, match="the list cannot be read"):
        find("@none.txt")
    touch("@odd.png")
    assert find("@odd.png") == ["@odd.png as @odd.png"]


def test_duplicates_are_folded_and_said():
    touch("in/a.png")
    notes: list[str] = []
    assert len(find("in/a.png", "./in/a.png", "in", notes=notes)) == 1
    assert "named twice" in notes[0]


def test_missing_and_empty_inputs_stop_the_plan():
    touch("in/sub/a.png", "here.png")
    with pytest.raises(UsageError, match=r"not found: no.png; nothing matches nor\*.png$") as missing:
        find("here.png", "no.png", "nor*.png")
    assert missing.value.exit_code == 2
    with pytest.raises(UsageError, match="no pictures in in") as empty:
        find("in")
    assert "-r" in str(empty.value.hint)
    with pytest.raises(UsageError, match="standard input"):
        find("-", "here.png")


def test_the_output_folder_inside_the_input_folder_is_not_read():
    touch("in/a.png", "in/out/a.png", "in/out/deep/b.png")
    assert find("in", recursive=True, leave_out=Path("in/out")) == ["in/a.png as a.png"]


def test_names_sort_as_people_count():
    names = ["a10b", "a2b", "A1b", "b1", "1", "10", "9", "a"]
    assert sorted(names, key=natural_key) == ["1", "9", "10", "a", "A1b", "a2b", "a10b", "b1"]


# --- outputs --------------------------------------------------------------------------------------------------------------


def test_without_o_outputs_lie_beside_their_inputs():
    touch("in/a.JPG", "in/b.jpeg", "c.png")
    assert targets(make("in", "c.png", probe=by_suffix)) == ["in/a_x4.JPG", "in/b_x4.jpeg", "c_x4.png"]
    assert targets(make("c.png", format="webp")) == ["c_x4.webp"]


def test_o_is_a_folder_when_it_exists_ends_in_a_slash_or_has_no_suffix():
    touch("a.png")
    Path("dir.d").mkdir()
    assert targets(make("a.png", output="out")) == ["out/a.png"]
    assert targets(make("a.png", output="out.d/")) == ["out.d/a.png"]
    assert targets(make("a.png", output="dir.d")) == ["dir.d/a.png"]
    assert targets(make("a.png", output="b.jpg")) == ["b.jpg"]
    assert make("a.png", output="b.jpg").items[0].format == "JPEG"


def test_the_tree_is_mirrored_with_r_and_flat_without():
    touch("in/a.png", "in/s/t/b.png")
    assert targets(make("in", recursive=True, output="out")) == ["out/a.png", "out/s/t/b.png"]
    assert targets(make("in/a.png", "in/s/t/b.png", output="out")) == ["out/a.png", "out/b.png"]


def test_one_file_cannot_take_two_outputs():
    touch("a.png", "b.png")
    with pytest.raises(UsageError, match=r"cannot all go to the file c.png"):
        make("a.png", "b.png", output="c.png")
    with pytest.raises(UsageError, match="standard output"):
        make("a.png", "b.png", output="-")


@pytest.mark.parametrize(
    ("names", "options", "named"),
    [
        (("a.png", "a.jpg"), {"output": "out", "format": "png"}, "a.png and a.jpg would both become out/a.png"),
        (("a.png", "a.jpg"), {"format": "webp"}, "a_x4.webp"),
        (("x/a.png", "y/a.png"), {"output": "out"}, "x/a.png and y/a.png would both become out/a.png"),
        (("a.png", "b.png"), {"output": "out", "template": "same"}, "out/same.png"),
    ],
)
def test_collisions_name_both_inputs(names: tuple[str, ...], options: dict, named: str):
    touch(*names)
    with pytest.raises(UsageError) as error:
        make(*names, probe=by_suffix, **options)
    assert named in error.value.message and error.value.code == "collision"


def test_a_png_and_a_jpeg_of_one_stem_do_not_collide():
    touch("a.png", "a.jpg")
    assert targets(make("a.png", "a.jpg", output="out", probe=by_suffix)) == ["out/a.png", "out/a.jpg"]


def test_names_that_differ_in_case_collide_where_the_file_system_folds_them(monkeypatch: pytest.MonkeyPatch):
    touch("x/a.png", "y/A.png")
    assert targets(make("x/a.png", "y/A.png", output="out")) == ["out/a.png", "out/A.png"]
    monkeypatch.setattr("genkit.run.guard.folds_case", lambda folder: True)
    with pytest.raises(UsageError, match="would both become"):
        make("x/a.png", "y/A.png", output="out")


def test_an_output_that_exists_stops_the_plan():
    touch("a.png", "out/a.png")
    with pytest.raises(UsageError, match=r"already there: out/a\.png") as error:
        make("a.png", output="out")
    assert error.value.hint == "--number takes a free name (a_2.png), --overwrite replaces it"
    assert make("a.png", output="out", overwrite=True).items[0].exists
    assert make("a.png", output="out", resume=True).items[0].exists


def test_an_input_is_never_replaced_unasked():
    touch("a.png", "a_x4.png")
    with pytest.raises(UsageError, match="would replace the input itself"):
        make("a.png", output="a.png")
    with pytest.raises(UsageError, match="would replace the input itself"):
        make("a.png", output="./", resume=True)
    assert targets(make("a.png", output="./", overwrite=True)) == ["a.png"]
    with pytest.raises(UsageError, match=r"would replace the input a_x4\.png"):
        make("a.png", "a_x4.png", overwrite=True)
    Path("link.png").symlink_to("a.png")
    with pytest.raises(UsageError, match="would replace"):
        make("a.png", output="link.png")


def test_the_target_must_be_a_place_to_write():
    touch("a.png", "file")
    with pytest.raises(UsageError, match="is not a folder"):
        make("a.png", output="file/out")
    Path("out/a.png").mkdir(parents=True)
    with pytest.raises(UsageError, match="is a folder"):
        make("a.png", output="out")
    if os.geteuid() != 0:
        Path("closed").mkdir(mode=0o500)
        with pytest.raises(UsageError, match="no permission"):
            make("a.png", output="closed/out")


def test_permission_is_asked_of_the_system(monkeypatch: pytest.MonkeyPatch):
    touch("a.png")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match="no permission to write here"):
        make("a.png", output="out/deep")


def test_the_disk_must_hold_the_estimate(monkeypatch: pytest.MonkeyPatch):
    touch("a.png")
    free = shutil.disk_usage(".")._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: free)
    with pytest.raises(UsageError, match=r"about [\d.]+ \w+ are needed in .*, and 10 bytes are free") as error:
        make("a.png", output="out")
    assert error.value.code == "no-space"


def test_a_format_that_cannot_hold_the_result_gives_way_to_png():
    touch("wide.jpg", "two.jpg")
    plan = make("wide.jpg", "two.jpg", output="out", probe=lambda _: Probe(20000, 10, "JPEG"))
    assert targets(plan) == ["out/wide.png", "out/two.png"]
    assert len(plan.notices) == 1 and "65,500" in plan.notices[0] and "1 more" in plan.notices[0]
    plan = make("wide.jpg", output="named.webp", probe=lambda _: Probe(5000, 10, "JPEG"))
    assert targets(plan) == ["named.png"]


def test_unknown_formats_and_contradictions_are_refused():
    touch("a.png")
    for options, words in (
        ({"format": "gif"}, "--format gif"),
        ({"format": "xyz"}, "--format xyz"),
        ({"output": "b.xyz"}, "a folder ends in /"),
        ({"output": "b.jpg", "format": "png"}, "contradict"),
        ({"output": "b.jpg", "template": "{stem}"}, "both name the output"),
    ):
        with pytest.raises(UsageError) as error:
            make("a.png", **options)
        assert words in f"{error.value.message} {error.value.hint}"


def test_templates_name_outputs():
    touch("in/a.png", "in/b.png")
    assert targets(make("in", output="out", template="{index:03}-{stem}-{model}_{scale}")) == [
        "out/001-a-m_4.png",
        "out/002-b-m_4.png",
    ]
    assert targets(make("in", output="out", template="{parent}/{stem}.{ext}")) == ["out/in/a.png", "out/in/b.png"]
    assert targets(make("in/a.png", template="v1.2-{stem}")) == ["in/v1.2-a.png"]
    assert targets(make("in/a.png", template="{stem}.jpg")) == ["in/a.jpg"]
    for bad in ("{nope}", "{stem.__class__}", "../{stem}", "/abs/{stem}", "{stem", "{0}"):
        with pytest.raises(UsageError, match="--name"):
            make("in/a.png", output="out", template=bad)


def test_an_unreadable_header_stays_in_the_plan():
    touch("bad.jpg", "odd.dat")

    def probe(source: object) -> Probe:
        raise InputError("no picture")

    plan = make("bad.jpg", "odd.dat", output="out", probe=probe)
    assert targets(plan) == ["out/bad.jpg", "out/odd.png"] and plan.items[0].size is None


def test_standard_input_goes_to_standard_output_or_a_file():
    plan = make("-", probe=lambda data: Probe(10, 5, "JPEG"), stdin=b"bytes")
    assert plan.items[0].target is None and plan.items[0].format == "JPEG" and plan.items[0].data == b"bytes"
    assert targets(make("-", stdin=b"bytes", output="out/")) == ["out/stdin.png"]
