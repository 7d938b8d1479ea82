"""CoNLL-U is read as the `conllu` library reads it and written back byte for byte."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import conllu
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.conllu import read_conllu, read_conllu_lines, write_conllu
from tidegate.data.opening import open_stream
from tidegate.data.records import Source, TokenRecord
from tidegate.data.words import tokenise
from tidegate.errors import DataError, ShapeError

DATA = Path(os.environ.get("TIDEGATE_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
EWT = DATA / "ud_english_ewt"

FIXTURE = """\
# newdoc id = tides
# sent_id = 1
# text = The gate doesn't open, but the sea does .
1\tThe\tthe\tDET\tDT\tDefinite=Def\t2\tdet\t_\t_
2\tgate\tgate\tNOUN\tNN\tNumber=Sing\t5\tnsubj\t_\t_
3-4\tdoesn't\t_\t_\t_\t_\t_\t_\t_\t_
3\tdoes\tdo\tAUX\tVBZ\t_\t5\taux\t_\t_
4\tn't\tnot\tPART\tRB\t_\t5\tadvmod\t_\t_
5\topen\topen\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No
6\t,\t,\tPUNCT\t,\t_\t10\tpunct\t_\t_
7\tbut\tbut\tCCONJ\tCC\t_\t10\tcc\t_\t_
8\tthe\tthe\tDET\tDT\tDefinite=Def\t9\tdet\t_\t_
9\tsea\tsea\tNOUN\tNN\tNumber=Sing\t10\tnsubj\t_\t_
10\tdoes\tdo\tVERB\tVBZ\t_\t5\tconj\t_\tner=old|Gloss=tut
10.1\topen\topen\tVERB\tVB\t_\t_\t_\t5:conj\tCopyOf=5
11\t.\t.\tPUNCT\t.\t_\t5\tpunct\t_\t_

# sent_id = 2
# text = Ebbe zum Meer
1\tEbbe\tEbbe\tNOUN\t_\t_\t0\troot\t_\t_
2-3\tzum\t_\t_\t_\t_\t_\t_\t_\t_
2\tzu\tzu\tADP\t_\t_\t4\tcase\t_\t_
3\tdem\tder\tDET\t_\t_\t4\tdet\t_\t_
4\tMeer\tMeer\tNOUN\t_\t_\t1\tnmod\t_\t_

# sent_id = 3
# text = nothing like it
1\tBare\t_\t_\t_\t_\t_\t_\t_\t_
2\twords\t_\t_\t_\t_\t_\t_\t_\t_

"""


def _read(text: str) -> list[TokenRecord]:
    return list(read_conllu_lines(open_stream(io.BytesIO(text.encode()), "gate.conllu"), "gate.conllu"))


def _joined(records: list[TokenRecord], columns: dict[str, list[str]] | None = None) -> str:
    return "".join(f"{line}\n" for record in records for line in write_conllu(record, columns or {}))


def _refusal(text: str) -> str:
    with pytest.raises(DataError) as caught:
        _read(text)
    return str(caught.value)


def _row(identity: str, form: str = "x") -> str:
    return "\t".join([identity, form, *"_" * 8]) + "\n"


def test_words_and_columns_are_those_that_the_conllu_library_reads() -> None:
    theirs = [[token for token in sentence if isinstance(token["id"], int)] for sentence in conllu.parse(FIXTURE)]
    ours = _read(FIXTURE)
    assert len(ours) == len(theirs) == 3
    for record, tokens in zip(ours, theirs, strict=True):
        assert list(record.tokens) == [token["form"] for token in tokens]
        for name in ("lemma", "upos", "xpos", "deprel"):
            assert list(record.labels.get(name, ["_"] * len(record))) == [token[name] or "_" for token in tokens]
        for name in ("feats", "misc"):
            spelled = [
                "|".join(f"{key}={value}" for key, value in (token[name] or {"_": None}).items()).replace("_=None", "_") for token in tokens
            ]
            assert list(record.labels.get(name, ["_"] * len(record))) == spelled


def test_multiword_tokens_and_empty_nodes_are_no_words() -> None:
    first = _read(FIXTURE)[0]
    assert first.tokens == ("The", "gate", "does", "n't", "open", ",", "but", "the", "sea", "does", ".")
    assert first.lines == (4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 16)
    assert str(first.source) == "gate.conllu, line 1"
    assert str(first.where(2)) == "gate.conllu, line 7"


def test_a_column_without_any_value_in_a_sentence_is_left_out_of_it() -> None:
    first, second, third = _read(FIXTURE)
    assert list(first.labels) == ["lemma", "upos", "xpos", "feats", "deprel", "misc"]
    assert first.labels["feats"][:3] == ("Definite=Def", "Number=Sing", "_")
    assert list(second.labels) == ["lemma", "upos", "deprel"]
    assert third.labels == {}


def test_offsets_say_where_each_word_stands_in_the_text() -> None:
    first = _read(FIXTURE)[0]
    assert first.text is not None
    assert tuple(first.text[start:end] for start, end in first.offsets) == first.tokens


def test_words_that_their_multiword_token_does_not_spell_share_its_place() -> None:
    assert _read(FIXTURE)[1].offsets == ((0, 4), (5, 8), (5, 8), (9, 13))


def test_a_text_that_does_not_spell_the_words_is_not_kept() -> None:
    third = _read(FIXTURE)[2]
    assert third.text is None
    assert third.offsets == ()


def test_a_sentence_is_handed_out_as_soon_as_it_ends() -> None:
    def lines():  # type: ignore[no-untyped-def]
        yield 1, _row("1").strip()
        yield 2, ""
        raise AssertionError("a line was asked for too early")

    assert next(read_conllu_lines(lines(), "pipe")).tokens == ("x",)


def test_lines_of_blanks_and_carriage_returns_end_a_sentence_like_empty_ones() -> None:
    assert [record.tokens for record in _read(_row("1", "a") + " \t \r\n\r\n" + _row("1", "b").replace("\n", "\r\n"))] == [("a",), ("b",)]


def test_reading_and_writing_gives_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "gate.conllu"
    path.write_text(FIXTURE, encoding="utf-8", newline="")
    assert _joined(list(read_conllu(path))) == FIXTURE


def test_a_given_column_replaces_its_own_cells_and_nothing_else() -> None:
    record = _read(FIXTURE)[1]
    expected = FIXTURE.split("\n\n")[1].replace("Ebbe\tEbbe\tNOUN", "Ebbe\tEbbe\tX1").replace("zu\tzu\tADP", "zu\tzu\tX2")
    expected = expected.replace("dem\tder\tDET", "dem\tder\tX3").replace("Meer\tMeer\tNOUN", "Meer\tMeer\tX4")
    assert "\n".join(write_conllu(record, {"upos": ["X1", "X2", "X3", "X4"]})) == expected + "\n"


def test_any_other_name_goes_into_misc_beside_what_is_there() -> None:
    record = _read(FIXTURE)[0]
    written = write_conllu(record, {"ner": ["O"] * 10 + ["B-a|b\\c"]})
    assert written[8].endswith("\tSpaceAfter=No|ner=O")
    assert written[13].endswith("\tner=O|Gloss=tut")
    assert written[14].endswith("\tCopyOf=5")
    assert written[15].endswith("\tner=B-a\\pb\\\\c")
    assert written[5] == FIXTURE.split("\n")[5]


def test_a_name_that_would_break_misc_is_mended() -> None:
    record = TokenRecord(("a",), Source("in.txt", 1))
    assert write_conllu(record, {"my=ner tag": ["O"]})[0].endswith("\tmy_ner_tag=O")


def test_a_given_misc_does_not_wipe_out_what_is_added_to_it() -> None:
    record = TokenRecord(("a",), Source("in.txt", 1))
    assert write_conllu(record, {"ner": ["O"], "misc": ["Gloss=x"]}) == ["1\ta\t_\t_\t_\t_\t_\t_\t_\tGloss=x|ner=O", ""]


def test_plain_text_becomes_a_sentence_with_its_text_and_spacing() -> None:
    record = TokenRecord(("It", "'s", "high"), Source("in.txt", 1), text="It's high", offsets=((0, 2), (2, 4), (5, 9)))
    assert write_conllu(record, {"upos": ["PRON", "AUX", "ADJ"], "ner": ["O", "O", "O"]}) == [
        "# text = It's high",
        "1\tIt\t_\tPRON\t_\t_\t_\t_\t_\tSpaceAfter=No|ner=O",
        "2\t's\t_\tAUX\t_\t_\t_\t_\t_\tner=O",
        "3\thigh\t_\tADJ\t_\t_\t_\t_\t_\tner=O",
        "",
    ]


def test_a_record_without_tokens_or_layout_becomes_nothing() -> None:
    assert write_conllu(TokenRecord((), Source("in.txt", 1), text=""), {}) == []


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"in.txt, line 1: column 'upos' has 1 labels for 2 tokens; give one label for each token"):
        write_conllu(TokenRecord(("a", "b"), Source("in.txt", 1)), {"upos": ["X"]})


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=40))
def test_plain_text_written_and_read_again_is_the_same(line: str) -> None:
    offsets = tuple(tokenise(line))
    record = TokenRecord(tuple(line[start:end] for start, end in offsets), Source("gate.conllu", 1), text=line, offsets=offsets)
    again = _read(_joined([record]))
    expected = [record] if record.tokens else []
    assert [(r.tokens, r.text, r.offsets) for r in again] == [(r.tokens, r.text and r.text.replace("\t", " "), r.offsets) for r in expected]


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=5)


@given(st.lists(st.lists(st.lists(WORDS, min_size=8, max_size=8), min_size=1, max_size=4), min_size=1, max_size=3))
def test_any_sentences_of_words_survive_reading_and_writing(sentences: list[list[list[str]]]) -> None:
    # The first cell of a word is its id, so no cell here can turn its line into a comment or another kind of row.
    text = "".join("".join(f"{number}\tf{chr(9).join(cells)}\t_\n" for number, cells in enumerate(rows, 1)) + "\n" for rows in sentences)
    assert _joined(_read(text)) == text


def test_a_row_with_another_number_of_columns_is_refused_with_its_line_and_count() -> None:
    assert _refusal("# text = x\n" + _row("1") + "2\ty\tNOUN\n") == (
        "gate.conllu, line 3: 3 columns found where CoNLL-U has 10, separated by tabs: '2\\ty\\tNOUN'. Give each line its 10 columns, "
        "'_' for an empty one. If this is another kind of column file, do not name it .conllu."
    )


def test_a_row_separated_by_blanks_is_refused_with_the_hint_to_use_tabs() -> None:
    message = _refusal("1 The the DET DT Definite=Def 2 det _ _ and a very long tail that is cut\n")
    assert "line 1: 1 column found where CoNLL-U has 10" in message
    assert message.endswith("'. The columns seem to be separated by blanks: replace those by tabs.")
    assert "is cut" not in message


def test_ids_that_do_not_count_are_refused_with_the_word_expected() -> None:
    message = _refusal(_row("1") + _row("3"))
    assert message.startswith("gate.conllu, line 2: id '3' stands where word 2 was expected. Words count 1, 2, 3, … in each sentence")
    assert "an empty line before a new sentence" in _refusal(_row("1") + _row("1"))


@pytest.mark.parametrize("identity", ["2-3", "1-x", "1-0", "-1", "1-99999999999"])
def test_a_malformed_range_is_refused_with_the_one_expected(identity: str) -> None:
    message = _refusal(_row(identity) + _row("1"))
    assert f"gate.conllu, line 1: '{identity}' is no multiword range that may stand here. Expected '1-N', N not below 1" in message


def test_a_range_inside_another_is_refused() -> None:
    assert "gate.conllu, line 3: '2-3' is no multiword range" in _refusal(_row("1-3") + _row("1") + _row("2-3") + _row("2") + _row("3"))


def test_a_range_that_reaches_past_its_sentence_is_refused() -> None:
    assert _refusal(_row("1-3") + _row("1")).startswith(
        "gate.conllu, line 1: a multiword token reaches to word 3, but its sentence has 1 words."
    )


@pytest.mark.parametrize("form", ["", " "])
def test_an_empty_form_is_refused(form: str) -> None:
    assert _refusal(_row("1", form)).startswith("gate.conllu, line 1: the form (column 2) is empty: ")


@pytest.mark.skipif(not EWT.exists(), reason="no data folder")
@pytest.mark.parametrize(("split", "sentences", "tokens"), [("train", 12544, 204577), ("dev", 2001, 25147), ("test", 2077, 25094)])
def test_the_english_web_treebank_is_read_whole_and_written_back_byte_for_byte(split: str, sentences: int, tokens: int) -> None:
    path = EWT / f"en_ewt-ud-{split}.conllu.gz"
    records = list(read_conllu(path))
    assert (len(records), sum(map(len, records))) == (sentences, tokens)
    assert all(record.text is not None and "upos" in record.labels for record in records)
    assert _joined(records).encode() == gzip.decompress(path.read_bytes())
