"""What a trained network did with one input: its gates at every step, what its answer hangs on, how long the past is kept.

Where to look:

- `explain` is the way in, for one input, and `dataset` for whole files; they give an `explanation` and a `survey`.
- Gates: `trace` takes them from the layers as these read, `panel` sums them up along the input, `equation` writes one unit's out.
- What the answer hangs on: `influence` takes words, contexts and directions away and gives `evidence`. `occlusion/` takes away single
  words: anew, or `singly`, by `rereading` only what a word changed and `repooling` that.
- `gradients/` asks the same of captum: `integrated` gradients of a score that `scores` (texts, sequences) and `series` build in torch.
- `subjects/`: of each family of models how one input is read, varied and scored. `materials/`: how its files are read for a survey.
- `views/`: the terminal, the page, the picture, all drawn from an explanation's JSON.
"""
