"""tests/sentences.py finds a sentence without a check, and a list that has gone out of date."""

from sentences import text_of, unheeded

TEXT = "Return the sum. Expected: a number, in dB."
LISTED = "the sum :: mean; last\na number -- any reader refuses others\nin dB :: natural log"
WRONG = {"mean", "last", "natural log"}


def test_a_complete_list_passes():
    assert unheeded(TEXT, LISTED, WRONG) == []


def test_a_new_sentence_without_a_check_is_found():
    assert unheeded(f"{TEXT} Leave `x` as it is.", LISTED, WRONG) == ["no check is named for: Leave `x` as it is."]


def test_words_that_are_gone_are_found():
    assert unheeded(TEXT.replace("sum", "mean"), LISTED, WRONG)[0] == "'the sum' does not stand in the text"


def test_an_answer_that_is_gone_or_passes_is_found():
    assert unheeded(TEXT, LISTED, WRONG - {"last"}) == ["there is no wrong answer 'last'"]


def test_a_line_that_names_nothing_is_found():
    assert unheeded(TEXT, LISTED.replace(" -- any reader refuses others", ""), WRONG) == [
        "'a number' names no wrong answer and no reason"
    ]


def test_the_text_stands_in_the_lesson():
    assert text_of("holm").startswith("Write `holm(p_values)`. Expected: the corrected p-values")
    assert text_of("no such exercise") == ""
