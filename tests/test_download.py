"""The downloader against a server on the loopback that does what bad networks and bad servers do."""

import errno
import importlib
import io
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections import namedtuple
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
from loopback import Answer, sha256

from srgan_lessons import UserError

downloads = importlib.import_module("srgan_lessons.download")
download, fetch_all, Remote = downloads.download, downloads.fetch_all, downloads.Remote
unzip_safely = importlib.import_module("srgan_lessons.datasets.unzip").unzip_safely

BODY = np.random.default_rng(0).bytes(1_500_000)
SHA = sha256(BODY)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "sets" / "file.bin"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- what works -------------------------------------------------------------------------------------------------------


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(site, target):
    url = site.put("/file", Answer(body=BODY))
    assert download(url, target, sha256=SHA, size=len(BODY), progress=False) == target
    assert target.read_bytes() == BODY
    assert names(target.parent) == ["file.bin"]
    assert len(site.seen) == 1


def test_without_hash_size_and_length_the_end_of_the_connection_is_the_end(site, target):
    download(site.put("/file", Answer(body=BODY, length=False)), target, progress=False)
    assert target.read_bytes() == BODY


def test_a_right_file_is_kept_without_a_request_and_a_wrong_one_is_fetched_anew(site, target):
    url = site.put("/file", Answer(body=BODY))
    target.parent.mkdir()
    target.write_bytes(BODY)
    download(url, target, sha256=SHA, progress=False)
    assert site.seen == []
    target.write_bytes(BODY[:-1] + b"?")
    download(url, target, sha256=SHA, progress=False)
    assert target.read_bytes() == BODY


def test_the_first_digits_of_a_hash_are_enough(site, target):
    url = site.put("/file", Answer(body=BODY))
    download(url, target, sha256=SHA[:8].upper(), progress=False)
    assert target.read_bytes() == BODY
    with pytest.raises(UserError, match="SHA256 is"):
        download(url, target.with_name("other"), sha256="00000000", progress=False)


def test_md5_is_held(site, target):
    url = site.put("/file", Answer(body=BODY))
    download(url, target, md5=md5(BODY).hexdigest(), progress=False)
    with pytest.raises(UserError, match="MD5 is"):
        download(url, target.with_name("other"), md5="0" * 32, progress=False)


# --- resuming ---------------------------------------------------------------------------------------------------------


def test_a_download_that_ends_early_goes_on_where_it_ended(site, target):
    url = site.put("/file", Answer(body=BODY, stop_after=600_000), Answer(body=BODY))
    download(url, target, sha256=SHA, size=len(BODY), progress=False)
    assert target.read_bytes() == BODY
    assert [seen.range for seen in site.seen] == [None, "bytes=600000-"]
    assert site.sent == len(BODY)  # no byte was sent twice


def test_a_part_stays_for_the_next_call_when_all_tries_end_early(site, target):
    url = site.put("/file", *(Answer(body=BODY, stop_after=100_000) for _ in range(downloads.TRIES)), Answer(body=BODY))
    with pytest.raises(UserError, match=r"ended after 0\.6 MB of 1\.5 MB.*6 tries.*run this again"):
        download(url, target, sha256=SHA, progress=False)
    assert not target.exists()
    assert target.with_name("file.bin.part").stat().st_size == 600_000
    download(url, target, sha256=SHA, progress=False)
    assert target.read_bytes() == BODY
    assert site.sent == len(BODY)
    assert names(target.parent) == ["file.bin"]


def test_a_server_that_ignores_ranges_sends_it_from_the_start(site, target):
    url = site.put("/file", Answer(body=BODY, stop_after=600_000), Answer(body=BODY, ranges=False))
    download(url, target, sha256=SHA, progress=False)
    assert target.read_bytes() == BODY
    assert site.sent == len(BODY) + 600_000


def test_a_range_that_was_not_asked_for_is_not_used(site, target):
    url = site.put(
        "/file",
        Answer(body=BODY, etag='"1"', stop_after=600_000),
        Answer(body=BODY, etag='"1"', shift=7),
        Answer(body=BODY, etag='"1"'),
    )
    download(url, target, progress=False)
    assert target.read_bytes() == BODY
    assert [seen.range for seen in site.seen] == [None, "bytes=600000-", None]  # the part was given up


def test_a_file_that_changed_on_the_server_is_not_spliced(site, target):
    new = BODY[::-1]
    url = site.put("/file", Answer(body=BODY, etag='"old"', stop_after=600_000), Answer(body=new, etag='"new"'))
    download(url, target, progress=False)  # no hash is known: only the ETag can tell
    assert target.read_bytes() == new
    assert site.seen[1].if_range == '"old"'


def test_the_version_of_a_part_is_known_to_a_later_call(site, target):
    url = site.put("/file", *(Answer(body=BODY, etag='"1"', stop_after=1000) for _ in range(downloads.TRIES)))
    with pytest.raises(UserError):
        download(url, target, progress=False)
    site.put("/file", Answer(body=BODY, etag='"1"'))
    site.seen.clear()
    download(url, target, progress=False)
    assert [(seen.range, seen.if_range) for seen in site.seen] == [("bytes=6000-", '"1"')]
    assert target.read_bytes() == BODY
    assert names(target.parent) == ["file.bin"]


def test_without_hash_and_strong_etag_nothing_is_resumed(site, target):
    url = site.put("/file", Answer(body=BODY, etag='W/"weak"', stop_after=600_000), Answer(body=BODY, etag='W/"weak"'))
    download(url, target, progress=False)
    assert [(seen.range, seen.if_range) for seen in site.seen] == [(None, None), (None, None)]
    assert target.read_bytes() == BODY


def test_a_weak_etag_is_no_condition_but_a_hash_lets_it_resume(site, target):
    url = site.put("/file", Answer(body=BODY, etag='W/"weak"', stop_after=600_000), Answer(body=BODY, etag='W/"weak"'))
    download(url, target, sha256=SHA, progress=False)
    assert (site.seen[1].range, site.seen[1].if_range) == ("bytes=600000-", None)
    assert site.sent == len(BODY)


def test_a_rotten_part_is_thrown_away_and_the_file_fetched_from_the_start(site, target):
    url = site.put("/file", Answer(body=BODY))
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(b"rotten" * 1000)
    download(url, target, sha256=SHA, size=len(BODY), progress=False)
    assert target.read_bytes() == BODY
    assert [seen.range for seen in site.seen] == ["bytes=6000-", None]


@pytest.mark.parametrize("size", [None, len(BODY)])
def test_a_part_that_is_complete_needs_only_its_name(site, target, size):
    url = site.put("/file", Answer(body=BODY))
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(BODY)
    download(url, target, sha256=SHA, size=size, progress=False)
    assert target.read_bytes() == BODY
    assert site.sent == 0
    assert len(site.seen) == (1 if size is None else 0)  # where the size is not known, the server is asked (416)


def test_a_part_longer_than_the_file_is_thrown_away(site, target):
    url = site.put("/file", Answer(body=BODY))
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(BODY + b"more")
    download(url, target, sha256=SHA, progress=False)
    assert target.read_bytes() == BODY
    assert [seen.range for seen in site.seen] == [f"bytes={len(BODY) + 4}-", None]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_stopped_leaves_a_part_that_resumes(site, target, end):
    url = site.put("/file", Answer(body=BODY, stall_after=700_000), Answer(body=BODY))
    code = (
        "import signal, sys; from srgan_lessons.download import download;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # a shell's background jobs ignore it
        "download(sys.argv[1], sys.argv[2], sha256=sys.argv[3], timeout=2, progress=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, url, target, SHA], stderr=subprocess.PIPE, text=True)
    part = target.with_name("file.bin.part")
    while process.poll() is None and not (part.exists() and part.stat().st_size == 700_000):
        time.sleep(0.02)
    process.send_signal(end)
    _, errors = process.communicate(timeout=60)
    if end == signal.SIGINT:
        assert "KeyboardInterrupt" in errors
    assert process.returncode != 0
    assert not target.exists()
    assert part.stat().st_size == 700_000
    site.closing.set()
    site.pages["/file"] = [Answer(body=BODY)]
    download(url, target, sha256=SHA, progress=False)
    assert target.read_bytes() == BODY
    assert site.seen[-1].range == "bytes=700000-"


# --- servers and networks that fail -----------------------------------------------------------------------------------


def test_404_is_said_at_once_with_the_address_and_the_place(site, target):
    with pytest.raises(UserError, match="answered 404") as error:
        download(site.url + "/nothing", target, progress=False)
    assert site.url + "/nothing" in str(error.value)
    assert str(target) in str(error.value)
    assert len(site.seen) == 1
    assert names(target.parent) == []


def test_an_error_of_the_server_is_tried_again(site, target):
    url = site.put("/file", Answer(status=500), Answer(status=503), Answer(body=BODY))
    download(url, target, sha256=SHA, progress=False)
    assert target.read_bytes() == BODY
    assert len(site.seen) == 3


def test_a_server_that_keeps_failing_is_given_up(site, target):
    url = site.put("/file", Answer(status=500))
    with pytest.raises(UserError, match=r"500.*6 tries\)\. Run this again later"):
        download(url, target, progress=False)
    assert len(site.seen) == downloads.TRIES


def test_a_server_may_ask_for_patience(site, target):
    url = site.put("/file", Answer(status=429, headers={"Retry-After": "1"}), Answer(body=BODY))
    start = time.monotonic()
    download(url, target, sha256=SHA, progress=False)
    assert time.monotonic() - start >= 1


def test_a_refusal_is_not_tried_again(site, target):
    with pytest.raises(UserError, match="403"):
        download(site.put("/file", Answer(status=403)), target, progress=False)
    assert len(site.seen) == 1


def test_a_stalled_download_is_resumed(site, target):
    url = site.put("/file", Answer(body=BODY, stall_after=600_000), Answer(body=BODY))
    download(url, target, sha256=SHA, progress=False, timeout=0.3)
    assert target.read_bytes() == BODY
    assert [seen.range for seen in site.seen] == [None, "bytes=600000-"]


def test_a_server_that_always_stalls_is_given_up_and_the_part_stays(site, target, monkeypatch):
    monkeypatch.setattr(downloads, "TRIES", 2)
    url = site.put("/file", Answer(body=BODY, stall_after=200_000))
    with pytest.raises(UserError, match=r"sent nothing for 0\.2 s \(2 tries\)"):
        download(url, target, sha256=SHA, progress=False, timeout=0.2)
    assert target.with_name("file.bin.part").stat().st_size == 400_000


def test_no_server(site, target):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UserError, match=r"no connection to 127\.0\.0\.1"):
        download(f"http://127.0.0.1:{port}/file", target, progress=False)


def test_no_network(site, target, monkeypatch):
    def fail(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(UserError, match="Is this machine online"):
        download("http://example.invalid/file", target, progress=False)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("size", [len(BODY), None])
def test_the_login_page_of_a_network(site, target, length, size):
    """It comes instead of the file, often without a length. To try it six times would not help."""
    page = Answer(body=b"<html>log in</html>", headers={"Content-Type": "text/html; charset=utf-8"}, length=length)
    with pytest.raises(UserError, match=r"sent a web page instead of the file.*asks for a login first"):
        download(site.put("/file", page), target, size=size, progress=False)
    assert len(site.seen) == 1
    assert names(target.parent) == []


def test_a_length_that_is_no_number_counts_as_none(site, target):
    url = site.put("/file", Answer(body=BODY, length=False, headers={"Content-Length": "many"}))
    download(url, target, sha256=SHA, progress=False)
    assert target.read_bytes() == BODY


def test_a_clock_that_is_wrong(site, target, monkeypatch):
    """The certificate of the right server is then not valid yet."""
    refused = ssl.SSLCertVerificationError(1, "certificate verify failed")
    refused.verify_message = "certificate is not yet valid"

    def fail(*args, **kwargs):
        raise refused

    monkeypatch.setattr(socket, "create_connection", fail)
    with pytest.raises(UserError, match=r"example\.invalid was refused \(certificate is not yet valid\).*Is the date"):
        download("https://example.invalid/file", target, progress=False)


def test_wrong_bytes_are_deleted_and_what_was_there_stays(site, target):
    url = site.put("/file", Answer(body=b"x" * len(BODY)))
    target.parent.mkdir()
    target.write_bytes(b"older")
    with pytest.raises(UserError, match=f"wrong bytes.*not {SHA}"):
        download(url, target, sha256=SHA, size=len(BODY), progress=False)
    assert target.read_bytes() == b"older"
    assert names(target.parent) == ["file.bin"]
    assert len(site.seen) == 1


def test_a_file_of_another_length_is_refused_before_it_is_fetched(site, target):
    url = site.put("/file", Answer(body=b"<html>please log in</html>"))
    with pytest.raises(UserError, match=r"offers 26 bytes, not 1,500,000.*login"):
        download(url, target, size=len(BODY), progress=False)
    assert names(target.parent) == []


# --- the disk ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full, which is always full, is a device of Linux")
def test_a_full_disk_is_said_as_such(site, target):
    target.parent.mkdir()
    target.with_name("file.bin.part").symlink_to("/dev/full")
    with pytest.raises(UserError, match="the disk is full"):
        download(site.put("/file", Answer(body=BODY)), target, progress=False)
    assert not target.exists()
    assert len(site.seen) == 1  # it is not tried again


def test_a_disk_that_fills_up_keeps_the_good_part(site, target, monkeypatch):
    written = 0

    class SmallDisk(io.FileIO):
        def write(self, data):
            nonlocal written
            room = 500_000 - written
            if room <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            written += (n := super().write(bytes(data[:room])))
            return n

    url = site.put("/file", Answer(body=BODY))
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", _open_on(SmallDisk))
        with pytest.raises(UserError, match="the disk is full"):
            download(url, target, sha256=SHA, progress=False)
    assert target.with_name("file.bin.part").read_bytes() == BODY[:500_000]
    site.seen.clear()
    download(url, target, sha256=SHA, progress=False)
    assert target.read_bytes() == BODY
    assert site.sent == len(BODY) - 500_000


def test_a_disk_that_takes_little_at_a_time(site, target, monkeypatch):
    class SlowDisk(io.FileIO):
        def write(self, data):
            return super().write(bytes(data[:1000]))

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", _open_on(SlowDisk))
        download(site.put("/file", Answer(body=BODY)), target, progress=False)
    assert target.read_bytes() == BODY


def _open_on(disk: type):
    real = open

    def fake(path, mode="r", *args, **kwargs):
        if kwargs.get("buffering") == 0:
            return disk(path, mode.replace("b", ""))
        return real(path, mode, *args, **kwargs)

    return fake


def test_free_disk_is_looked_at_before_anything_is_fetched(site, target, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1_600_000, 1_600_000))
    url = site.put("/file", Answer(body=BODY))
    with pytest.raises(UserError, match=r"needs 1\.7 MB .*reserve of 10 %.*SRGAN_LESSONS_DATA"):
        download(url, target, size=len(BODY), progress=False)  # 1.65 MB with the reserve
    assert site.seen == []
    target.with_name("file.bin.part").write_bytes(BODY[:100_000])  # the part counts: 1.54 MB are still to come
    download(url, target, size=len(BODY), sha256=SHA, progress=False)
    assert target.read_bytes() == BODY


def test_a_file_that_is_kept_needs_no_room(site, target, monkeypatch):
    target.parent.mkdir()
    target.write_bytes(BODY)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda path: usage(10**9, 10**9, 0))
    download(site.put("/file", Answer(body=BODY)), target, size=len(BODY), sha256=SHA, progress=False)
    assert site.seen == []


def test_a_folder_that_cannot_be_made(site, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="was not written"):
        download(site.put("/f", Answer(body=BODY)), tmp_path / "file" / "sub" / "x.bin", progress=False)


def test_two_downloads_of_one_file_do_not_mix(site, target):
    target.parent.mkdir()
    with downloads._claim(target), pytest.raises(UserError, match="another process"):
        download(site.put("/file", Answer(body=BODY)), target, progress=False)
    download(site.put("/file", Answer(body=BODY)), target, sha256=SHA, progress=False)
    assert target.read_bytes() == BODY


# --- many files -------------------------------------------------------------------------------------------------------


def many(site, folder: Path, count: int) -> list:
    bodies = [np.random.default_rng(i).bytes(20_000 + i) for i in range(count)]
    return [
        Remote(url=site.put(f"/{i}", Answer(body=body)), path=folder / f"{i}.bin", sha256=sha256(body), size=len(body))
        for i, body in enumerate(bodies)
    ]


def test_files_are_fetched_at_the_same_time(site, tmp_path):
    barrier = threading.Barrier(4)  # each answer waits until four requests are there
    remotes = many(site, tmp_path, 4)
    for answers in site.pages.values():
        answers[0].wait_for = barrier
    fetch_all(remotes, workers=4, progress=False)
    assert names(tmp_path) == [f"{i}.bin" for i in range(4)]


def test_the_first_error_stops_the_rest_and_says_how_many_are_done(site, tmp_path):
    remotes = many(site, tmp_path, 12)
    good = {path: answers[0] for path, answers in site.pages.items()}
    site.put("/5", Answer(status=404))
    for i in range(6, 12):
        site.put(f"/{i}", Answer(body=good[f"/{i}"].body, stall_after=100))
    with pytest.raises(UserError, match=r"/5 answered 404.*\n\d of 12 files are complete") as error:
        fetch_all(remotes, workers=2, progress=False, timeout=0.5)
    done = [remote for remote in remotes if remote.path.exists()]
    assert f"{len(done)} of 12" in str(error.value)
    assert len(done) in (4, 5)  # the second worker had one of the first five under way, or a later one
    assert all(remote.fault(remote.path) is None for remote in done)
    assert len({seen.path for seen in site.seen}) < 12  # the last ones were never asked for
    for path, answer in good.items():
        site.put(path, answer)
    site.seen.clear()
    fetch_all(remotes, progress=False)
    assert len(site.seen) == 12 - len(done)  # what was done is not fetched again
    assert len(names(tmp_path)) == 12


def test_the_bar_counts_each_byte_of_the_file_once(site, tmp_path, monkeypatch):
    bars = []

    class Bar(downloads.tqdm):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **{**kwargs, "file": io.StringIO()})
            bars.append(self)

        def write(self, line, **kwargs):
            lines.append(line)

    lines = []
    monkeypatch.setattr(downloads, "tqdm", Bar)
    remotes = many(site, tmp_path, 3)
    body = site.pages["/1"][0].body
    site.put("/1", Answer(body=body, stop_after=15_000), Answer(body=body, ranges=False))
    fetch_all(remotes)
    assert bars[0].n == bars[0].total == sum(remote.size for remote in remotes)
    assert len(lines) == 1
    assert "1.bin: the connection ended after 15,000 bytes of 20,001 bytes; try 2 of 6" in lines[0]


def test_a_check_of_ones_own_comes_before_the_name(site, target):
    def refuse(path: Path) -> None:
        assert path.read_bytes() == BODY
        raise UserError("it shows a cat")

    with pytest.raises(UserError, match="wrong bytes: it shows a cat"):
        fetch_all([Remote(url=site.put("/f", Answer(body=BODY)), path=target, check=refuse)], progress=False)
    assert names(target.parent) == []


# --- archives ---------------------------------------------------------------------------------------------------------


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo()  # the constructor would tidy the name
            info.filename = name
            archive.writestr(info, data)
    return path


def test_pictures_come_out_and_nothing_else(tmp_path):
    archive = make_zip(
        tmp_path / "a.zip",
        {
            "set/": b"",
            "set/0002.png": b"two",
            "set/0001.PNG": b"one",
            "set/readme.txt": b"-",
            "__MACOSX/._0001.png": b"-",
        },
    )
    paths = unzip_safely(archive, tmp_path / "out", progress=False)
    assert [path.name for path in paths] == ["0001.PNG", "0002.png"]
    assert names(tmp_path / "out") == ["0001.PNG", "0002.png"]
    assert paths[1].read_bytes() == b"two"


@pytest.mark.parametrize(
    "name",
    ["../evil.png", "/evil.png", "a/../../evil.png", "..\\evil.png", "C:\\evil.png", "C:evil.png", "../evil.txt"],
)
def test_no_path_leaves_the_folder(tmp_path, name):
    archive = make_zip(tmp_path / "a.zip", {"good.png": b"good", name: b"evil"})
    with pytest.raises(UserError, match="would leave the folder"):
        unzip_safely(archive, tmp_path / "deep" / "out", progress=False)
    assert names(tmp_path) == ["a.zip"]


def test_a_symbolic_link_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match="symbolic link"):
        unzip_safely(tmp_path / "a.zip", tmp_path / "out", progress=False)
    assert names(tmp_path) == ["a.zip"]


def test_two_members_of_one_name_are_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a/1.png": b"a", "b/1.png": b"b"})
    with pytest.raises(UserError, match=r"two members are named 1\.png"):
        unzip_safely(archive, tmp_path / "out", progress=False)


def test_an_encrypted_member_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"1.png": b"a"})
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    archive.write_bytes(data)
    with pytest.raises(UserError, match="encrypted"):
        unzip_safely(archive, tmp_path / "out", progress=False)


@pytest.mark.parametrize("damage", ["a flipped bit", "cut in half", "no archive at all"])
def test_a_damaged_archive_is_said_as_such(tmp_path, damage):
    archive = make_zip(tmp_path / "a.zip", {"1.png": BODY[:5000]})
    data = bytearray(archive.read_bytes())
    if damage == "a flipped bit":
        data[1000] ^= 1
    archive.write_bytes({"cut in half": data[:2500], "no archive at all": b"hello"}.get(damage, data))
    with pytest.raises(UserError, match="not a complete zip archive"):
        unzip_safely(archive, tmp_path / "out", progress=False)
    assert not list((tmp_path / "out").glob("*"))  # not even a part


def test_unpacking_goes_on_where_it_was(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {f"{i}.png": bytes([i]) * 1000 for i in range(4)})
    out = tmp_path / "out"
    unzip_safely(archive, out, progress=False)
    kept = (out / "0.png").stat()
    (out / "1.png").unlink()
    (out / "2.png").write_bytes(b"?" * 1000)  # the right length, other bytes
    unzip_safely(archive, out, progress=False)
    assert [(out / f"{i}.png").read_bytes() for i in range(4)] == [bytes([i]) * 1000 for i in range(4)]
    assert ((out / "0.png").stat().st_ino, (out / "0.png").stat().st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)


def test_unpacking_looks_at_free_disk_first(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    archive = make_zip(tmp_path / "a.zip", {"1.png": BODY})
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1_000_000, 1_000_000))
    with pytest.raises(UserError, match="of free disk"):
        unzip_safely(archive, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
