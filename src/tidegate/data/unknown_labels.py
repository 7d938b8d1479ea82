"""Labels of a file that training never met: a few count as wrong answers, many mean the wrong file or column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tidegate.data.records import Source, TextRecord, TokenRecord
from tidegate.data.vocabulary import LabelColumn
from tidegate.errors import DataError, nearest

# Treebanks hold a few features in their test files that training lacks (UD English EWT: 0.1 % of FEATS). Above this
# share the file is taken for a mistake.
MOST_UNKNOWN = 0.02


class UnknownLabels:
    """Counts labels that the model cannot give.

    Attributes:
        count: how many.
        first: a sentence that names the first of them, its place and the nearest known label; empty while there is none.
    """

    def __init__(self, columns: Iterable[LabelColumn]) -> None:
        self._columns = {column.name: (column, frozenset(column.labels)) for column in columns}
        self._labels = 0
        self.count = 0
        self.first = ""

    def watch(self, records: Iterable[TokenRecord]) -> Iterator[TokenRecord]:
        """Passes the records on and looks at their labels.

        Raises:
            DataError: a record lacks one of the label columns.
        """
        for record in records:
            for name, (column, known) in self._columns.items():
                labels = column.of(record)
                unknown = [place for place, label in enumerate(labels) if label not in known]
                self._count(name, len(labels), [(labels[place], record.where(place)) for place in unknown])
            yield record

    def watch_texts(self, records: Iterable[TextRecord], *, may_be_none: bool) -> Iterator[TextRecord]:
        """As `watch`, for texts with labels of their own, in one column.

        Raises:
            DataError: a text carries no label, and `may_be_none` is not set.
        """
        ((name, (_, known)),) = self._columns.items()
        for record in records:
            if not record.labels and not may_be_none:
                raise DataError(f"{record.source}: this text carries no label; every text needs one here. Name the column with --label.")
            self._count(name, len(record.labels), [(label, record.source) for label in record.labels if label not in known])
            yield record

    def _count(self, name: str, labels: int, unknown: list[tuple[str, Source]]) -> None:
        self._labels += labels
        self.count += len(unknown)
        if unknown and not self.first:
            column, known = self._columns[name]
            label, where = unknown[0]
            self.first = (
                f"{where}: label '{label}' of column '{name}' is not among the {len(known)} labels "
                f"known from training.{nearest(label, column.labels)}"
            )

    def settle(self) -> None:
        """Once all records have passed: says whether there were too many.

        Raises:
            DataError: more than two in a hundred labels are ones that the model cannot give.
        """
        if self.count > MOST_UNKNOWN * self._labels:
            raise DataError(
                f"{self.first} So it is with {self.count:,} of {self._labels:,} labels. Correct the file, name another "
                "column with --label, or train again with these labels in the training file."
            )
