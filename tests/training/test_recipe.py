from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.errors import RecipeError
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.durations import seconds_of, spoken
from tidegate.training.recipe import Recipe, build_recipe, parse_setting, recipe_names
from tidegate.training.tagging.recipe import TagRecipe


def test_precedence_is_preset_then_file_then_options_then_set(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('hidden_size = 11\nword_size = 12\narch = "gru"\n', encoding="utf-8")
    recipe = build_recipe(TagRecipe, preset="fast", recipe=path, options={"word_size": 13, "arch": "rnn"}, settings={"arch": "bigru"})
    assert (recipe.max_epochs, recipe.hidden_size, recipe.word_size, recipe.arch) == (
        TagRecipe.PRESETS["fast"]["max_epochs"],
        11,
        13,
        "bigru",
    )


def test_unknown_key_is_refused_and_the_nearest_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("# mine\nlabel = 'upos'\nhiden_size = 3\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=rf"{path}, line 3: unknown key 'hiden_size'\. Did you mean 'hidden_size'\?"):
        build_recipe(TagRecipe, recipe=path)
    with pytest.raises(RecipeError, match=r"^unknown key 'learning_rte'\. Did you mean 'learning_rate'\?"):
        build_recipe(TagRecipe, settings={"learning_rte": 1})
    with pytest.raises(RecipeError, match=r"unknown key 'zzz'\. Known keys: task, arch, seed"):
        build_recipe(TagRecipe, options={"zzz": 1})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("hidden_size", 0, "hidden_size = 0 does not fit: input should be greater than or equal to 1."),
        ("dropout", 1.5, "dropout = 1.5 does not fit: input should be less than 1."),
        ("hidden_size", "wide", "hidden_size = 'wide' does not fit: input should be a valid integer"),
        ("character_encoder", "cn", "character_encoder = 'cn' does not fit: input should be 'cnn', 'bilstm' or 'none'."),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_what_would(key: str, value: object, message: str) -> None:
    with pytest.raises(RecipeError) as error:
        build_recipe(TagRecipe, settings={key: value})
    assert message in str(error.value)


def test_an_unknown_arch_names_all_and_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"arch 'bilst' is not one of rnn, lstm, gru, .*Did you mean 'bilstm'\?"):
        build_recipe(TagRecipe, options={"arch": "bilst"})


def test_an_unknown_preset_or_recipe_names_what_there_is() -> None:
    with pytest.raises(RecipeError, match=r"preset 'fats' is not one of fast, default, best\. Did you mean 'fast'\?"):
        build_recipe(TagRecipe, preset="fats")
    with pytest.raises(RecipeError, match=r"recipe 'wnut' is neither a TOML file nor one of: .*wnut17\. Did you mean 'wnut17'\?"):
        build_recipe(TagRecipe, recipe="wnut")
    with pytest.raises(RecipeError, match=r"recipe .*no.toml cannot be read: No such file or directory\. Give a TOML file or one of"):
        build_recipe(TagRecipe, recipe="no.toml")


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("arch = 'gru'\nlabel upos\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"r.toml is not TOML: .*line 2.*A line reads key = value, text in quotes"):
        build_recipe(TagRecipe, recipe=path)
    path.write_bytes(b"arch = '\xff'\n")
    with pytest.raises(RecipeError, match=r"r.toml is not UTF-8 \(byte 8\)\. Save it as UTF-8"):
        build_recipe(TagRecipe, recipe=path)


@pytest.mark.parametrize(
    ("schema", "task", "name"),
    [(schema, task, name) for schema, task in ((TagRecipe, "tag"), (ClassifyRecipe, "classify")) for name in recipe_names(schema)],
)
def test_every_recipe_that_comes_along_is_valid(schema: type[Recipe], task: str, name: str) -> None:
    assert build_recipe(schema, recipe=name).task == task


def test_each_task_has_recipes_of_its_own_and_one_of_another_task_is_refused(tmp_path: Path) -> None:
    assert {"sms_spam", "banking77", "clinc150", "snips_nlu", "sentence_polarity"} <= set(recipe_names(ClassifyRecipe))
    assert "snips_nlu" in recipe_names(TagRecipe)
    assert "sms_spam" not in recipe_names(TagRecipe)
    (tmp_path / "r.toml").write_text('task = "tag"\n', encoding="utf-8")
    with pytest.raises(RecipeError, match=r"r\.toml, line 1: task = 'tag' does not fit: input should be 'classify'"):
        build_recipe(ClassifyRecipe, recipe=tmp_path / "r.toml")


@pytest.mark.parametrize("schema", [TagRecipe, ClassifyRecipe])
@pytest.mark.parametrize("preset", ["fast", "default", "best"])
def test_every_preset_is_valid_and_sets_what_it_says(preset: str, schema: type[Recipe]) -> None:
    recipe = build_recipe(schema, preset=preset)
    assert {key: getattr(recipe, key) for key in schema.PRESETS[preset]} == schema.PRESETS[preset]


def test_every_key_explains_itself() -> None:
    for name, field in TagRecipe.model_fields.items():
        assert field.description or name == "task", name


def test_settings_are_toml_where_they_can_be() -> None:
    assert parse_setting("hidden_size=256") == ("hidden_size", 256)
    assert parse_setting("arch=bigru") == ("arch", "bigru")
    assert parse_setting("label=['upos', 'xpos']") == ("label", ["upos", "xpos"])
    with pytest.raises(RecipeError, match=r"--set hidden_size: expected key=value, for instance --set hidden_size=256"):
        parse_setting("hidden_size")


def test_durations() -> None:
    assert [seconds_of(text) for text in ("90s", "10m", "1.5h", "60d", "7")] == [90, 600, 5400, 5184000, 7]
    for wrong in ("", "ten", "5y", "-3s", "0m"):
        with pytest.raises(RecipeError, match="is no duration; write a number and a unit, for instance 90s, 10m, 2h or 60d"):
            seconds_of(wrong)
    assert [spoken(seconds) for seconds in (5, 185, 3725)] == ["5 s", "3:05 min", "1:02 h"]
    with pytest.raises(RecipeError, match=r"time_budget = 'soon' does not fit|'soon' is no duration"):
        build_recipe(TagRecipe, options={"time_budget": "soon"})


def test_batch_size_and_epochs_follow_the_size_of_the_data_unless_given() -> None:
    assert [(r.batch_tokens, r.max_epochs) for r in (build_recipe(TagRecipe).settled(n) for n in (50, 4_000, 22_000, 204_577))] == [
        (100, 50),
        (100, 50),
        (220, 30),
        (800, 15),
    ]
    given = build_recipe(TagRecipe, options={"batch_tokens": 7, "max_epochs": 2}).settled(4_000)
    assert (given.batch_tokens, given.max_epochs) == (7, 2)


def test_a_label_column_may_be_a_number_everywhere() -> None:
    assert build_recipe(TagRecipe, settings=dict([parse_setting("label=3")])).label == ("3",)
    assert build_recipe(TagRecipe, options={"label": [2, "upos"]}).label == ("2", "upos")


@pytest.mark.parametrize(("key", "value"), [("time_budget", 0), ("time_budget", -5), ("learning_rate", float("inf")), ("seed", 2**64)])
def test_impossible_numbers_are_refused(key: str, value: float) -> None:
    with pytest.raises(RecipeError, match=f"{key} = .* does not fit"):
        build_recipe(TagRecipe, settings={key: value})


@pytest.mark.parametrize(("theirs", "ours"), [("batch_size", "batch_tokens"), ("lr", "learning_rate"), ("epochs", "max_epochs")])
def test_other_tools_words_lead_to_ours(theirs: str, ours: str) -> None:
    with pytest.raises(RecipeError, match=f"unknown key '{theirs}'. Did you mean '{ours}'?"):
        build_recipe(TagRecipe, options={theirs: 3})


@pytest.mark.parametrize("schema", [TagRecipe, ClassifyRecipe])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"arch": "birnn", "layer_norm": True}, "layer_norm = True does not fit: the plain rnn has no layer_norm; lstm, gru and"),
        ({"arch": "bigru", "zoneout_cell": 0.1}, "zoneout_cell = 0.1 does not fit: gru has no state c to keep"),
        ({"arch": "bimingru", "recurrent_dropout": 0.1}, "recurrent_dropout = 0.1 does not fit: mingru has no recurrent matrix"),
        ({"arch": "minlstm", "layer_norm": True}, "layer_norm = True does not fit: minlstm has no recurrent matrix"),
        ({"recurrent_dropout": 1.0}, "recurrent_dropout = 1.0 does not fit: input should be less than 1."),
        ({"zoneout": -0.1}, "zoneout = -0.1 does not fit: input should be greater than or equal to 0."),
        ({"arch": "bilsm", "zoneout": 0.1}, "arch 'bilsm' is not one of"),
        ({"wdrop": 0.1}, "unknown key 'wdrop'. Did you mean 'weight_drop'?"),
        ({"variational_dropout": 0.1}, "unknown key 'variational_dropout'. Did you mean 'dropout'?"),
    ],
)
def test_variants_that_a_cell_does_not_have_are_refused(schema: type[Recipe], settings: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError) as error:
        build_recipe(schema, settings=settings)
    assert said in str(error.value)


@pytest.mark.parametrize("schema", [TagRecipe, ClassifyRecipe])
def test_variants_that_a_cell_has_are_kept(schema: type[Recipe]) -> None:
    settings = {"recurrent_dropout": 0.3, "zoneout": 0.1, "zoneout_cell": 0.2, "weight_drop": 0.4, "layer_norm": True}
    recipe = build_recipe(schema, options={"arch": "bilstm", **settings})
    assert recipe.model_dump(include=set(settings)) == settings
