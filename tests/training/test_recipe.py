from dataclasses import replace

import pytest

from scr_live.errors import DataError, OptionError
from scr_live.network.config import NetworkConfig
from scr_live.training.recipe import Recipe


@pytest.fixture
def load(tmp_path):
    def _load(text):
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return Recipe.load(path)

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
        ("[network]\nwidth = 0", r"network\.width must be 1 or more"),
    ],
)
def test_a_wrong_key_or_type_is_named_with_the_file(load, text, key):
    with pytest.raises(DataError, match=key) as caught:
        load(text)
    assert "recipe.toml" in str(caught.value)


@pytest.mark.parametrize("text", ["steps = ", "= 3", "[network"])
def test_what_is_no_toml_is_refused(load, text):
    with pytest.raises(DataError, match="is no valid TOML"):
        load(text)


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(DataError, match=r"No recipe at .*none\.toml"):
        Recipe.load(tmp_path / "none.toml")


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
