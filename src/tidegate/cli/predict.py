"""`tidegate predict`: answers for files or for standard input. Needs no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli import options, sequence_options, series_options
from tidegate.cli.options import BatchTokens, Model, Quiet, Seed, Threads, Version

_INPUTS = ("auto", "text", "tokens", "conllu")


def predict(
    model: Model,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE...|-]", help="Input files, or - for standard input (also without any).", show_default=False),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--input",
            metavar="auto|text|tokens|conllu",
            help="text: a sequence a line, cut by the word rule; tokens: a sequence a line, blanks between; auto: by "
            "the file's name and content.",
        ),
    ] = "auto",
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="jsonl|csv|conllu|text",
            help="Output form; conllu is for taggers, text for language models and translators \\[default: by --output's suffix; else "
            "jsonl, of series csv, where there is text on a terminal text]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here, whole or not at all \\[default: standard output]", show_default=False
        ),
    ] = None,
    with_input: Annotated[bool, typer.Option("--with-input", help="Repeat the text and the labels that the input carried.")] = False,
    abstain_below: Annotated[
        float | None,
        typer.Option(
            "--abstain-below",
            min=0.0,
            max=1.0,
            metavar="P",
            help="Give no label (null) where its probability is below P.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            min=0.0,
            max=1.0,
            metavar="P",
            help="Classifier: call a text positive from this probability on; of several labels a text, give those from P on.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="COL", help="Classifier: the column of the text \\[default: as in training, else found]", show_default=False
        ),
    ] = None,
    prompt: options.Prompt = None,
    length: options.Length = None,
    temperature: options.Temperature = None,
    top_k: options.TopK = None,
    top_p: options.TopP = None,
    stop: options.Stop = None,
    seed: Seed = None,
    source: options.SourceColumn = None,
    beam: options.Beam = None,
    n_best: options.NBest = None,
    length_penalty: options.LengthPenalty = None,
    coverage_penalty: options.CoveragePenalty = None,
    wait_k: options.WaitK = None,
    with_attention: options.WithAttention = False,
    lookahead: sequence_options.Lookahead = None,
    future: series_options.Future = None,
    horizon: series_options.PredictHorizon = None,
    plot: series_options.Plot = None,
    batch_tokens: BatchTokens = None,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Answer files or standard input: JSON Lines, one object per input, in order; an empty line has an answer too.

    A language model goes on with each line, or fills the blanks in it; on a terminal its text appears as it comes. A translator answers
    each line, up to its first tab, by the target. A forecaster reads tables as `train` does and writes a row for each step after the last
    known value; a filler writes the same table with its holes filled. Models of sequences and of sound read files as `train` does, and of
    standard input a table or a .wav file. While a sequence, a sentence or a text still comes, tidegate stream answers step by step or
    word by word.

    Examples:

    tidegate predict model/ input.txt > answers.jsonl

    tail -f messages.log | tidegate predict model/

    tidegate predict model/ raw.conllu --output tagged.conllu

    tidegate predict spam-model/ new.csv --threshold 0.9 --with-input --output answers.csv

    tidegate predict writer/ --prompt 'ROMEO:' --length 300 --temperature 0.8

    tidegate predict two-way-model/ --prompt 'the ___ barked' --n-best 3

    tidegate predict translator/ sources.txt --beam 5 --n-best 3 --output targets.jsonl

    echo colonel | tidegate predict sounds/ --format text --with-attention

    tidegate predict pump-gru/ pump.csv --plot next.svg > next.csv

    tidegate predict shop-gru/ shop.csv --future plan.csv --horizon 7d --format jsonl

    tidegate predict pump-bigru/ pump.csv --output whole.csv --plot holes.png    (a filler: holes filled and marked)

    tidegate predict moves-bilstm/ new.csv --abstain-below 0.8 --format csv    (sequences of numbers)

    tidegate predict digits-gru/ one.wav 'more/*.wav'

    tidegate predict streams-bilstm/ call.wav --beam 16 --n-best 3    (a transcriber)
    """
    from tidegate.threads import use_threads

    use_threads(threads)
    from tidegate.cli.answers import stream_to
    from tidegate.cli.fitting import PREDICT, check_form, form_for, kind_of, refuse_misfits
    from tidegate.errors import OutputError, RecipeError, nearest
    from tidegate.runtime import (
        FillModel,
        ForecastModel,
        GenerateModel,
        SequenceClassifyModel,
        SequenceTagModel,
        TranscribeModel,
        TranslateModel,
        load,
    )

    if kind not in _INPUTS:
        raise RecipeError(f"--input {kind} is not one of {', '.join(_INPUTS)}.{nearest(kind, _INPUTS)}")
    check_form(form)
    loaded = load(model)
    labelling = {"--input": None if kind == "auto" else kind, "--with-input": with_input, "--abstain-below": abstain_below}
    labelling |= {"--threshold": threshold, "--text": text, "--batch-tokens": batch_tokens}
    sampling = {"length": length, "temperature": temperature, "top_k": top_k, "top_p": top_p, "stop": stop}
    search = {"beam": beam, "length_penalty": length_penalty, "coverage_penalty": coverage_penalty, "wait_k": wait_k}
    writing = {f"--{name.replace('_', '-')}": value for name, value in {**sampling, "seed": seed, "n_best": n_best, **search}.items()}
    does = kind_of(loaded)
    others = {"--prompt": prompt, "--source": source, "--with-attention": with_attention}
    over_time = {"--future": future, "--horizon": horizon, "--plot": plot, "--lookahead": lookahead}
    refuse_misfits(does, {**labelling, **writing, **others, **over_time}, PREDICT)
    is_terminal = output is None and sys.stdout is not None and sys.stdout.isatty()
    settled = form_for(does, form, output, is_terminal=is_terminal)
    if settled == "jsonl" and form is None and output is not None and output.suffix not in (".jsonl", ".json") and not quiet:
        print(f"{output} is written as JSON Lines; --format names another form.", file=sys.stderr)
    for name in files or []:
        if output is not None and output.exists() and output.resolve() == Path(name).resolve():
            raise OutputError(f"--output {output} is the input itself, which would be lost. Name another place.")
    if plot is not None:
        from tidegate.runtime.picture_files import check_picture_file

        check_picture_file(plot, "--plot")
    is_shown = not (quiet or is_terminal)
    if isinstance(loaded, ForecastModel):
        from tidegate.cli.series import answer_forecasts

        answer_forecasts(loaded, files or [], output, settled, future=future or (), horizon=horizon, plot=plot, quiet=quiet)
        return
    if isinstance(loaded, FillModel):
        from tidegate.cli.series import answer_fillings

        answer_fillings(loaded, files or [], output, settled, plot=plot, quiet=quiet)
        return
    if isinstance(loaded, SequenceClassifyModel | SequenceTagModel | TranscribeModel):
        from tidegate.cli.sequences import answer_sequences

        searching = isinstance(loaded, TranscribeModel)
        options = {"beam": beam, "n_best": n_best} if searching else {"abstain_below": abstain_below}
        over = {**options, "lookahead": lookahead, "batch_tokens": batch_tokens}
        answer_sequences(loaded, files or [], output, settled, over, with_input=with_input, is_shown=is_shown, quiet=quiet)
        return
    with stream_to(output) as stream:
        if isinstance(loaded, GenerateModel):
            from tidegate.cli.generation import Writing, prompts_of

            given = {name: value for name, value in {**sampling, "n_best": n_best}.items() if value is not None}
            texts = prompts_of(prompt or [], files or [], is_two_way=loaded.is_two_way)
            try:
                Writing(loaded, stream, settled, is_terminal, quiet, given, 1 if seed is None else seed).answer(texts)
            except KeyboardInterrupt:
                raise typer.Exit(130) from None  # what was written stays
        elif isinstance(loaded, TranslateModel):
            from tidegate.cli.inputs import Sources
            from tidegate.cli.translation import Translating

            given = {name: value for name, value in {**search, "n_best": n_best}.items() if value is not None}
            translating = Translating(loaded, stream, settled, with_input, with_attention, quiet, given)
            translating.answer(Sources(loaded, source or "", quiet), files or ["-"], is_shown=is_shown)
        else:
            from tidegate.cli.answers import writer_for
            from tidegate.cli.inputs import Inputs
            from tidegate.cli.labelling import label

            answering = {"batch_tokens": batch_tokens, "abstain_below": abstain_below, "threshold": threshold}
            asked = {name: value for name, value in answering.items() if value is not None}
            write = writer_for(settled, stream, loaded, with_input=with_input)
            label(Inputs(loaded, kind, text or "", quiet), files or ["-"], write, stream, asked, is_shown=is_shown)
