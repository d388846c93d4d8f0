"""The served study: who gets in, what is refused, and what a restart changes. Through HTTP, with a real server."""

import json
import os
import re
import stat
import time

import pytest
from rating_samples import small_study

from srgan_lessons.rating.vote import Vote
from srgan_lessons.rating.votes import Votes

pytest.importorskip("tornado")
pytest.importorskip("segno")

from study_server import StudyServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    study = small_study(tmp_path_factory.mktemp("served"), gold=2)
    server = StudyServer(study.folder, options=("--port", "0", "--most", "40", "--name", "tunnel.example")).start()
    server.study = study
    yield server
    server.stop()


@pytest.fixture(scope="module")
def anna(server):
    """A rater who is in the middle of it."""
    client = server.join("Anna")
    client.tell({"do": "begin"})
    client.vote(3)
    client.vote(4)
    return client


def lines(server) -> list[Vote]:
    return Votes.read(server.study.votes_folder).lines


# --- what is refused -------------------------------------------------------------------------------------------------


def untouched(server, anna, answer, *statuses: int) -> None:
    """Refused, in words that tell nothing, and without any effect on the rater who is there."""
    assert answer.status in statuses, (answer.status, answer.body[:200])
    for word in (*server.study.methods, str(server.study.folder), "Traceback", "manifest"):
        assert word not in answer.body.decode(errors="replace"), word
    before = anna.state["token"]
    assert anna.tell({"do": "state"})["token"] == before


FOREIGN = {"Origin": "http://evil.example"}
VOTE = {"do": "vote", "token": "0" * 24, "score": 5}
# What is tried, and the answers that are right: (method, path, body, headers, statuses)
ATTACKS = {
    "the manifest": ("GET", "/manifest.json", None, {}, (404,)),
    "the manifest under the link": ("GET", "/{link}/manifest.json", None, {}, (404,)),
    "a stimulus by its file": ("GET", "/stimuli/0001.png", None, {}, (404,)),
    "a stimulus by its number": ("GET", "/picture/0001", None, {}, (404,)),
    "the votes": ("GET", "/votes/", None, {}, (404,)),
    "the secrets": ("GET", "/.serve/raters.json", None, {}, (404,)),
    "a path traversal": ("GET", "/web/../../manifest.json", None, {}, (404,)),
    "a path traversal, encoded": ("GET", "/web/%2e%2e%2f%2e%2e%2fmanifest.json", None, {}, (404,)),
    "a path traversal among pictures": ("GET", "/picture/..%2f..%2fmanifest.json", None, {}, (404,)),
    "an absolute path": ("GET", "//etc/passwd", None, {}, (404,)),
    "a path with a null byte": ("GET", "/web/rater.js%00.png", None, {}, (404,)),
    "the instructor's page on the raters' port": ("GET", "/{instructor}/", None, {}, (404,)),
    "who is there, on the raters' port": ("GET", "/{instructor}/who", None, {}, (404,)),
    "closing, on the raters' port": ("POST", "/{instructor}/close", {}, {}, (404,)),
    "a wrong link": ("GET", "/AAAAAAAA", None, {}, (404,)),
    "no link": ("GET", "/", None, {}, (404,)),
    "a forged picture token": ("GET", "/picture/" + "0" * 24, None, {"Cookie": "{cookie}"}, (404,)),
    "another's picture without a cookie": ("GET", "/picture/{picture}", None, {}, (404,)),
    "a foreign origin": ("POST", "/rate", VOTE, {"Cookie": "{cookie}", **FOREIGN}, (403,)),
    "an opaque origin": ("POST", "/rate", VOTE, {"Cookie": "{cookie}", "Origin": "null"}, (403,)),
    "a request across sites": ("POST", "/rate", VOTE, {"Cookie": "{cookie}", "Sec-Fetch-Site": "cross-site"}, (403,)),
    "a form of another site": (
        "POST",
        "/rate",
        b"do=vote",
        {"Content-Type": "application/x-www-form-urlencoded"},
        (415,),
    ),
    "JSON as plain text": ("POST", "/rate", b'{"do": "vote"}', {"Content-Type": "text/plain"}, (415,)),
    "a foreign host": ("GET", "/{link}", None, {"Host": "evil.example"}, (421,)),
    "a foreign host that votes": ("POST", "/rate", VOTE, {"Cookie": "{cookie}", "Host": "evil.example"}, (421,)),
    "a body of 1 MB": ("POST", "/rate", b"{" + b" " * 1_000_000, {"Content-Type": "application/json"}, (400, 413)),
    "no JSON": ("POST", "/rate", b"{{{{", {"Content-Type": "application/json"}, (400,)),
    "JSON without an end": ("POST", "/rate", b"[" * 4000, {"Content-Type": "application/json"}, (400,)),
    "another verb": ("DELETE", "/rate", None, {}, (405,)),
    "a verb that traces": ("TRACE", "/{link}", None, {}, (405,)),
    "writing a page": ("PUT", "/web/rater.js", b"x", {}, (405,)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused(server, anna, name):
    method, path, body, headers, statuses = ATTACKS[name]
    secret = server.instructor.rstrip("/").rpartition("/")[2]
    known = {"link": server.invitation, "instructor": secret, "cookie": anna.cookie}
    known["picture"] = anna.state["picture"]["token"]
    given = {key.replace("-", "_"): value.format(**known) for key, value in headers.items()}
    count = len(lines(server))
    try:
        answer = server.ask(method, path.format(**known), body, **given)
    except (ConnectionError, OSError):  # closed in the middle of a body that is too large
        assert name == "a body of 1 MB"
    else:
        untouched(server, anna, answer, *statuses)
    assert len(lines(server)) == count


def test_a_page_behind_a_tunnel_is_https_and_the_server_is_asked_by_http(server):
    """A tunnel or a proxy ends the encryption and passes the name on: only the scheme of the origin differs."""
    client = server.join("Tunnel")
    host = {"Host": "tunnel.example", "Cookie": client.cookie}
    said = {"do": "begin", "invitation": server.invitation}
    assert server.ask("POST", "/rate", said, Origin="https://tunnel.example", **host).json["phase"] == "training"
    for origin in ("https://tunnel.example.evil", "https://evil.example", "https://tunnel.example:8", "http://["):
        assert server.ask("POST", "/rate", said, Origin=origin, **host).status == 403


def test_a_forged_or_used_token_votes_for_nothing(server, anna):
    used = anna.state["token"]
    anna.vote(2)
    count = len(lines(server))
    for token in (used, "0" * 24, "", None, 7, anna.state["picture"]["token"]):
        anna.tell({"do": "vote", "token": token, "score": 5})
    assert len(lines(server)) == count, "a replay, and guesses"
    for score in (0, 6, "5", 2.5, None, True):
        assert anna.tell({"do": "vote", "token": anna.state["token"], "score": score})["error"]
    assert len(lines(server)) == count


def test_the_token_of_another_rater_is_worth_nothing(server, anna):
    bert = server.join("Bert")
    bert.tell({"do": "begin"})
    count = len(lines(server))
    bert.tell({"do": "vote", "token": anna.state["token"], "score": 1})
    assert len(lines(server)) == count
    picture = f"/picture/{anna.state['picture']['token']}"
    assert server.ask("GET", picture, Cookie=bert.cookie).status == 404
    assert server.ask("GET", picture, Cookie=anna.cookie).status == 200


@pytest.mark.parametrize("name", ["Anna", "anna", "  ANNA ", "Ａｎｎａ"])
def test_a_name_that_is_taken_is_no_way_in(server, anna, name):
    thief = server.join(None)
    state = thief.tell({"do": "name", "name": name, "code": ""})
    assert (state["phase"], "token" in state) == ("name", False)
    assert "is taken" in state["error"]
    assert thief.tell({"do": "vote", "token": anna.state["token"], "score": 1})["phase"] == "name"


def test_a_code_is_not_to_be_guessed(server):
    cleo = server.join("Cleo")
    code = cleo.state["code"]
    thief = server.join(None)
    for guess in ("AAAAAAAA", "BBBBBBBB", "CCCCCCCC", "DDDDDDDD", "EEEEEEEE"):
        assert "does not belong to this name" in thief.tell({"do": "name", "name": "Cleo", "code": guess})["error"]
    assert "too many wrong codes" in thief.tell({"do": "name", "name": "Cleo", "code": code})["error"].lower()


def test_the_code_leads_on_in_another_browser(server):
    dora = server.join("Dora  M.")
    dora.tell({"do": "begin"})
    dora.vote(3)
    phone = server.join(None)
    code = dora.state["code"].lower().replace("-", " ")
    state = phone.tell({"do": "name", "name": " dora m.", "code": code})
    assert (state["phase"], state["rater"], state["token"]) == ("training", "Dora M.", dora.state["token"])
    assert dora.tell({"do": "state"})["phase"] == "training", "the first browser is known as before"


def test_without_the_link_nobody_joins(server):
    stranger = server.join(None)
    for invitation in ("", "AAAAAAAA", None, ["x"]):
        said = {"do": "name", "name": "Eve", "code": "", "invitation": invitation}
        state = server.ask("POST", "/rate", said, Cookie=stranger.cookie).json
        assert state["phase"] == "away"


def test_a_script_in_a_name_is_a_name(server):
    name = '<script>alert(1)</script>"&'
    client = server.join(name)
    assert client.state["rater"] == name
    assert "Content-Type" not in client.state
    answer = server.ask("POST", "/rate", {"do": "state"}, Cookie=client.cookie)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201, 7, None, ["a"], "\u202e", "\ud800"])
def test_names_that_cannot_be_used(server, name):
    state = server.join(None).tell({"do": "name", "name": name, "code": ""})
    assert state["phase"] == "name"
    assert state["error"]


def test_the_instructor_s_page_is_on_the_loopback_behind_a_secret(server):
    port = int(re.search(r":(\d+)/", server.instructor)[1])
    secret = server.instructor.rstrip("/").rpartition("/")[2]
    assert len(secret) >= 32
    assert server.ask("GET", f"/{secret}/who", port=port).status == 200
    inside = f"/{secret}/report"
    paths = ["/", "/who", "/close", f"/{secret[:-1]}A/who", f"/{server.invitation}/who", f"{inside}/..%2fmanifest.json"]
    for path in (*paths, f"{inside}/report.html"):
        assert server.ask("GET", path, port=port).status == 404
    assert server.ask("POST", f"/{secret}/close", {}, port=port, Origin="http://evil.example").status == 403
    assert server.ask("GET", f"/{secret}/who", port=port, Host="evil.example").status == 421
    listening = os.popen("cat /proc/net/tcp").read() if os.path.exists("/proc/net/tcp") else ""
    assert not listening or f"0100007F:{port:04X}" in listening


def test_what_the_browser_is_told_to_do(server):
    page = server.ask("GET", f"/{server.invitation}")
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert not re.search(rb"<script(?![^>]*src=)[^>]*>|\son\w+=", page.body), "no script in the page itself"


def test_all_that_a_rater_gets_tells_no_method(server):
    client = server.join("Fritz")
    told = [json.dumps(client.tell({"do": "begin"}))]
    while client.state["picture"]:
        answer = server.ask("GET", f"/picture/{client.state['picture']['token']}", Cookie=client.cookie)
        told.append(json.dumps(answer.headers))
        told.append(json.dumps(client.vote(3)))
    text = " ".join(told).replace(server.study.title, "")
    for word in (*server.study.methods, *server.study.images, "dummy", "image0", "anchor0"):
        assert f'"{word}"' not in text, word


def test_the_secrets_are_the_owner_s_alone(server, anna):
    folder = server.study.folder / ".serve"
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    text = (folder / "raters.json").read_text()
    assert "Anna" in text
    assert anna.cookie.partition("=")[2] not in text, "the browser's secret itself is kept by the browser alone"


def test_no_address_is_logged(server, anna):
    server.ask("GET", "/nothing")
    server.ask("POST", "/rate", b"x" * 10_000, Content_Type="application/json")
    said = server.log.read_text().split("everybody can continue.")[-1]
    assert "127.0.0.1" not in said


def test_there_are_not_more_raters_than_asked_for(tmp_path):
    study = small_study(tmp_path)
    server = StudyServer(study.folder, options=("--port", "0", "--most", "2")).start()
    try:
        assert [server.join(f"r{k}").state["phase"] for k in range(3)] == ["instructions", "instructions", "name"]
    finally:
        server.stop()


# --- restarts --------------------------------------------------------------------------------------------------------


def test_a_killed_server_loses_nobody_and_no_vote(tmp_path):
    study = small_study(tmp_path)
    server = StudyServer(study.folder, options=("--port", "0")).start()
    try:
        client = server.join("Gerd")
        client.tell({"do": "begin"})
        for score in (1, 2, 3, 4, 5, 1):
            client.vote(score)
        link, secret, before = server.link, server.instructor.split("/")[3], dict(client.state)
        server.kill()
        server.options = ()
        server.start()
        assert (server.link, server.instructor.split("/")[3]) == (link, secret)
        unsent = {"do": "vote", "token": before["token"], "score": 5}
        after = client.tell({"do": "state"})
        assert {k: after[k] for k in ("phase", "token", "picture", "done", "of", "can_undo")} == {
            k: before[k] for k in ("phase", "token", "picture", "done", "of", "can_undo")
        }, "the same picture, and no new warming up"
        client.tell(unsent)  # it was on its way when the server was killed
        client.tell(unsent)
        assert [row.score for row in Votes.read(study.votes_folder).lines] == [1, 2, 3, 4, 5, 1, 5]
        client.tell({"do": "undo", "token": client.state["token"]})
        undone = dict(client.state)
        server.kill()
        server.start()
        assert client.tell({"do": "state"})["token"] == undone["token"]
        while client.state["picture"]:
            client.vote(2)
        assert client.state["phase"] == "done"
        votes = Votes.read(study.votes_folder).effective()
        assert sorted(row.trial for row in votes if row.phase == "main") == list(range(study.trials))
        assert sum(row.phase == "dummy" for row in votes) == study.settings.dummies
    finally:
        server.stop()


def test_a_first_vote_that_was_on_its_way_when_the_server_was_killed_counts(tmp_path):
    """Nothing on the disk says yet that the rater had begun; the vote's token does."""
    study = small_study(tmp_path)
    server = StudyServer(study.folder, options=("--port", "0")).start()
    try:
        client = server.join("Hanna")
        unsent = {"do": "vote", "token": client.tell({"do": "begin"})["token"], "score": 4}
        server.kill()
        server.options = ()
        server.start()
        assert client.tell({**unsent, "token": "0" * 24})["phase"] == "instructions"
        assert client.tell(unsent)["training"]["number"] == 2
        client.tell(unsent)
        assert [vote.score for vote in Votes.read(study.votes_folder).lines] == [4]
    finally:
        server.stop()


def test_closing_ends_the_votes_and_shows_each_rater_the_class(tmp_path):
    study = small_study(tmp_path, images=4, size=(32, 40))
    server = StudyServer(study.folder, options=("--port", "0")).start()
    try:
        port = int(re.search(r":(\d+)/", server.instructor)[1])
        secret = server.instructor.rstrip("/").rpartition("/")[2]
        clients = [server.join(f"rater {k}") for k in range(3)]
        for k, client in enumerate(clients):
            client.tell({"do": "begin"})
            while client.state["picture"]:
                client.vote(
                    1 + (len(Votes.read(study.votes_folder).lines) * (k + 2)) % 5 if client.state["done"] else 3
                )
        live = server.ask("GET", f"/{secret}/who", port=port).json
        assert [(row["name"], row["phase"]) for row in live["raters"]] == [(f"rater {k}", "done") for k in range(3)]
        assert "mos" not in json.dumps(live)
        assert not any(method in json.dumps(live) for method in ("nearest", "bicubic", "srgan"))
        server.ask("POST", f"/{secret}/close", {}, port=port)
        assert clients[0].tell({"do": "vote", "token": "x", "score": 3})["phase"] == "over"
        assert server.join("late").state["phase"] == "over"
        for _ in range(600):
            live = server.ask("GET", f"/{secret}/who", port=port).json
            if live["reported"] or live["problem"]:
                break
            time.sleep(0.2)
        assert live["reported"], live
        assert [row["phase"] for row in live["raters"]] == ["done"] * 3
        result = clients[1].tell({"do": "state"})["result"]
        assert {row["method"] for row in result} == set(study.methods)
        own = [r for r in Votes.read(study.votes_folder) if r.rater == "rater 1" and r.phase == "main"
               and not r.repeat and r.gold_expected is None and r.method == "hr"]  # fmt: skip
        you = next(row["you"] for row in result if row["method"] == "hr")
        assert you == pytest.approx(sum(r.score for r in own) / len(own))
        report = server.ask("GET", f"/{secret}/report/report.html", port=port)
        assert report.status == 200
        assert b"rater 2" in report.body
    finally:
        server.stop()
