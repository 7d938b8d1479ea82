"""docs/claims.md: the claims in order, each told from what was measured."""

from __future__ import annotations

from pathlib import Path

from bench.claims import context, costs, gradients, independence, lookahead, memory, summary, superiority, tagging
from bench.claims.claim import Claim, Telling

PAGE, IMAGES = Path("docs/claims.md"), Path("docs/images/claims")
_MODULES = (tagging, costs, context, superiority, memory, gradients, lookahead, summary, independence)
CLAIMS: tuple[Claim, ...] = tuple(sorted((claim for module in _MODULES for claim in module.CLAIMS), key=lambda claim: claim.letter))

_HEAD = """# Claims, measured

What is said of LSTM, Bi-LSTM and GRU, put to the test: an experiment a claim, wins and refutations alike. This page is written by

```text
make claims
```

out of what was measured (`build/claims/`); every number below was printed by the command that stands beside it. Development data choose the
epoch, test data are scored once; "±" is the distance between the best and the worst seed; a p below 0.05 is called a difference, all else a
tie. One thread; trainings are counted in epochs, not in time, so that they come out alike on a machine that does other work. Data sets are
cut to what one core learns in about a minute and networks are small, so scores are lower than those of the full recipes in
[bench/RESULTS.md](../bench/RESULTS.md); what is compared was trained alike.
"""


def write_page() -> str:
    """Writes the page and its figures from what is there; gives a sentence on them."""
    from bench.claims.pictures import save

    tellings: dict[str, Telling] = {}
    for claim in CLAIMS:
        found = claim.found()
        if found is None:
            continue
        tellings[claim.letter] = claim.tell(found)
        for name, figure in claim.pictures(found).items():
            save(figure, IMAGES / name)
    sections = [_section(claim, tellings.get(claim.letter)) for claim in CLAIMS]
    rows = [
        f"| [({claim.letter})](#{_anchor(claim)}) | {claim.title} | "
        f"{tellings[claim.letter].verdict if claim.letter in tellings else 'not measured yet'} |"
        for claim in CLAIMS
    ]
    contents = "\n".join(["| | claim | verdict |", "|---|---|---|", *rows])
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("\n".join([_HEAD, contents, "", *sections]), encoding="utf-8")
    return f"{PAGE}: {len(tellings)} of {len(CLAIMS)} claims"


def _heading(claim: Claim) -> str:
    return f"({claim.letter}) {claim.title}"


def _anchor(claim: Claim) -> str:
    """As GitHub and mkdocs make it of the heading."""
    kept = "".join(sign for sign in _heading(claim).lower() if sign.isalnum() or sign in " -_")
    return kept.replace(" ", "-")


def _section(claim: Claim, telling: Telling | None) -> str:
    command = f"```text\n.venv/bin/python -m bench.claims --only {claim.letter}\n```"
    begin = f"## {_heading(claim)}\n\n**The claim.** {claim.says}\n\n"
    if telling is None:
        return f"{begin}{command}\n\n**Not measured yet.**\n"
    return (
        f"{begin}**What was done.** {telling.done}\n\n{command}\n\n**What came out.**\n\n{telling.came_out}\n\n**Verdict: "
        f"{telling.verdict}.** {telling.because}\n"
    )
