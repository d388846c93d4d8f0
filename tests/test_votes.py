"""Votes on disk: what is written, what a damaged file gives, and how the files of a class become one."""

import csv
import errno
import json
import os
import subprocess
import sys
import warnings
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest
from rating_rows import HASH, row, values
from rating_samples import small_study

from srgan_lessons import UserError, files
from srgan_lessons.rating import votefile
from srgan_lessons.rating.merging import merge
from srgan_lessons.rating.session import Session
from srgan_lessons.rating.vote import COLUMNS, Vote, as_line
from srgan_lessons.rating.votefile import VoteFile, rater_name, vote_file_name
from srgan_lessons.rating.votes import Votes


def write(path: Path, *rows: Vote) -> Path:
    path.write_text("".join(as_line(r) for r in rows), encoding="utf-8")
    return path


def read(path) -> Votes:
    """Reads without the warnings, which have their own test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Votes.read(path)


def merged(files, study) -> Votes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return merge(files, study)


def rate(study, rater: str, scores, folder=None, end: int | None = None) -> Path:
    """Rates a study to its end, or to so many votes; gives the file."""
    session = Session.open(study, rater, folder)
    session.begin()
    count = 0
    while session.trial and (end is None or count < end):
        assert session.vote(scores(count) if callable(scores) else scores, session.token)
        count += 1
    session.close()
    return session.path


# One line a vote


def test_a_vote_is_one_line_and_comes_back(tmp_path):
    file = VoteFile(tmp_path / "votes" / "anna.jsonl")
    given = [
        row(0),
        row(1, rater="anna", image='quo"te\n', method="<b>é</b>"),
        row(2, device_pixel_ratio=1.5, width=640),
    ]
    for vote in given:
        file.append(vote)
    lines = (tmp_path / "votes" / "anna.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [asdict(vote) for vote in given]
    assert tuple(json.loads(lines[0])) == COLUMNS
    assert read(file.path).effective() == given
    file.close()


def test_a_vote_is_on_the_disk_before_append_returns(tmp_path, monkeypatch):
    """fsync after the write, on the same file."""
    file = VoteFile(tmp_path / "anna.jsonl")
    calls = []
    write_, fsync = os.write, os.fsync
    monkeypatch.setattr(votefile.os, "write", lambda f, data: (calls.append(("write", f)), write_(f, data))[1])
    monkeypatch.setattr(votefile.os, "fsync", lambda f: (calls.append(("fsync", f)), fsync(f))[1])
    file.append(row())
    assert [name for name, _ in calls] == ["write", "fsync"]  # one write: a line is never in two parts
    assert len({descriptor for _, descriptor in calls}) == 1


def test_the_last_line_of_a_trial_counts(tmp_path):
    path = write(
        tmp_path / "v.jsonl",
        row(0, 2), row(1, 4), row(1, None), row(1, 5, revised=True), row(2, 1), row(2, None),
        row(0, 3, session=2, phase="dummy"),
    )  # fmt: skip
    votes = read(path)
    assert [(r.phase, r.trial, r.score) for r in votes.effective()] == [
        ("main", 0, 2), ("main", 1, 5), ("dummy", 0, 3),
    ]  # fmt: skip
    assert len(votes) == 3
    assert len(votes.lines) == 7


def test_the_table_has_all_columns_and_types(tmp_path):
    table = read(write(tmp_path / "v.jsonl", row(0, gold_expected=5), row(1, width=640.0))).table()
    assert tuple(table.columns) == COLUMNS
    assert table["score"].tolist() == [3, 3]
    assert table["gold_expected"].isna().tolist() == [False, True]
    assert table["width"].isna().tolist() == [True, False]
    assert table["revised"].dtype == bool
    assert len(Votes([]).table()) == 0
    assert tuple(Votes([]).table().columns) == COLUMNS


# Damage


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_cut_off_last_line_is_left_out_and_moved_aside_when_written_to(tmp_path, cut):
    path = write(tmp_path / "v.jsonl", row(0), row(1))
    whole = path.read_bytes()
    tail = as_line(row(2)).encode()[:cut]
    path.write_bytes(whole + tail)
    votes = read(path)
    assert [r.trial for r in votes] == [0, 1]
    assert votes.problems == [f"{path}: line 3 is cut off at the end of the file"]
    file = VoteFile(path)  # repairs
    assert path.read_bytes() == whole
    assert (tmp_path / "v.jsonl.damaged").read_bytes() == tail + b"\n"
    assert len(file.problems) == 1
    assert "the last line was cut off" in file.problems[0]
    file.append(row(2))
    file.close()
    assert [r.trial for r in read(path)] == [0, 1, 2]
    assert read(path).problems == []


def test_zeros_after_a_power_cut_are_a_cut_off_line(tmp_path):
    path = write(tmp_path / "v.jsonl", row(0))
    path.write_bytes(path.read_bytes() + bytes(300))
    VoteFile(path).close()
    assert read(path).effective() == [row(0)]
    assert read(path).problems == []


def test_a_whole_vote_without_its_line_end_is_kept_once(tmp_path):
    path = write(tmp_path / "v.jsonl", row(0), row(1))
    path.write_bytes(path.read_bytes()[:-1])
    assert len(read(path)) == 2
    file = VoteFile(path)
    file.append(row(2))
    file.close()
    assert [r.trial for r in read(path)] == [0, 1, 2]
    assert read(path).problems == []


def test_half_a_number_is_no_vote(tmp_path):
    """A line cut within its last value could be read as another value; it has no closing bracket, so it is not."""
    line = as_line(row(0, screen_height=480)).encode()
    assert line.endswith(b'"screen_height": 480}\n')
    for end in range(1, len(line) - 1):
        path = tmp_path / "v.jsonl"
        path.write_bytes(line[:end])
        assert len(read(path)) == 0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (b"{broken", "it is damaged (not JSON)"),
        (b"\xff\xfe\x00", "it is damaged (not JSON)"),
        (as_line(row(7)).encode()[:-1] + as_line(row(8)).encode()[:-1], "it is damaged (not JSON)"),
        (b"[1, 2]", "it is not a vote (not a JSON object)"),
        (b"{}", "it is not a vote (study is missing)"),
        (b"[" * 100_000, "it is damaged (not JSON)"),
        (json.dumps(values(7, score=6)).encode(), "score is 6; it must be a whole number from 1 to 5"),
        (json.dumps(values(7, score=0)).encode(), "score is 0"),
        (json.dumps(values(7, score=3.5)).encode(), "score is 3.5"),
        (json.dumps(values(7, score=True)).encode(), "score is True"),
        (json.dumps(values(7, score="4")).encode(), "score is '4'"),
        (json.dumps(values(7, None, revised=False)).encode(), "score is null"),
        (json.dumps(values(7, phase="end")).encode(), "phase is 'end'"),
        (json.dumps(values(7, study="../x")).encode(), "study is '../x'"),
        (json.dumps(values(-1)).encode(), "trial is -1"),
        (json.dumps(values(7, response_ms=2**63)).encode(), "response_ms is 9223372036854775808"),  # a table has int64
        (json.dumps(values(7, gold_expected=3)).encode(), "gold_expected is 3"),
        (json.dumps(values(7, width=float("nan"))).encode(), "it is damaged (not JSON)"),
        (json.dumps(values(7, device_pixel_ratio=0)).encode(), "device_pixel_ratio is 0"),
    ],
)
def test_a_damaged_middle_line_is_reported_with_its_number_and_the_rest_is_read(tmp_path, damage, words):
    path = tmp_path / "v.jsonl"
    before = as_line(row(0)).encode() + damage + b"\n" + as_line(row(1)).encode()
    path.write_bytes(before)
    votes = read(path)
    assert [r.trial for r in votes] == [0, 1]
    assert len(votes.problems) == 1
    assert votes.problems[0].startswith(f"{path}: line 2 was left out: ")
    assert words in votes.problems[0]
    file = VoteFile(path)  # appends, and rewrites nothing
    file.append(row(2))
    file.close()
    assert path.read_bytes() == before + as_line(row(2)).encode()


def test_problems_are_warned_of(tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_bytes(b"x\n" + as_line(row(1)).encode())
    with pytest.warns(UserWarning, match="line 1 was left out: it is damaged"):
        votes = Votes.read(path)
    assert "1 vote of 1 rater" in votes.report()
    assert "line 1 was left out" in votes.report()


def test_files_from_windows_are_read(tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + as_line(row(0)).encode().replace(b"\n", b"\r\n") * 2)
    assert len(read(path).lines) == 2
    assert read(path).problems == []


def test_files_that_are_not_there(tmp_path):
    for wrong, words in (("none.jsonl", "no such vote file"), (".", "contains no vote files")):
        with pytest.raises(UserError, match=words):
            Votes.read(tmp_path / wrong)
    with pytest.raises(UserError, match="no vote file was named"):
        Votes.read([])


# Writing where it cannot be


def test_a_full_disk_loses_nothing_and_keeps_no_half_vote(tmp_path, monkeypatch):
    """The system writes a part of the line and then no more; the file is as before, and later the vote goes in."""
    file = VoteFile(tmp_path / "v.jsonl")
    file.append(row(0))
    before = file.path.read_bytes()
    write_ = os.write
    with monkeypatch.context() as patch:
        patch.setattr(votefile.os, "write", lambda f, data: write_(f, data[:40]))
        with pytest.raises(UserError, match=r"the vote was not kept: .* the disk is full"):
            file.append(row(1))
        assert file.path.read_bytes() == before

        def full(f, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(votefile.os, "write", full)
        with pytest.raises(UserError, match="the disk is full"):
            file.append(row(1))
        patch.setattr(votefile.os, "write", write_)

        def broken(f):
            raise OSError(errno.EIO, "Input/output error")

        patch.setattr(votefile.os, "fsync", broken)  # not confirmed, so not kept
        with pytest.raises(UserError, match="Input/output error"):
            file.append(row(1))
        assert file.path.read_bytes() == before
    file.append(row(1))
    file.close()
    assert [r.trial for r in read(file.path)] == [0, 1]


FILL = """
import resource, signal, sys
from srgan_lessons import UserError
from srgan_lessons.rating.votefile import VoteFile
sys.path.insert(0, sys.argv[2])
from rating_rows import row
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
file = VoteFile(sys.argv[1])
kept = 0
try:
    while True:
        file.append(row(kept))
        kept += 1
except UserError as error:
    print(kept, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.append(row(kept))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files, which this system lacks")
def test_a_limit_that_the_system_itself_sets(tmp_path):
    """The kernel takes the first bytes of a line and refuses the rest: no half vote stays."""
    command = [sys.executable, "-c", FILL, str(tmp_path / "v.jsonl"), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kept, _, said = done.stdout.partition(" ")
    assert said.startswith("the vote was not kept: ")
    votes = read(tmp_path / "v.jsonl")
    assert votes.problems == []
    assert [r.trial for r in votes] == list(range(int(kept) + 1))
    assert int(kept) > 10


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device file")
def test_a_device_is_no_file_of_votes(tmp_path):
    (tmp_path / "v.jsonl").symlink_to("/dev/full")
    with pytest.raises(UserError, match="is not an ordinary file"):
        VoteFile(tmp_path / "v.jsonl")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="was not written"):
        VoteFile(tmp_path / "file" / "v.jsonl")
    with pytest.raises(UserError, match="was not written"):
        VoteFile(tmp_path)
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(UserError, match="no permission"):
            VoteFile(tmp_path / "closed" / "v.jsonl")


def test_a_disk_that_goes_away_is_said(tmp_path, monkeypatch):
    """As a network folder does: not even the file's name can be looked up. Once it is back, the vote can be cast."""
    file = VoteFile(tmp_path / "v.jsonl")

    def gone(*_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as away:
        away.setattr(votefile.os, "stat", gone)
        with pytest.raises(UserError, match=r"the vote was not kept: .*Input/output error"):
            file.append(row(0))
    file.append(row(0))
    file.close()
    assert len(Votes.read(tmp_path / "v.jsonl").lines) == 1


def test_a_file_that_goes_away_during_the_session(tmp_path):
    file = VoteFile(tmp_path / "v.jsonl")
    file.append(row(0))
    (tmp_path / "v.jsonl").rename(tmp_path / "w.jsonl")
    with pytest.raises(UserError, match="moved, deleted or replaced"):
        file.append(row(1))
    write(tmp_path / "v.jsonl", row(0))  # another file of that name, as an editor leaves it
    with pytest.raises(UserError, match="moved, deleted or replaced"):
        file.append(row(1))
    file.close()
    with pytest.raises(UserError, match="was closed"):
        file.append(row(1))


# Two processes

APPEND = """
import sys
from srgan_lessons import files
from srgan_lessons.rating import votefile
if sys.argv[3] == "unlocked":  # as on a system without file locks
    files.fcntl = files.msvcrt = None
sys.path.insert(0, sys.argv[4])
from rating_rows import row
file = votefile.VoteFile(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
for trial in range(400):
    file.append(row(trial, rater=sys.argv[2], image="x" * (trial * 7 % 3000 + 1)))
"""


def writer(path: Path, name: str, how: str) -> subprocess.Popen:
    command = [sys.executable, "-c", APPEND, str(path), name, how, str(Path(__file__).parent)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_a_second_process_is_refused_until_the_first_ends(tmp_path):
    first = writer(tmp_path / "v.jsonl", "first", "locked")
    assert first.stdout.readline() == "open\n"
    with pytest.raises(UserError, match="is in use: this rater's session is open in another notebook"):
        VoteFile(tmp_path / "v.jsonl")
    first.kill()
    first.communicate()
    VoteFile(tmp_path / "v.jsonl").close()  # free again, however the other ended


def test_without_locks_lines_of_two_processes_do_not_mix(tmp_path):
    path = tmp_path / "v.jsonl"
    both = [writer(path, name, "unlocked") for name in ("first", "second")]
    for process in both:
        assert process.stdout.readline() == "open\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    votes = read(path)
    assert votes.problems == []
    for name in ("first", "second"):
        assert [r.trial for r in votes if r.rater == name] == list(range(400))
    turns = [r.rater for r in votes.lines]
    assert sum(a != b for a, b in pairwise(turns)) > 1  # they did write at the same time


def test_a_file_system_without_locks_is_told_of(tmp_path, monkeypatch):
    if files.fcntl is None:
        pytest.skip("this system has no flock")

    def no_locks(file, how):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(files.fcntl, "flock", no_locks)
    with pytest.warns(UserWarning, match="a file system without locks"):
        file = VoteFile(tmp_path / "v.jsonl")
    file.append(row())
    file.close()
    assert len(read(file.path)) == 1


# Names of raters

NAMES = [
    "anna", "Anna", "ANNA", "änna", "a/nna", "../../etc/passwd", "a\\nna", "C:\\x", "<script>alert(1)</script>", "a b",
    "a-b", "a_b", "a.b", "con", "nul", "山田", "山本", "👩", "x" * 200, "x" * 199 + "y", "'; --", "*?|", ".hidden", "~",
    "$(rm)", "%2e%2e",
]  # fmt: skip


def test_each_name_has_a_safe_file_of_its_own(tmp_path):
    files = [vote_file_name(rater_name(name), HASH) for name in NAMES]
    assert len({file.lower() for file in files}) == len(NAMES)  # also where upper and lower case are one
    for file in files:
        assert set(file) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
        assert file.endswith(".jsonl")
        assert not file.startswith((".", "-"))
        assert len(file) <= 64
        (tmp_path / file).write_text("")
    assert len(list(tmp_path.iterdir())) == len(NAMES)
    assert vote_file_name("anna", HASH) != vote_file_name("anna", HASH[::-1])  # two studies, one folder


def test_one_name_typed_in_two_ways_is_one_rater():
    assert rater_name(" Ren\u00e9 ") == rater_name("Rene\u0301")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "needs a name"),
        ("  \t ", "needs a name"),
        ("x" * 201, "has 201 characters"),
        ("a\nb", "cannot be shown"),
        ("a\x00b", "cannot be shown"),
        ("\u202eanna", "cannot be shown"),
        ("\ud800", "cannot be shown"),
        (None, "must be a string"),
        (3, "must be a string"),
    ],
)
def test_names_that_cannot_be_used(name, words):
    with pytest.raises(UserError, match=words):
        rater_name(name)


# Merging


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path)


def test_the_files_of_a_class_become_one(study, tmp_path):
    for name in ("anna", "bert", "<b>/..", "山"):
        rate(study, name, lambda k: 1 + k % 5)
    votes = merge(study.votes_folder, study)
    assert votes.problems == []
    assert votes.raters == sorted(["anna", "bert", "<b>/..", "山"])
    main = [r for r in votes if r.phase == "main"]
    assert len(main) == 4 * study.trials
    votes.write(tmp_path / "all.jsonl")
    assert read(tmp_path / "all.jsonl").lines == votes.lines
    assert merge(tmp_path / "all.jsonl", study.folder).lines == votes.lines


def test_votes_of_another_study_are_refused(study, tmp_path):
    rate(study, "anna", 3)
    other = small_study(tmp_path / "other", seed=9)
    strange = rate(other, "bert", 3)
    with pytest.raises(UserError) as caught:
        merge([study.votes_folder, strange], study)
    said = str(caught.value)
    assert f"{strange} contains votes of another study" in said
    assert other.hash[:12] in said
    assert "Leave the file out" in said


def test_exact_copies_are_taken_once(study, tmp_path):
    path = rate(study, "anna", lambda k: 1 + k % 5)
    older = tmp_path / "anna (copy).jsonl"
    older.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:9]))
    votes = merged([older, path], study)
    assert votes.lines == read(path).lines
    assert (votes.copies, votes.problems) == (9, [])
    assert "9 lines occurred more than once" in votes.report()
    assert merged([path, older], study).effective() == votes.effective()


def test_two_raters_with_one_name_are_reported_and_kept_apart(study, tmp_path):
    first = rate(study, "anna", 2)
    second = rate(study, "anna", 5, tmp_path / "elsewhere")
    votes = merged([first, second], study)
    assert votes.raters == ["anna", "anna [2]"]
    assert {r.score for r in votes if r.rater == "anna"} == {2}
    assert {r.score for r in votes if r.rater == "anna [2]"} == {5}
    assert len(votes) == 2 * len(read(first))
    assert len(votes.problems) == 1
    assert "two raters are named 'anna'" in votes.problems[0]
    assert str(second) in votes.problems[0]
    third = rate(study, "anna", 4, tmp_path / "third")
    assert merged([first, second, third], study).raters == ["anna", "anna [2]", "anna [3]"]


def test_one_rater_on_two_machines_is_one_rater(study, tmp_path):
    """Begun here, the file copied, gone on there: the newer file holds the older one."""
    begun = rate(study, "anna", 3, end=20)
    there = tmp_path / "there"
    there.mkdir()
    (there / begun.name).write_bytes(begun.read_bytes())
    ended = rate(study, "anna", 4, there)
    votes = merged([begun, ended], study)
    assert votes.raters == ["anna"]
    assert votes.lines == read(ended).lines
    assert sum(r.phase == "main" for r in votes) == study.trials


def test_one_name_in_other_sessions_is_two_raters_too(study, tmp_path):
    """A trial of the main phase has one vote, in whatever session."""
    first = rate(study, "anna", 2, end=20)
    second = rate(study, "anna", 5, tmp_path / "elsewhere")
    text = second.read_text(encoding="utf-8")
    second.write_text(text.replace('"session": 1,', '"session": 2,'), encoding="utf-8")
    assert merged([first, second], study).raters == ["anna", "anna [2]"]


def test_what_does_not_belong_is_left_out_and_reported(study, tmp_path):
    path = rate(study, "anna", 3)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    whole = len(lines)
    lines[3]["score"] = 9
    lines[5]["stimulus"] = "9999"
    lines[7]["method"] = "another"
    edited = tmp_path / "edited.jsonl"
    edited.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    votes = merged(edited, study)
    assert len(votes.lines) == whole - 3
    assert [problem.removeprefix(f"{edited}: ").split(":")[0] for problem in votes.problems] == [
        "line 4 was left out", "line 6 was left out", "line 8 was left out",
    ]  # fmt: skip
    assert "score is 9" in votes.problems[0]
    assert "no stimulus '9999'" in votes.problems[1]
    assert "not another of" in votes.problems[2]
    with pytest.warns(UserWarning, match="score is 9"):
        merge(edited, study)


def test_an_empty_class_is_said_to_be_empty(study, tmp_path):
    (tmp_path / "v.jsonl").write_text("")
    assert merged(tmp_path / "v.jsonl", study).problems == ["there are no votes in these files"]


# Exports


def test_csv_holds_the_votes_that_count(study, tmp_path):
    path = rate(study, 'Anna "x", Ä', lambda k: 1 + k % 5)
    votes = read(path)
    votes.write_csv(tmp_path / "votes.csv")
    with open(tmp_path / "votes.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [(r["rater"], r["phase"], int(r["trial"]), int(r["score"])) for r in rows] == [
        (r.rater, r.phase, r.trial, r.score) for r in votes
    ]
    assert rows[0]["width"] == ""
    with pytest.raises(UserError, match="was not written"):
        votes.write_csv(path / "x.csv")


def test_sureal_reads_the_export(study, tmp_path):
    """The package's own reader, and its MOS model beside a mean by hand."""
    pytest.importorskip("sureal", reason="sureal is in the extra [test]")
    from sureal.dataset_reader import RawDatasetReader
    from sureal.subjective_model import MosModel
    from sureal.tools.misc import import_json_file

    for number, name in enumerate(("anna", "bert", "cleo")):
        rate(study, name, lambda k, number=number: 1 + (k * (number + 2)) % 5)
    votes = merge(study.votes_folder, study)
    votes.write_sureal(tmp_path / "votes.json")
    reader = RawDatasetReader(import_json_file(tmp_path / "votes.json"))
    assert reader.num_ref_videos == 6
    assert reader.num_dis_videos == 30
    assert reader.num_observers == 3
    assert reader.max_repetitions == 2  # the repeats
    scores = reader.opinion_score_3darray  # (versions, raters, showings)
    main = [r for r in votes if r.phase == "main" and r.gold_expected is None]
    assert (scores == scores).sum() == len(main) == 3 * 33
    for number, version in enumerate(reader.dis_videos):
        image, method = version["path"].split("/")
        for k, rater in enumerate(("anna", "bert", "cleo")):
            mine = [r for r in main if (r.rater, r.image, r.method) == (rater, image, method)]
            expected = [r.score for r in sorted(mine, key=lambda r: r.repeat)]
            assert [s for s in scores[number, k] if s == s] == expected
    found = MosModel(reader).run_modeling()["quality_scores"]
    by_hand = [sum(r.score for r in group) / len(group) for group in (
        [r for r in main if f"{r.image}/{r.method}" == version["path"]] for version in reader.dis_videos
    )]  # fmt: skip
    assert found == pytest.approx(by_hand)
    with pytest.raises(UserError, match=r"name a \.json file"):
        votes.write_sureal(tmp_path / "votes.py")
    with pytest.raises(UserError, match="no votes of the main phase"):
        Votes([]).write_sureal(tmp_path / "votes.json")


def test_folders_are_searched_in_depth_and_what_is_left_out_is_named(study, tmp_path):
    """As a learning platform exports them: a folder for each student, endings changed, other files between."""
    export = tmp_path / "export"
    path = rate(study, "anna", lambda k: 3)
    for name in ("Anna A_123/anna.jsonl.txt", "Anna A_123/anna (1).jsonl", "Bert B_7/deep/notes.docx"):
        (export / name).parent.mkdir(parents=True, exist_ok=True)
        (export / name).write_bytes(path.read_bytes())
    (export / ".DS_Store").write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"notes\.docx: left out"):
        votes = merge(export, study)
    assert (votes.raters, votes.copies) == (["anna"], len(path.read_bytes().splitlines()))
    assert [problem for problem in votes.problems if "DS_Store" in problem] == []


def test_names_that_are_spelt_alike_are_a_question(study, tmp_path):
    for name in ("Anna", "anna", "anna  b", "Anna B", "Carl"):
        rate(study, name, lambda k: 3)
    with pytest.warns(UserWarning, match="one person or several"):
        problems = merge(study.votes_folder, study).problems
    assert len(problems) == 2
    assert "'Anna'" in problems[0]
    assert "'anna'" in problems[0]
    assert "'Anna B'" in problems[1]
    assert "'anna  b'" in problems[1]
