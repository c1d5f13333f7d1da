import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scr_live.errors import DataError, OptionError
from scr_live.network.config import NetworkConfig
from scr_live.training.recipe import Recipe
from scr_live.training.recipe_file import find_recipe, read_recipe, recipe_names, to_toml, with_settings


@pytest.fixture
def load(tmp_path):
    def _load(text):
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return read_recipe(path)

    return _load


def test_what_is_not_said_keeps_its_default(load):
    assert load("") == Recipe()
    assert load("steps = 10").steps == 10
    assert load("steps = 10").batch == Recipe().batch


def test_all_kinds_of_values_are_read(load):
    recipe = load(
        """
        imagenet = false
        sizes = [64, 96]
        final_size = 128
        rate = 1
        set_weights = {kvasir-seg = 2, negatives = 0.5}
        [network]
        encoder = "plain"
        width = 16
        scm = false
        """
    )
    assert recipe.network == NetworkConfig(encoder="plain", width=16, scm=False)
    assert recipe.sizes == (64, 96)
    assert recipe.imagenet is False
    assert (type(recipe.rate), recipe.rate) == (float, 1.0)
    assert recipe.set_weights == (("kvasir-seg", 2.0), ("negatives", 0.5))


def test_the_encoders_own_widths_can_be_asked_for(load):
    assert load('[network]\nencoder = "plain"\nwidth = "own"').network.width is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("stpes = 10", r"unknown keys \['stpes'\]"),
        ('steps = "many"', "steps must be a whole number, found 'many'"),
        ("steps = 1.5", "steps must be a whole number"),
        ("steps = true", "steps must be a whole number"),
        ('rate = "fast"', "rate must be a number"),
        ("imagenet = 1", "imagenet must be true or false"),
        ("sizes = 256", "sizes must be a list"),
        ('sizes = [256, "big"]', "sizes must be a whole number, found 'big'"),
        ("set_weights = [1, 2]", "set_weights must be a table"),
        ('set_weights = {a = "x"}', r"set_weights\.a must be a number"),
        ("network = 3", "network must be a table"),
        ("[network]\ndepth = 3", r"network has unknown keys \['depth'\]"),
        ('[network]\nscm = "off"', r"network\.scm must be true or false"),
        ('[network]\nwidth = "wide"', r"network\.width must be a whole number"),
        ("[network]\nwidth = 0", r"network\.width must lie in 1\.\.1024, or be 'own'"),
        ("[network]\nwidth = 100000000", r"network\.width must lie in"),
    ],
)
def test_a_wrong_key_or_type_is_named_with_the_file(load, text, key):
    with pytest.raises(DataError, match=key) as caught:
        load(text)
    assert "recipe.toml" in str(caught.value)


@pytest.mark.parametrize("text", ["steps = ", "= 3", "[network", "a=" + 5000 * "[", "\0"])
def test_what_is_no_toml_is_refused(load, text):
    with pytest.raises(DataError, match="is no valid TOML"):
        load(text)


def test_a_recipe_is_found_by_name_or_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("steps = 3")
    assert find_recipe(str(path)) == path
    assert find_recipe("plain").name == "plain.toml"


@pytest.mark.parametrize("name", ["plian", "none/such.toml", 5000 * "a", "a\0b"])
def test_a_missing_recipe_is_named_with_those_there_are(name):
    with pytest.raises(DataError, match=rf"No recipe {re.escape(repr(name))}.*lite0, plain"):
        find_recipe(name)


def test_an_impossible_value_in_a_file_is_named_with_the_file(load):
    with pytest.raises(OptionError, match="batch must lie in") as caught:
        load("batch = 0")
    assert "recipe.toml" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"negatives_per_batch": 8}, "negatives_per_batch"),
        ({"batch": 0}, "batch"),
        ({"steps": 0}, "steps"),
        ({"validate_every": -1}, "validate_every"),
        ({"epochs": 3.0}, "either steps or epochs"),
        ({"steps": 0, "epochs": -1.0}, "epochs must lie in"),
        ({"optimizer": "sgd"}, "optimizer must be adamw or adam, found 'sgd'"),
        ({"warmup": "none"}, "warmup must be linear or paper"),
        ({"warmup": "paper", "warmup_from": 0.01}, "warmup_from must not lie above"),
        ({"augmentation": "strong"}, "augmentation must be endoscopy or paper"),
        ({"precision": "bf16"}, "precision must be float32 or mixed"),
        ({"gradient_clip": -1.0}, "gradient_clip"),
        ({"boundary_weight": -1.0}, "boundary_weight"),
        ({"deep_supervision": float("inf")}, "deep_supervision"),
        ({"rate": -1e-3}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"ema": 1.5}, "ema"),
        ({"bce_share": -0.1}, "bce_share"),
        ({"final_share": 2.0}, "final_share"),
        ({"sizes": ()}, "sizes"),
        ({"sizes": (100,)}, "sizes"),
        ({"final_size": 0}, "final_size"),
        ({"set_weights": (("a", -1.0),)}, "set_weights"),
        ({"set_weights": (("a", 1e308),)}, "set_weights"),
        ({"set_weights": (("a", 1e-320),)}, "set_weights"),
        ({"seed": 2**32}, r"seed must lie in 0\.\.4294967295"),
        ({"batch": 10**12}, r"batch must lie in 1\.\.4096"),
        ({"final_size": 3200000}, "multiples of 32, 4096 at most"),
        ({"rate": 1e308}, r"rate must lie in 0\.\.100"),
        ({"rate": float("inf")}, "rate"),
        ({"steps": 0, "epochs": 1e300}, "epochs"),
    ],
)
def test_an_impossible_value_is_named(change, key):
    with pytest.raises(OptionError, match=key):
        replace(Recipe(), **change)


def test_epochs_become_steps_once_the_pictures_are_counted(load):
    recipe = load("epochs = 10\nvalidate_every = 0\nbatch = 8\nnegatives_per_batch = 2").resolved(700)
    assert (recipe.steps, recipe.epochs, recipe.validate_every) == (1170, 0, 117)  # 700 / 6, rounded up
    assert recipe.resolved(3) == recipe


def test_a_part_of_an_epoch_is_at_least_a_step(load):
    assert load("epochs = 0.001").resolved(10).steps == 1


# Shipped recipes


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_can_be_read(name):
    recipe = read_recipe(find_recipe(name)).resolved(700)
    assert recipe.steps > recipe.warmup_steps


def test_plain_says_what_the_paper_says():
    recipe = read_recipe(find_recipe("plain"))
    assert recipe.network == NetworkConfig(encoder="plain", width=None, scm=True, srm=True)
    assert (recipe.sizes, recipe.final_size, recipe.batch) == ((448,), 448, 8)
    assert (recipe.optimizer, recipe.rate, recipe.encoder_rate) == ("adam", 1e-3, 1e-3)
    assert (recipe.warmup, recipe.warmup_from, recipe.decay_power) == ("paper", 1e-5, 0.9)
    assert (recipe.bce_share, recipe.boundary_weight, recipe.deep_supervision) == (0.4, 0, 0)
    assert (recipe.imagenet, recipe.ema, recipe.negatives_per_batch) == (False, 0, 0)
    assert recipe.augmentation == "paper"
    assert recipe.weight_decay > 0
    assert recipe.gradient_clip == 0
    assert recipe.resolved(700).validate_every == 88


# Settings from a command line


def test_settings_change_what_they_name_and_nothing_else():
    settings = ["rate=1", "sizes=[64, 96]", "optimizer=adam", "network.scm=false", "network.width=own"]
    changed = with_settings(Recipe(set_weights=(("a", 2.0),)), [*settings, "set_weights.b.c=3"])
    assert changed == Recipe(
        rate=1.0,
        sizes=(64, 96),
        optimizer="adam",
        network=NetworkConfig(scm=False, width=None),
        set_weights=(("a", 2.0), ("b.c", 3.0)),
    )


def test_settings_that_only_fit_together_may_come_in_any_order():
    changed = with_settings(Recipe(batch=8, negatives_per_batch=3), ["batch=2", "negatives_per_batch=0"])
    assert (changed.batch, changed.negatives_per_batch) == (2, 0)


def test_the_last_of_two_settings_counts_and_a_table_can_be_emptied():
    changed = with_settings(Recipe(set_weights=(("a", 2.0),)), ["seed=1", "seed=2", "set_weights={}"])
    assert (changed.seed, changed.set_weights) == (2, ())


def test_epochs_take_the_place_of_steps_and_back():
    by_epochs = with_settings(Recipe(), ["epochs=3"])
    assert (by_epochs.epochs, by_epochs.steps) == (3.0, 0)
    by_steps = with_settings(by_epochs, ["steps=7"])
    assert (by_steps.epochs, by_steps.steps) == (0.0, 7)


def test_a_text_may_hold_anything():
    assert with_settings(Recipe(), ["init=runs/a=b/best.safetensors"]).init == "runs/a=b/best.safetensors"
    assert with_settings(Recipe(), ['init="x y"']).init == "x y"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("rate", "takes KEY=VALUE.*found 'rate'"),
        ("stpes=3", "unknown key 'stpes'.*steps, epochs"),
        ("rate=fast", "--set rate: rate must be a number, found 'fast'"),
        ("network.depth=3", r"unknown keys \['depth'\], known are \['encoder'"),
        ("network.scm=maybe", r"network\.scm must be true or false, found 'maybe'"),
        ("network=plain", "network must be a table"),
        ("set_weights.a=often", r"set_weights\.a must be a number"),
        ("rate.x=1", "rate is no table. Tables: network, set_weights"),
        ("sizes=[256,", "sizes must be a list of whole numbers"),
        ("rate=1\nseed=2", "rate must be a number"),
        ("batch=0", "batch must lie in"),
    ],
)
def test_a_wrong_setting_is_named(setting, message):
    with pytest.raises(OptionError, match=message):
        with_settings(Recipe(), [setting])


# Written back

RECIPES = st.builds(
    replace,
    st.sampled_from([Recipe(steps=9), Recipe(steps=0, epochs=0.1)]),
    rate=st.floats(0, 100),
    init=st.text(max_size=20),
    sizes=st.lists(st.sampled_from([32, 64, 352]), min_size=1, max_size=3).map(tuple),
    set_weights=st.dictionaries(st.text(min_size=1), st.just(0.0) | st.floats(1e-6, 1e6), max_size=3).map(
        lambda weights: tuple(weights.items())
    ),
    network=st.builds(NetworkConfig, st.text(max_size=6), st.none() | st.integers(1, 512), st.booleans()),
)


@given(RECIPES)
def test_what_is_written_reads_as_the_same_recipe(recipe):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.toml"
        path.write_text(to_toml(recipe), encoding="utf-8", newline="")
        assert read_recipe(path) == recipe
