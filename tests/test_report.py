"""The report of a study: one page that stands alone, and figures that can be read in grey and by ear."""

import base64
import csv
import io
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image
from rating_rows import row as vote
from skimage import data

from srgan_lessons import UserError
from srgan_lessons.files import shipped
from srgan_lessons.metrics import psnr
from srgan_lessons.rating import Study, analyse, measures, plots
from srgan_lessons.rating.measures import measure
from srgan_lessons.rating.report import _rater, _read, _without, write_report
from srgan_lessons.rating.synthetic import paper_mos, synthetic_votes
from srgan_lessons.rating.votes import Votes

NASTY = '<script>alert("1")</script> & $x_1$'


class Page(HTMLParser):
    """What is in a page: tags with their attributes, and text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text):
        self.text += text

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def votes() -> pd.DataFrame:
    table = synthetic_votes(paper_mos(), raters=9, images=8, seed=3, swapped=1, gold=6, repeats=0.1)
    return table.replace({"rater": {"rater_01": NASTY}, "method": {"SRCNN": "SR<b>CNN"}})


@pytest.fixture(scope="module")
def report(votes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "my <class>"
    path = write_report(folder, votes)
    return path, Page(path.read_text(encoding="utf-8"))


def test_the_page_needs_nothing_else(report):
    path, page = report
    assert path.name == "report.html"
    pictures = page.all("img")
    assert len(pictures) == 3
    assert all(picture["src"].startswith("data:image/png;base64,") for picture in pictures)
    assert page.all("script") == page.all("link") == page.all("iframe") == []
    assert all(re.fullmatch(r"\w+\.csv", link["href"]) for link in page.all("a"))
    assert all((path.parent / link["href"]).is_file() for link in page.all("a"))


def test_each_figure_says_in_words_what_it_shows(report):
    alts = [picture["alt"] for picture in report[1].all("img")]
    assert all(len(alt) > 60 for alt in alts)
    assert "hr" in alts[0]
    assert "Excluded: rater_09" in alts[2]


def test_names_are_text(report):
    _, page = report
    assert NASTY in page.text
    assert "SR<b>CNN" in page.text
    assert "my <class>" in page.text
    assert page.all("b") == []


def test_the_page_says_what_the_analysis_says(report, votes):
    _, page = report
    found = analyse(votes)
    assert "informal: 8 raters" in page.text
    assert "rater_09: " in page.text
    assert "scale swapped" in page.text
    for row in found.methods.itertuples():
        assert f"{row.mos:.2f}" in page.text
        assert f"[{row.low:.2f}, {row.high:.2f}]" in page.text
    assert any(text in page.text for text in found.statements)
    for words in ("BT.500", "P.910", "two-way bootstrap", "Holm", "Repeats, used only for test-retest", "How to cite"):
        assert words in page.text


def test_the_tables_beside_it_are_the_analysis(report, votes):
    path, _ = report
    found = analyse(votes)
    for name, expected in (
        ("methods", found.methods),
        ("differences", found.pairs),
        ("dmos", found.dmos),
        ("images", found.images),
    ):
        pd.testing.assert_frame_equal(pd.read_csv(path.parent / f"{name}.csv"), expected, check_dtype=False)
    assert pd.read_csv(path.parent / "raters.csv")["rater"].tolist() == found.raters["rater"].tolist()


def test_a_csv_of_votes_serves(votes, tmp_path):
    votes.to_csv(tmp_path / "votes.csv", index=False)
    first = write_report(tmp_path, tmp_path / "votes.csv")
    second = write_report(tmp_path, votes, tmp_path / "other")
    assert (first.parent / "methods.csv").read_bytes() == (second.parent / "methods.csv").read_bytes()


def test_a_table_has_whatever_ending_a_spreadsheet_gave_it(votes, tmp_path):
    """Excel on Windows may write VOTES.CSV; its "Unicode text" is UTF-16 with tabs and ends in .txt."""
    votes.to_csv(tmp_path / "votes.csv", index=False)
    votes.to_csv(tmp_path / "VOTES 2.CSV", index=False)
    votes.to_csv(tmp_path / "votes.txt", index=False, sep="\t", encoding="utf-16")
    expected = _read(tmp_path / "votes.csv", None)[0]
    assert len(expected) == len(votes)
    for name in ("VOTES 2.CSV", "votes.txt"):
        pd.testing.assert_frame_equal(_read(tmp_path / name, None)[0], expected)
    (tmp_path / "votes.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match="is an Excel workbook"):
        _read(tmp_path / "votes.xlsx", None)


def test_a_vote_file_is_one_whatever_its_ending(study, tmp_path):
    for name in ("anna.txt", "anna.jsonl.txt", "anna.json"):
        shutil.copy(study.votes_folder / "ann.jsonl", tmp_path / name)
        assert set(_read(tmp_path / name, study)[0]["rater"]) == {"ann"}


def test_no_name_is_a_formula_in_the_tables(votes, tmp_path):
    """People choose their names themselves, and the instructor opens the tables. Excel knows UTF-8 by its mark."""
    names = {"rater_02": "=HYPERLINK(1)", "rater_03": "@SUM(1)", "rater_04": "Jörg"}
    page = write_report(tmp_path, votes.replace({"rater": names, "method": {"SRGAN": "+SRGAN"}}))
    for path in page.parent.glob("*.csv"):
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        with open(path, newline="", encoding="utf-8-sig") as file:
            cells = {cell for line in csv.reader(file) for cell in line}
        assert not [cell for cell in cells if re.match(r"[=@]|[+-](?![\d.])", cell)], path.name
    assert {"'=HYPERLINK(1)", "'@SUM(1)", "Jörg"} <= set(pd.read_csv(page.parent / "raters.csv")["rater"])
    assert "'+SRGAN" in set(pd.read_csv(page.parent / "methods.csv")["method"])


def test_the_numbers_of_a_rater_are_on_their_side_of_the_rules():
    """A variance under 0.15, a share over 5 % and a balance under 0.3 exclude: none is shown as the bound itself."""
    row = SimpleNamespace(
        **{"rater": "a", "votes": 60, "gold": 0, "missed": 0, "repeats": 0, "variance": 0.148, "correlation": 0.5},
        **{"bt500_share": 0.0503, "bt500_balance": 0.2996, "bias": 0.0, "inconsistency": 0.5, "excluded": True},
    )
    cells = _rater(row)
    assert cells[4] == "0.148"
    assert cells[6] == "5.03% / 0.2996"
    row.variance, row.bt500_share, row.bt500_balance = 0.31, 0.123, 0.714
    assert (_rater(row)[4], _rater(row)[6]) == ("0.31", "12.3% / 0.71")


def test_bad_input_leaves_no_report(tmp_path):
    with pytest.raises(UserError, match="not a study"):
        write_report(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        write_report(tmp_path, tmp_path / "none.csv")
    with pytest.raises(UserError, match="together with their study"):
        write_report(tmp_path, tmp_path / "ann.jsonl")
    with pytest.raises(UserError, match="no column"):
        write_report(tmp_path, pd.DataFrame({"rater": ["a"]}))
    assert list(tmp_path.iterdir()) == []


# --- a study on disk -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    """Three photos of 64 x 64 in two made versions and HR, rated by four people who like hr best."""
    folder = tmp_path_factory.mktemp("study") / "s"
    photos = {"astronaut": data.astronaut(), "coffee": data.coffee(), "cat": data.chelsea()}
    photos = {name: photo[100:164, 100:164].copy() for name, photo in photos.items()}
    made = Study.create(photos, ["nearest", "bicubic", "hr"], folder, seed=1, gold=2, repeats=0.0, crop=64)
    wanted = {"nearest": 1, "bicubic": 3, "hr": 5}
    for number, rater in enumerate(("ann", "bob", "cyd", "dan")):
        rows = []
        for trial, place in enumerate(made.order(rater)):
            score = min(
                5, max(1, wanted[place.method] + (trial + number) % 2 * (1 if place.method == "bicubic" else 0))
            )
            rows.append(
                vote(
                    trial,
                    score,
                    study=made.hash,
                    rater=rater,
                    image=place.image,
                    method=place.method,
                    stimulus=place.stimulus,
                    repeat=place.repeat,
                    gold_expected=place.gold_expected,
                    device_pixel_ratio=1.0,
                    width=64,
                    height=64,
                )
            )
        Votes(rows).write(made.votes_folder / f"{rater}.jsonl")
    return made


def test_a_study_s_own_votes_and_metrics(study):
    path = write_report(study.folder)
    page = Page(path.read_text(encoding="utf-8"))
    assert path == study.folder / "report" / "report.html"
    assert study.hash in page.text
    assert "hidden reference" in page.text
    assert "4 raters" in page.text
    assert [picture["src"][:16] for picture in page.all("img")].count("data:image/png;b") == 4
    assert "PSNR" in page.text
    found = pd.read_csv(path.parent / "images.csv")
    pictures = [picture for picture in page.all("img") if picture["src"].startswith("data:image/jpeg;base64,")]
    assert len(pictures) == len(found) == 9
    assert {picture["alt"] for picture in pictures} == {f"{r.method} of {r.image}" for r in found.itertuples()}
    assert all(f"{r.mos:.2f}" in page.text.split("Photo by photo")[1] for r in found.itertuples())
    shown = next(picture for picture in pictures if picture["alt"] == "hr of coffee")
    seen = Image.open(io.BytesIO(base64.b64decode(shown["src"].split(",")[1])))
    real = next(
        study.path(n) for n, s in study.stimuli.items() if (s.image, s.method, s.anchor) == ("coffee", "hr", None)
    )
    assert seen.size == (64, 64)
    assert psnr(np.array(seen), np.array(Image.open(real))) > 35

    metrics = pd.read_csv(path.parent / "metrics.csv")
    names = {(s.image, s.method): name for name, s in study.stimuli.items() if s.anchor is None}
    for row in metrics.itertuples():
        sr, hr = (np.array(Image.open(study.path(names[row.image, method]))) for method in (row.method, "hr"))
        assert row.psnr == pytest.approx(psnr(sr, hr))
    assert set(metrics["method"]) == {"nearest", "bicubic"}


def test_pictures_too_small_for_a_metric_are_measured_without_it(tmp_path):
    dice = np.random.default_rng(0)
    pictures = {f"i{k}": {m: dice.integers(0, 256, (16, 16, 3), dtype=np.uint8) for m in ("hr", "a")} for k in range(2)}
    anchors = {"x": {m: dice.integers(0, 256, (16, 16, 3), dtype=np.uint8) for m in ("hr", "nearest")}}
    table = measure(Study.create(pictures, None, tmp_path / "small", seed=1, anchors=anchors))
    assert table["psnr"].notna().all()
    assert table["ssim"].isna().all()
    assert table["st_lpips"].isna().all()
    assert len(table) == 2


def test_the_means_of_metrics_leave_out_what_was_not_measured():
    """A picture equal to its "hr" has an infinite PSNR, and counts only for the other metrics."""
    rows = [("i1", "a", 20.0, 0.5, 0.2), ("i2", "a", np.inf, 1.0, 0.0), ("i3", "a", 30.0, np.nan, 0.1)]
    table = pd.DataFrame([*rows, ("i1", "b", np.inf, 1.0, 0.0)], columns=["image", "method", *measures.METRICS])
    found = measures.metric_means(table).set_index("method")
    assert found.loc["a"].tolist() == pytest.approx([25, 0.75, 0.1])
    assert np.isnan(found.loc["b", "psnr"])


def test_metrics_are_measured_once(study, monkeypatch):
    write_report(study.folder)
    monkeypatch.setattr(measures, "measure", lambda *a, **k: pytest.fail("measured again"))
    write_report(study.folder, out=study.folder.parent / "another report")


def test_metrics_are_measured_again_once_st_lpips_is_there_and_if_the_file_was_spoilt(study, monkeypatch):
    path = study.folder / "metrics.csv"
    with monkeypatch.context() as without:
        without.setattr(measures, "_st_lpips", lambda: None)
        path.unlink(missing_ok=True)
        assert measures.kept(study)["st_lpips"].isna().all()
        without.setattr(measures, "measure", lambda *a, **k: pytest.fail("measured again, without ST-LPIPS"))
        measures.kept(study)
    monkeypatch.setattr(measures, "_st_lpips", lambda: lambda sr, hr: 0.25)
    assert (measures.kept(study)["st_lpips"] == 0.25).all()
    whole = path.read_bytes()
    for spoilt in (b"", b"\xff\xfe\x00", whole.replace(b"0.25", b'"0,25"')):
        path.write_bytes(spoilt)
        assert (measures.kept(study)["st_lpips"] == 0.25).all()
        assert path.read_bytes() == whole
    path.unlink()


def test_votes_on_the_training_do_not_enter_the_mos(study, tmp_path):
    """Without the columns that tell them apart, gold items would be a photo of the study."""
    table = Votes.read(study.votes_folder).table()
    table.drop(columns=["phase", "gold_expected"]).to_csv(tmp_path / "short.csv", index=False)
    with pytest.raises(UserError, match="8 votes on pictures of the training would enter the MOS"):
        write_report(study.folder, tmp_path / "short.csv", tmp_path / "out")
    table.assign(gold_expected=None).to_csv(tmp_path / "empty.csv", index=False)
    with pytest.raises(UserError, match="8 votes on pictures of the training"):
        write_report(study.folder, tmp_path / "empty.csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_votes_of_another_study_are_refused(study, tmp_path):
    text = (study.votes_folder / "ann.jsonl").read_text().replace(study.hash, "0" * 64)
    (tmp_path / "eve.jsonl").write_text(text)
    with pytest.raises(UserError, match="another study"):
        write_report(study.folder, tmp_path / "eve.jsonl", tmp_path / "out")


# --- figures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def analysis():
    return analyse(synthetic_votes(paper_mos(), raters=16, images=20, seed=1, clickers=1, gold=6), resamples=300)


def paper_metrics() -> pd.DataFrame:
    """PSNR of the paper's BSD100 row, and a stand-in for a perceptual metric that agrees with people."""
    table = pd.read_csv(shipped("tables/paper_table2.csv")).query("set == 'BSD100'").replace({"method": {"HR": "hr"}})
    return table.assign(st_lpips=(5 - table["mos"]) / 10)[["method", "psnr", "st_lpips"]]


def drawings(analysis) -> dict:
    return {
        "votes": plots.plot_votes(analysis.votes),
        "mos": plots.plot_mos(analysis, known=paper_mos(), known_label="true MOS"),
        "against": plots.plot_mos_against(analysis, paper_metrics()),
        "raters": plots.plot_raters(analysis),
    }


def boxes(axis, renderer):
    """Bounding boxes of all words that stand in or around a panel."""
    words = [
        *axis.texts,
        *axis.get_xticklabels(),
        *axis.get_yticklabels(),
        axis.xaxis.label,
        axis.yaxis.label,
        axis.title,
    ]
    legend = axis.get_legend()
    words += legend.get_texts() if legend else []
    shown = [word for word in words if word.get_text() and word.get_visible()]
    low, high = axis.get_xlim()
    inside = [w for w in shown if w not in axis.get_xticklabels() or low <= w.get_position()[0] <= high]
    low, high = axis.get_ylim()
    inside = [w for w in inside if w not in axis.get_yticklabels() or low <= w.get_position()[1] <= high]
    return [(word.get_text(), Text.get_window_extent(word, renderer).shrunk(0.96, 0.9)) for word in inside]


def test_no_word_covers_another_and_none_leaves_the_figure(analysis):
    for name, figure in drawings(analysis).items():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        for axis in figure.axes:
            found = boxes(axis, canvas.get_renderer())
            for k, (word, box) in enumerate(found):
                assert figure.bbox.padded(1).containsx(box.x0), (name, word)
                assert figure.bbox.padded(1).containsx(box.x1), (name, word)
                assert [other for other, b in found[k + 1 :] if box.overlaps(b)] == [], (name, word)


def test_figures_work_in_grey(analysis):
    """What colours tell apart, marks, hollow faces or numbers tell too."""
    raters = plots.plot_raters(analysis).axes[0]
    kinds = {
        (line.get_marker(), matplotlib.colors.to_hex(line.get_markerfacecolor()))
        for line in raters.lines
        if line.get_marker() in ("o", "s", "D")
    }
    assert len({marker for marker, _ in kinds}) == len(kinds) >= 2
    marks = [line.get_marker() for line in plots.plot_mos(analysis, known=paper_mos()).axes[0].lines]
    assert {"o", "x"} <= set(marks)
    numbers = [text.get_text() for text in plots.plot_votes(analysis.votes).axes[0].texts]
    assert len(numbers) == 45


def test_the_distribution_is_that_of_the_votes(analysis):
    figure = plots.plot_votes(analysis.votes)
    axis = figure.axes[0]
    methods = [label.get_text() for label in axis.get_xticklabels()]
    share = np.asarray(axis.collections[0].get_array()).reshape(5, 9)
    for k, method in enumerate(methods):
        scores = analysis.votes.loc[analysis.votes["method"] == method, "score"]
        assert share[:, k] == pytest.approx([(scores == score).mean() for score in range(1, 6)])
    assert methods[0] == "nearest"
    assert methods[-1] == "hr"


def test_against_metrics_the_winners_are_named(analysis):
    words = plots.alt_text(plots.plot_mos_against(analysis, paper_metrics()))
    assert "psnr: best is SRResNet, while people prefer SRGAN" in words
    assert "st_lpips: best is" in words
    with pytest.raises(UserError, match="no column ssim"):
        plots.plot_mos_against(analysis, paper_metrics(), columns=("ssim",))
    with pytest.raises(UserError, match="fewer than two"):
        plots.plot_mos_against(analysis, paper_metrics().head(1))


# --- what was recorded, and of which study ---------------------------------------------------------------------------


def page_of(study, table, tmp_path) -> str:
    return Page(write_report(study.folder, table, tmp_path / "out").read_text(encoding="utf-8")).text


def test_votes_of_another_study_are_refused_in_every_form(study, tmp_path):
    own = Votes.read(study.votes_folder)
    other = [replace(vote, study="f" * 64) for vote in own.lines]
    Votes(other).write_csv(tmp_path / "other.csv")
    for form in (tmp_path / "other.csv", Votes(other), Votes(other).table()):
        with pytest.raises(UserError, match="votes of another study: ffffffffffff"):
            write_report(study.folder, form, tmp_path / "out")
    strange = own.table().replace({"image": {"cat": "dog"}})
    strange.drop(columns="study").to_csv(tmp_path / "strange.csv", index=False)
    with pytest.raises(UserError, match=r"are on pictures that the study .* does not have; the first is .* of dog"):
        write_report(study.folder, tmp_path / "strange.csv", tmp_path / "out")
    strange = own.table().drop(columns="study")
    strange.loc[0, "image"] = "dog"
    with pytest.raises(UserError, match=r": 1 of \d+ votes is on a picture that the study"):
        write_report(study.folder, strange, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    own.table().drop(columns="study").to_csv(tmp_path / "silent.csv", index=False)
    assert "does not say for all votes which study" in page_of(study, tmp_path / "silent.csv", tmp_path)


def test_the_page_says_how_pictures_were_shown(study, tmp_path):
    table = Votes.read(study.votes_folder).table()
    assert "All 36 votes were given on pictures at 1:1." in page_of(study, table, tmp_path)
    table.loc[table["rater"] == "ann", "device_pixel_ratio"] = 1.25  # 64 CSS pixels of 1.25 each: scaled
    table.loc[table["rater"] == "bob", ["device_pixel_ratio", "width", "height"]] = [2.0, 32.0, 32.0]
    table.loc[table["rater"] == "cyd", "device_pixel_ratio"] = None
    text = page_of(study, table, tmp_path)
    assert (
        "The pictures of the 36 votes were shown like this: 18 at 1:1, 9 scaled by the browser, 9 not recorded." in text
    )
    assert "at 1:1 pixels" not in text
    assert "1:1, dense screen" not in text.split("Screens")[0]
    for kind in ("1:1, ordinary screen", "1:1, dense screen", "scaled by the browser", "not recorded"):
        assert kind in text.split("MOS by kind of screen")[1]


@pytest.mark.parametrize(("raters", "says"), [(9, "with 9, this is an informal"), (23, "with 23, this is an informal"),
                                              (36, "36 are enough")])  # fmt: skip
def test_no_test_is_called_formal_that_its_own_numbers_do_not_call_so(raters, says, tmp_path):
    votes = synthetic_votes({"a": 2.0, "hr": 4.6}, raters=raters, images=8, seed=3)
    text = Page(write_report(tmp_path / "class", votes, screening=False).read_text(encoding="utf-8")).text
    assert says in text
    assert "formal test." not in text.replace("informal test.", "")


def test_one_pair_of_methods_is_one_pair(tmp_path):
    """Of three methods there are three pairs."""
    clear, alike = {"a": 1.5, "hr": 4.8}, {"a": 3.0, "hr": 3.0}
    for truth, says in (
        (clear, ["The two methods differ.", "The pair"]),
        (alike, ["1 of 1 pair shows no difference: ", "The pair"]),
        (clear | {"b": 3.0}, ["All 3 pairs of methods differ.", "All 3 pairs"]),
    ):
        votes = synthetic_votes(truth, raters=12, images=12, seed=3)
        text = Page(write_report(tmp_path / "class", votes, screening=False).read_text(encoding="utf-8")).text
        assert [one for one in says if one not in text] == []


def test_a_rater_and_a_picture_called_na_are_a_rater_and_a_picture(study, tmp_path):
    rows = [replace(v, rater="NA") if v.rater == "ann" else v for v in Votes.read(study.votes_folder)]
    Votes(rows).write_csv(tmp_path / "votes.csv")
    assert (
        "NA"
        in pd.read_csv(
            write_report(study.folder, tmp_path / "votes.csv", tmp_path / "out").parent / "raters.csv",
            keep_default_na=False,
        )["rater"].tolist()
    )


def test_a_rater_can_be_left_out_by_name_and_that_is_said(study, tmp_path):
    page = write_report(study.folder, None, tmp_path / "out", exclude=["ann"])
    assert "ann was left out by --exclude" in Page(page.read_text(encoding="utf-8")).text
    assert pd.read_csv(page.parent / "raters.csv")["rater"].tolist() == ["bob", "cyd", "dan"]
    with pytest.raises(UserError, match="no rater is named 'eve'"):
        write_report(study.folder, None, tmp_path / "out", exclude=["eve"])
    with pytest.raises(UserError, match="all 4 raters would be left out"):
        write_report(study.folder, None, tmp_path / "out", exclude=["ann", "bob", "cyd", "dan"])


def test_a_rater_is_left_out_however_the_accent_was_typed(votes):
    """Terminals and spreadsheets may take é apart. A name that is given twice is one name."""
    table = votes.replace({"rater": {"rater_02": "Jos\u00e9", "rater_03": "Zoe\u0308"}})
    left, said = _without(table, ["Jose\u0301", "Jos\u00e9", "Zo\u00eb"])
    assert sorted(set(table["rater"]) - set(left["rater"])) == ["Jos\u00e9", "Zoe\u0308"]
    assert len(said) == 2
