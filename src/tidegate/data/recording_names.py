"""What the names of files say of recordings: a pattern such as '{label}_{group}_{}' over names such as 7_jackson_32.wav."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from tidegate.errors import DataError, RecipeError, nearest

_FIELDS = ("label", "text", "group")
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A pattern of files' names without their endings: {label}, {text}, {group}, {} for anything, all else as it stands.

    A pattern with slashes is one of the folders before the name too: '{group}/{label}_{}'.

    Raises:
        RecipeError: another field, one twice, none at all, or a brace that stands alone.
    """

    text: str
    _regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = _PLACE.findall(self.text)
        expected = f"Expected {', '.join(f'{{{name}}}' for name in _FIELDS)}, and {{}} for anything, as in '{{label}}_{{group}}_{{}}'."
        for name in names:
            if name and name not in _FIELDS:
                raise RecipeError(f"pattern '{self.text}': {{{name}}} is unknown.{nearest(name, _FIELDS)} {expected}")
            if name and names.count(name) > 1:
                raise RecipeError(f"pattern '{self.text}': {{{name}}} stands there twice. Put {{}} for the part that does not count.")
        if not any(names) or set("{}") & set(_PLACE.sub("", self.text)):
            raise RecipeError(f"pattern '{self.text}': {'a brace stands alone' if any(names) else 'it says nothing'}. {expected}")
        parts = _PLACE.split(self.text)
        # Parts alternate: as it stands, a field, as it stands, …
        spelled = [re.escape(part) if place % 2 == 0 else f"(?P<{part}>[^/]+?)" if part else "[^/]*?" for place, part in enumerate(parts)]
        object.__setattr__(self, "_regex", re.compile("".join(spelled)))

    @property
    def fields(self) -> frozenset[str]:
        """What it tells of."""
        return frozenset(self._regex.groupindex)

    def read(self, path: str) -> dict[str, str]:
        """What the path of a file says.

        Raises:
            DataError: it is none of these names.
        """
        parts = os.path.splitext(path)[0].replace(os.sep, "/").split("/")
        name = "/".join(parts[-1 - self.text.count("/") :])
        match = self._regex.fullmatch(name)
        if match is None:
            raise DataError(
                f"{path}: the name '{name}' does not have the form '{self.text}'. Rename the file, leave it out, or give another --pattern."
            )
        return {key: value.strip() for key, value in match.groupdict().items()}
