"""`tidegate data connect`: connected speech out of single recordings. Needs no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.options import Quiet, Seed, Version

EXAMPLES = (
    "Examples:\n\n"
    "tidegate data connect recordings/ --pattern '{label}_{group}_{}' --out streams\n\n"
    "tidegate data connect commands/ --streams 500 --count 2-5 --gap 0.1-1 --snr 5-30 --out streams    (folders named by labels)\n\n"
    "tidegate data connect clips.tsv --path file --text said --snr none --out streams"
)


def connect(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Folders of recordings, .wav files, or tables that name them; globs allowed.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write; new or empty.", show_default=False)],
    streams: Annotated[int, typer.Option("--streams", min=1, metavar="N", help="How many to make.")] = 200,
    count: Annotated[str, typer.Option("--count", metavar="LOW-HIGH", help="Recordings in a stream.")] = "1-7",
    gap: Annotated[str, typer.Option("--gap", metavar="LOW-HIGH", help="Seconds of a pause.")] = "0.05-0.5",
    snr: Annotated[
        str, typer.Option("--snr", metavar="LOW-HIGH|none", help="Ratio of sound to added noise in dB; none: pauses are silent.")
    ] = "15-40",
    rate: Annotated[
        int, typer.Option("--rate", min=0, metavar="HZ", help="Samples a second \\[default: of most recordings]", show_default=False)
    ] = 0,
    pattern: Annotated[
        str,
        typer.Option(
            "--pattern", metavar="P", help="What files' names tell, such as '{label}_{group}_{}'; {} is anything.", show_default=False
        ),
    ] = "",
    path: Annotated[str, typer.Option("--path", metavar="COL", help="Tables: column of the files.", show_default=False)] = "",
    label: Annotated[str, typer.Option("--label", metavar="COL", help="Tables: column of the labels.", show_default=False)] = "",
    text: Annotated[str, typer.Option("--text", metavar="COL", help="Tables: column of what is said.", show_default=False)] = "",
    group: Annotated[
        str, typer.Option("--group", metavar="COL", help="Tables: column of speakers; a stream has one.", show_default=False)
    ] = "",
    seed: Seed = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Make connected speech out of single recordings: streams of several with pauses and noise, for training and testing transcribers.

    Writes DIR/stream_0001.wav …, DIR/streams.tsv (path, text, group) and DIR/spans.tsv (path, unit, start, end in seconds).
    """
    from tidegate.data.connected import connected_set, write_connected
    from tidegate.data.ranges import read_count_range, read_range
    from tidegate.data.recordings import read_recordings
    from tidegate.data.resampling import checked_rate

    if rate:
        checked_rate(rate, "--rate")
    counts, gaps = read_count_range(count, "--count"), read_range(gap, "--gap")
    noise = None if snr == "none" else read_range(snr, "--snr")
    found = read_recordings(files, path=path, label=label, text=text, group=group, pattern=pattern, needs="text")
    made = connected_set(
        found.recordings, streams=streams, seed=1 if seed is None else seed, count=counts, rate=rate, gap_seconds=gaps, snr_db=noise
    )
    write_connected(made, out)
    if not quiet:
        for note in found.notes:
            print(f"tidegate: note: {note}", file=sys.stderr)
        units, seconds = sum(len(one.spans) for one in made), sum(one.seconds for one in made)
        print(
            f"{out}: {len(made):,} streams of {units:,} recordings, {seconds:,.0f} s, out of {len(found.recordings):,} recordings; "
            f"their transcripts are in {out / 'streams.tsv'}",
            file=sys.stderr,
        )
