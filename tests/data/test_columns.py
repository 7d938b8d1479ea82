"""Column files of every usual shape are read without being told their shape; wrong ones are refused with the line."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.columns import read_columns, sniff
from tidegate.data.records import TokenRecord
from tidegate.decoding.schemes import spans_of
from tidegate.errors import DataError

DATA = Path(os.environ.get("TIDEGATE_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
needs_data = pytest.mark.skipif(not DATA.exists(), reason="no data folder")


class Reader:
    """Writes a file and reads it, or takes down the refusal."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "in.conll"

    def __call__(self, text: str, *label: str, token: str | None = None) -> list[TokenRecord]:
        self.path.write_text(text, encoding="utf-8", newline="")
        return list(read_columns(self.path, label=label, token=token))

    def refusal(self, text: str, *label: str, token: str | None = None) -> str:
        with pytest.raises(DataError) as caught:
            self(text, *label, token=token)
        return str(caught.value)


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def _plain(records: Sequence[TokenRecord]) -> list[list[tuple[str, ...]]]:
    return [list(zip(record.tokens, *record.labels.values(), strict=True)) for record in records]


EXPECTED = [[("Kim", "B-PER"), ("sails", "O")], [("Ebb", "O")]]


@pytest.mark.parametrize(
    "text",
    [
        "Kim\tB-PER\nsails\tO\n\nEbb\tO\n",
        "Kim B-PER\nsails   O\n\nEbb \t O\n",
        "Kim,B-PER\nsails,O\n\nEbb,O\n",
        "Kim;B-PER\nsails;O\n;\nEbb;O\n",
        "Kim | B-PER\nsails | O\n\nEbb | O\n",
        "Kim, B-PER\nsails, O\n\nEbb, O\n",
        "\ufeffKim\tB-PER\r\nsails\tO\r\n\t\r\nEbb\tO",
        "Kim\tNN\tB-PER\nsails\tVB\tO\n \n\n\nEbb\tNN\tO\n\n\n",
        "-DOCSTART- -X- O\n\nKim NN B-PER\nsails VB O\n\n-DOCSTART- -X- O\n\nEbb NN O\n",
        "1\tKim\tB-PER\n2\tsails\tO\n\n1\tEbb\tO\n",
        "token\tner\nKim\tB-PER\nsails\tO\n\nEbb\tO\n",
        "# a remark on the file\n\n# text = Kim sails\nKim\tB-PER\nsails\tO\n\n# again\nEbb\tO\n",
    ],
)
def test_the_last_column_of_any_usual_layout_is_read_as_label(read: Reader, text: str) -> None:
    records = read(text)
    assert _plain(records) == EXPECTED
    assert all(list(record.labels) == ["label"] for record in records)


def test_records_know_the_lines_of_their_tokens(read: Reader) -> None:
    first, second = read("# c\nKim\tB-PER\nsails\tO\n\nEbb\tO\n")
    assert (first.lines, second.lines) == ((2, 3), (5,))
    assert str(first.source) == f"{read.path}, line 2"


def test_a_token_with_a_blank_in_it_stays_whole_between_tabs(read: Reader) -> None:
    assert _plain(read("New York\tB-LOC\n20 000\tO\n, ,\tO\n")) == [[("New York", "B-LOC"), ("20 000", "O"), (", ,", "O")]]


def test_commas_inside_tokens_do_not_make_a_comma_file(read: Reader) -> None:
    assert _plain(read("1,000 CD\n2,000 CD\n")) == [[("1,000", "CD"), ("2,000", "CD")]]
    assert _plain(read(", ,\n")) == [[(",", ",")]]


def test_quoted_and_bare_quotes_are_both_read_from_a_comma_file(read: Reader) -> None:
    assert _plain(read('Kim,B-PER\n",",O\n"""",O\n",O\n"a ""b""",O\n')) == [
        [("Kim", "B-PER"), (",", "O"), ('"', "O"), ('"', "O"), ('a "b"', "O")]
    ]


def test_a_hash_with_a_label_beside_it_is_a_token(read: Reader) -> None:
    assert _plain(read("#\tO\n1\tO\n\n#rnn\tO\n\n# O\tO\n")) == [[("#", "O"), ("1", "O")], [("#rnn", "O")], [("# O", "O")]]
    assert _plain(read("Kim O\n\n# O\n5 O\n\n# sent_id = 1\nEbb O\n")) == [[("Kim", "O")], [("#", "O"), ("5", "O")], [("Ebb", "O")]]


def test_a_comment_with_as_many_blanks_as_columns_is_still_a_comment(read: Reader) -> None:
    assert _plain(read("# sent_id = 7\nKim NN B-NP B-PER\n", "4")) == [[("Kim", "B-PER")]]


CONLL = "Kim NNP B-NP B-PER\nsails VBZ B-VP O\n"


def test_labels_are_asked_for_by_number_from_either_end(read: Reader) -> None:
    assert read(CONLL, "2")[0].labels == {"label": ("NNP", "VBZ")}
    assert read(CONLL, "-1")[0].labels == {"label": ("B-PER", "O")}
    assert read(CONLL, "2", "-1")[0].labels == {"column2": ("NNP", "VBZ"), "column4": ("B-PER", "O")}
    assert read(CONLL, "column2")[0].labels == {"column2": ("NNP", "VBZ")}
    assert read(CONLL, "label", "2")[0].labels == {"label": ("B-PER", "O"), "column2": ("NNP", "VBZ")}


@pytest.mark.parametrize("header", ["word pos chunk ner\n", "word pos chunk ner\n\n", "# global.columns = WORD POS CHUNK NER\n"])
def test_labels_are_asked_for_by_the_names_that_the_file_gives(read: Reader, header: str) -> None:
    records = read(header + CONLL, "pos", "ner")
    assert [record.labels for record in records] == [{"pos": ("NNP", "VBZ"), "ner": ("B-PER", "O")}]
    assert records[0].tokens == ("Kim", "sails")


def test_the_named_token_column_is_found_wherever_it_stands(read: Reader) -> None:
    assert _plain(read("ner,Word\nB-PER,Kim\nO,sails\n", "ner")) == [[("Kim", "B-PER"), ("sails", "O")]]
    assert _plain(read("B-PER\tKim\nO\tsails\n", "1", token="2")) == [[("Kim", "B-PER"), ("sails", "O")]]
    assert _plain(read("lemma\tsurface\tpos\nsail\tsails\tVB\n", "pos", token="surface")) == [[("sails", "VB")]]


def test_conllu_plus_skips_multiword_tokens_and_empty_nodes(read: Reader) -> None:
    text = "# global.columns = ID FORM UPOS MY:TAG\n1-2\tzum\t_\t_\n1\tzu\tADP\tO\n2\tdem\tDET\tO\n2.1\tx\tX\tO\n"
    assert read(text, "my:tag", "upos")[0].labels == {"my:tag": ("O", "O"), "upos": ("ADP", "DET")}


def test_numbers_in_the_first_of_two_columns_are_tokens(read: Reader) -> None:
    assert _plain(read("1\tO\n2\tO\n")) == [[("1", "O"), ("2", "O")]]


def test_a_first_column_that_does_not_count_is_no_id(read: Reader) -> None:
    assert _plain(read("1\tCD\tO\n5\tCD\tO\n")) == [[("1", "O"), ("5", "O")]]


UNER = """\
# sent_id = s1
# text = Kim Lee sails.
1\tKim\tB-PER\t-\tann
2\tLee\tI-PER\t-\tann
3\tsails\tO\t-\tann
4\t.\tO\t-\tann

# sent_id = s2
# text = Ebb
1\tEbb\tO\t-\tann
"""


@pytest.mark.parametrize("label", [(), ("label",), ("ner",), ("3",), ("-3",)])
def test_universal_ner_is_recognised_by_its_five_columns(read: Reader, label: tuple[str, ...]) -> None:
    first, second = read(UNER, *label)
    assert first.tokens == ("Kim", "Lee", "sails", ".")
    assert first.labels == {("ner" if label == ("ner",) else "label"): ("B-PER", "I-PER", "O", "O")}
    assert (first.text, first.offsets) == ("Kim Lee sails.", ((0, 3), (4, 7), (8, 13), (13, 14)))
    assert second.tokens == ("Ebb",)


def test_a_file_without_content_gives_no_records(read: Reader) -> None:
    assert read("") == []
    assert read("\n \n# only a remark\n") == []


def test_a_row_with_another_number_of_columns_is_refused_with_its_line_and_both_counts(read: Reader) -> None:
    assert read.refusal("Kim\tB-PER\nsails\nEbb\tO\n") == (
        f"{read.path}, line 2: 1 column found, 2 expected as in most rows, separated by tabs: 'sails'. "
        "Correct the row; sentences are separated by an empty line."
    )
    assert "line 1: 3 columns found, 4 expected as in most rows, separated by blanks: 'Kim NNP B-PER'" in read.refusal(
        "Kim NNP B-PER\n" + CONLL
    )


def test_a_row_without_a_token_is_refused_with_its_line(read: Reader) -> None:
    message = read.refusal("Kim\tB-PER\n\tO\nEbb\tO\n")
    assert message.startswith(
        f"{read.path}, line 2: the token (column 1) is missing: '\\tO'. Every row needs one; write the token, or remove the row"
    )
    assert "line 2: the token (column 1) is missing" in read.refusal("Kim\tO\n \tO\nEbb\tO\n")


def test_an_unknown_column_is_refused_with_the_columns_there_are_and_the_nearest(read: Reader) -> None:
    message = read.refusal("word pos chunk ner\n" + CONLL, "pos", "nerr")
    assert message == (
        f"{read.path}: there is no column 'nerr'. Did you mean 'ner'? Columns here: 1 'word', 2 'pos', 3 'chunk', 4 'ner'. Ask for one "
        "by name or number."
    )


@pytest.mark.parametrize("number", ["0", "5", "-5"])
def test_a_column_number_out_of_range_is_refused_with_the_range(read: Reader, number: str) -> None:
    message = read.refusal(CONLL, number)
    assert (
        f"there is no column {number}; columns are numbered 1 to 4, from the end -1 to -4. Columns here: 1 'token', 2 'column2', 3 "
        f"'column3', 4 'label'" in message
    )


def test_the_token_column_is_refused_as_a_label(read: Reader) -> None:
    assert "column 1 ('token') holds the tokens; a column of labels was expected" in read.refusal(CONLL, "1")


def test_a_file_of_one_column_is_refused(read: Reader) -> None:
    message = read.refusal("\nKim\nsails\n")
    assert message.startswith(f"{read.path}, line 2: one column found; a token and its label were expected, separated by a tab")


def test_a_header_of_another_width_is_refused(read: Reader) -> None:
    assert "line 1: the header names 2 columns, but most rows have 3" in read.refusal("word\tner\nKim\tNN\tO\nsails\tVB\tO\n", "ner")


def test_sniffing_tells_how_sure_it_is() -> None:
    found = sniff(["a b", "a b", "a b c", ""])
    assert found is not None
    assert (found.delimiter, found.width, round(found.share, 2)) == (" ", 2, 0.67)
    assert sniff(["", "# remark"]) is None


CELLS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=6)


@given(st.lists(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5), min_size=1, max_size=5))
def test_any_tokens_and_labels_between_tabs_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[tuple[str, str]]]
) -> None:
    # The header keeps chance from making one of the first row.
    path = tmp_path_factory.mktemp("columns") / "in.tsv"
    path.write_text(
        "token\tlabel\n" + "\n".join("".join(f"{t}\t{c}\n" for t, c in rows) for rows in sentences), encoding="utf-8", newline=""
    )
    assert _plain(list(read_columns(path, label=("label",)))) == sentences


def _counts(records: Sequence[TokenRecord]) -> tuple[int, int, int]:
    return len(records), sum(map(len, records)), sum(len(spans_of(record.labels["label"], "IOB2")) for record in records)


@needs_data
@pytest.mark.parametrize(
    ("file", "sentences", "tokens", "entities"),
    [
        ("wnut17/wnut17train.conll.gz", 3394, 62730, 1975),
        ("wnut17/emerging.dev.conll.gz", 1009, 15733, 836),
        ("wnut17/emerging.test.annotated.gz", 1287, 23394, 1079),
        ("broad_twitter_corpus/btc.train.gz", 6338, 99933, 8779),
    ],
)
def test_tweets_are_read_whole_with_breaks_of_a_tab_alone(file: str, sentences: int, tokens: int, entities: int) -> None:
    assert _counts(list(read_columns(DATA / file, label=()))) == (sentences, tokens, entities)


@needs_data
@pytest.mark.parametrize(
    ("file", "line", "sentences", "tokens", "entities"),
    [("btc.dev.gz", 7465, 1001, 15027, 1730), ("btc.test.gz", 13046, 2001, 35428, 4376)],
)
def test_tweets_with_missing_tokens_are_refused_at_the_first_and_read_whole_once_they_are_mended(
    tmp_path: Path, file: str, line: int, sentences: int, tokens: int, entities: int
) -> None:
    path = DATA / "broad_twitter_corpus" / file
    with pytest.raises(DataError, match=rf"{file}, line {line}: the token \(column 1\) is missing"):
        list(read_columns(path, label=()))
    mended = tmp_path / "mended.conll"
    rows = gzip.decompress(path.read_bytes()).decode().split("\n")
    mended.write_text("\n".join("?\tO" if row.strip() == "O" else row for row in rows), encoding="utf-8", newline="")
    assert _counts(list(read_columns(mended, label=()))) == (sentences, tokens, entities)
