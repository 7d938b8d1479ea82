"""Labels of a file that training never met: a few count as wrong answers, many mean the wrong file or column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tidegate.data.records import TokenRecord
from tidegate.data.vocabulary import LabelColumn
from tidegate.errors import DataError, nearest

# Treebanks hold a few features in their test files that training lacks (UD English EWT: 0.1 % of FEATS). Above this
# share of the tokens the file is taken for a mistake.
MOST_UNKNOWN = 0.02


class UnknownLabels:
    """Counts tokens whose label the model cannot give.

    Attributes:
        count: how many.
        first: a sentence that names the first of them, its place and the nearest known label; empty while there is none.
    """

    def __init__(self, columns: Iterable[LabelColumn]) -> None:
        self._columns = {column.name: (column, frozenset(column.labels)) for column in columns}
        self._tokens = 0
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
                self._tokens += len(labels)
                unknown = [place for place, label in enumerate(labels) if label not in known]
                self.count += len(unknown)
                if unknown and not self.first:
                    label = labels[unknown[0]]
                    self.first = (
                        f"{record.where(unknown[0])}: label '{label}' of column '{name}' is not among the {len(known)} labels "
                        f"known from training.{nearest(label, column.labels)}"
                    )
            yield record

    def settle(self) -> None:
        """Once all records have passed: says whether there were too many.

        Raises:
            DataError: more than two in a hundred tokens carry labels that the model cannot give.
        """
        if self.count > MOST_UNKNOWN * self._tokens:
            raise DataError(
                f"{self.first} So it is with {self.count:,} of {self._tokens:,} labels. Correct the file, name another "
                "column with --label, or train again with these labels in the training file."
            )
