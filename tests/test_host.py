"""A hosted study without HTTP: closing while raters vote, two servers, browsers that change hands, and reports."""

import asyncio
import errno
import json
import sys
import threading
from types import SimpleNamespace

import pytest
from rating_samples import small_study

from srgan_lessons import UserError
from srgan_lessons.rating.host import Host
from srgan_lessons.rating.votes import Votes

LONE = "\ud800"  # half of a surrogate pair: JSON can contain it, UTF-8 cannot


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path, session_trials=5)


class Browser:
    """A rater's browser. It votes 3 on all that it is shown."""

    def __init__(self, host: Host, letter: str, name: str | None = None, code: str = ""):
        self.host, self.cookie, self.state = host, letter * 43, {}
        if name is not None:
            self.tell("name", name=name, code=code)

    def tell(self, do: str, **more) -> dict:
        said = {"do": do, "invitation": self.host.invitation, **more}
        self.state = json.loads(json.dumps(self.host.answer(self.cookie, said)))
        return self.state

    def vote(self) -> dict:
        return self.tell("vote", token=self.state["token"], score=3)

    def finish(self) -> None:
        while self.state["phase"] != "done":
            self.vote() if self.state["picture"] else self.tell("begin")


class Meanwhile:
    """A lock; whoever asks for it first waits while something else happens."""

    def __init__(self, happens):
        self.happens, self.lock = happens, threading.Lock()

    def __enter__(self):
        happens, self.happens = self.happens, lambda: None
        happens()
        return self.lock.__enter__()

    def __exit__(self, *error):
        return self.lock.__exit__(*error)


def test_a_vote_that_comes_while_the_study_is_closed_does_not_count(study):
    """The vote is there first, but waits for the rater's lock; closing gets it before."""
    host = Host(study)
    anna = Browser(host, "a", "anna")
    anna.tell("begin")
    before = dict(anna.state)
    host._locks["anna"] = Meanwhile(host.close)
    assert anna.vote()["phase"] == "over"
    assert host.picture(anna.cookie, before["picture"]["token"]) is None
    assert host._sessions["anna"].phase == "closed", "its file is free"
    assert Votes.read(study.votes_folder).lines == []
    host.open()
    host._locks["anna"] = Meanwhile(host.close)
    assert host.picture(anna.cookie, before["picture"]["token"]) is None
    assert host._sessions["anna"].phase == "closed"
    host.stop()


def test_a_closed_study_opens_no_file_to_show_a_result(study):
    host = Host(study)
    Browser(host, "a", "anna").finish()
    Browser(host, "b", "bert")
    host.close()
    host.stop()
    (study.folder / "report").mkdir()
    (study.folder / "report" / "methods.csv").write_text("\ufeffmethod,mos\nhr,4.5\n'=x,2\n", encoding="utf-8")
    (study.folder / "report" / "report.html").write_text("")
    host = Host(study)
    files = sorted(study.votes_folder.iterdir())
    result = {name: Browser(host, name).tell("state")["result"] for name in "ab"}
    assert result["a"] == [{"method": "hr", "you": 3, "all": 4.5}, {"method": "=x", "you": None, "all": 2}]
    assert result["b"][0] == {"method": "hr", "you": None, "all": 4.5}
    assert host._sessions == {}
    assert sorted(study.votes_folder.iterdir()) == files
    host.stop()


def test_one_study_has_one_server(study):
    """Each would write the list of raters without those who joined at the other."""
    host = Host(study)
    for local in (False, True):
        with pytest.raises(UserError, match=r"already open in another `study serve` or `study rate`"):
            Host(study, local=local)
    host.stop()
    Host(study).stop()
    (study.folder / ".serve" / "raters.json").write_text("{")
    for _ in range(2):  # the first, which ends with an error, does not keep the second away
        with pytest.raises(UserError, match="is damaged"):
            Host(study)


def test_a_browser_belongs_to_who_joined_last_after_a_restart_too(study):
    """Two tabs of one browser: in the first, somebody joins as zoe; in the second, as anna, with anna's code."""
    host = Host(study)
    anna = Browser(host, "a", "anna")
    Browser(host, "z", "zoe")
    assert Browser(host, "z", "anna", anna.state["code"]).state["rater"] == "anna"
    host.stop()
    host = Host(study)
    assert {letter: host.raters.known(letter * 43).name for letter in "az"} == {"a": "anna", "z": "anna"}
    host.stop()


def test_nobody_has_rated_more_than_there_is(study):
    """After a restart, dummies of later sessions count among the pictures, too."""
    host = Host(study)
    anna = Browser(host, "a", "anna")
    anna.finish()
    (row,) = host.live()["raters"]
    assert row["done"] == row["of"] > study.trials + study.settings.dummies
    host.stop()
    host = Host(study)
    (after,) = host.live()["raters"]
    assert (after["done"], after["of"]) == (row["done"], row["of"])
    host.stop()


def test_the_instructor_may_look_while_a_session_is_planned(study, monkeypatch):
    """Between two requests of a rater nothing is half done; the instructor's page asks at any time."""
    host = Host(study)
    anna = Browser(host, "a", "anna")
    anna.tell("begin")
    while anna.state["phase"] != "break":
        anna.vote()
    seen, looks = [], []

    def plan(*given, **options):
        looks.append(threading.Thread(target=lambda: seen.append(host.live()["raters"][0])))
        looks[0].start()
        looks[0].join(0.2)
        return dummies(*given, **options)

    dummies = study.dummies
    monkeypatch.setattr(study, "dummies", plan)
    anna.tell("begin")
    looks[0].join()
    assert [0 < row["done"] < row["of"] for row in seen] == [True]
    host.stop()


@pytest.mark.filterwarnings("ignore:.*cut off at the end")
@pytest.mark.parametrize("local", [False, True])
def test_what_is_wrong_with_a_file_is_told_to_whose_machine_it_is(study, caplog, monkeypatch, local):
    """It names the file, with its folder. Elsewhere, the rater is simply shown the picture again."""
    monkeypatch.setattr("srgan_lessons.rating.host.LONG_PAUSE", -1)  # back only after a while
    host = Host(study, local=local)
    anna = Browser(host, "a", "anna")
    anna.tell("begin")
    anna.vote()
    host.stop()
    (path,) = study.votes_folder.iterdir()
    path.write_bytes(path.read_bytes() + b'{"study": "')
    host = Host(study, local=local)
    state = Browser(host, "a").tell("state")
    host.stop()
    assert state["phase"] == "instructions"
    assert (str(study.votes_folder) in json.dumps(state["problems"])) == local
    assert ("the last line was cut off" in caplog.text) != local


@pytest.mark.parametrize("local", [False, True])
def test_a_full_disk_is_told_to_whose_disk_it_is(study, caplog, monkeypatch, local):
    host = Host(study, local=local)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("srgan_lessons.rating.raters.os.fsync", full)
        state = Browser(host, "a", "anna").state
    assert (state["phase"], state["rater"]) == ("name", "anna")
    assert ("the disk is full" in state["error"]) == (str(study.folder) in state["error"]) == local
    assert ("the disk is full" in caplog.text) != local
    assert Browser(host, "a", "anna").state["phase"] == "instructions", "once there is room"
    host.stop()


def test_text_that_is_no_unicode_is_refused_like_any_other(study):
    host = Host(study)
    Browser(host, "a", "anna")
    assert not host.invited(LONE)
    assert Browser(host, "b").tell("name", name="bert", invitation=LONE)["phase"] == "away"
    assert "does not belong" in Browser(host, "b", "anna", LONE).state["error"]
    for do in ([], {}, 7):
        assert host.answer("a" * 43, {"do": do})["error"]
    host.stop()


@pytest.mark.parametrize("most", [0, -1, 2.5])
def test_at_least_one_rater_can_join(study, most):
    with pytest.raises(UserError, match="most is"):
        Host(study, most=most)


# --- the server around it --------------------------------------------------------------------------------------------


@pytest.fixture
def server(monkeypatch):
    pytest.importorskip("tornado")
    from srgan_lessons.rating import server

    monkeypatch.setattr(server.Close, "running", None)
    monkeypatch.setattr(server.Close, "problem", "")
    return server


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_a_port_that_there_is_not(server, port):
    """The system would take 70000 for 4464, and 65536 for any."""
    with pytest.raises(UserError, match=f"there is no port {port}"):
        server.listen(server.tornado.web.Application(), port, "127.0.0.1")


@pytest.mark.parametrize(("number", "another"), [(errno.EADDRINUSE, True), (errno.EACCES, False)])
def test_a_port_that_cannot_be_used_says_why(server, monkeypatch, number, another):
    def refuse(*_):
        raise OSError(number, "no")

    monkeypatch.setattr(server.tornado.netutil, "bind_sockets", refuse)
    with pytest.raises(UserError, match=r"port 80 cannot be used \(no\).* another port with --port") as caught:
        server.listen(server.tornado.web.Application(), 80, "127.0.0.1")
    assert ("another program" in str(caught.value)) == another


def request(host, body: bytes = b"{}"):
    """As much of a request as `Close` and `Who` look at."""

    async def aside(call, *given):
        return call(*given)

    said: list[dict] = []
    return SimpleNamespace(
        study=host, request=SimpleNamespace(body=body), aside=aside, answer=said.append, said=said, links=[]
    )


def who(server, host) -> dict:
    asked = request(host)
    asyncio.run(server.Who.get(asked, ""))
    return asked.said[0]


def program(tmp_path, monkeypatch, text: str) -> None:
    """Runs this instead of Python, which would make the report."""
    path = tmp_path / "report.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


@pytest.mark.skipif(sys.platform == "win32", reason="runs a shell script")
def test_a_report_whose_process_dies_without_a_word_is_not_waited_for(server, study, tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "kill -9 $$")
    host = Host(study)
    asyncio.run(server.Close._report(request(host)))
    assert "perhaps for lack of memory" in server.Close.problem
    host.stop()


def test_a_closed_study_without_a_report_says_so_after_a_restart(server, study):
    host = Host(study)
    assert who(server, host)["problem"] == ""
    host.close()
    host.stop()
    host = Host(study)
    assert "There is no report yet" in who(server, host)["problem"]
    host.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="runs a shell script")
def test_a_report_that_votes_overtook_is_not_finished(server, study, tmp_path, monkeypatch):
    """Closed, opened again while the report is made, and closed: only the second report is made."""
    host = Host(study)
    page = study.folder / "report" / "report.html"
    page.parent.mkdir()
    (page.parent / "methods.csv").write_text("method,mos\n")

    async def story():
        program(tmp_path, monkeypatch, f"exec sleep 30; echo old > {page}")
        closing = request(host)
        closing._report = lambda: server.Close._report(closing)
        await server.Close.post(closing, "")
        await asyncio.sleep(0.1)
        assert server.Close.making()
        await server.Close.post(request(host, b'{"open": true}'), "")
        assert not server.Close.making()
        program(tmp_path, monkeypatch, f"echo new > {page}")
        await server.Close.post(closing, "")
        await asyncio.wait({server.Close.running})

    asyncio.run(story())
    assert page.read_text() == "new\n"
    assert who(server, host)["problem"] == ""
    host.stop()


def test_links_through_a_tunnel_are_the_tunnel_s():
    """A tunnel listens on a port of its own, with https; the name that it passes on is that of its address."""
    serving = pytest.importorskip("srgan_lessons.rating.serving")
    assert serving.address("10.0.0.7", 8765) == "http://10.0.0.7:8765"
    assert serving.address("https://abc.example/", 8765) == "https://abc.example"
    names = {"https://abc.example/": "abc.example", "http://abc.example:81": "abc.example", "pc.local": "pc.local"}
    assert {name: serving.machine(name) for name in names} == names
