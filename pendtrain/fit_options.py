"""The options that `pendtrain fit` and `sweep` share, under their headings, and what they come to."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from pendtrain.console import Choice, options, under
from pendtrain.recipe import ENCODERS, METHODS, OPTIMISERS, PROTOCOLS, Recipe, own_settings, read_recipe, typed

DEFAULTS = {field.name: field.default for field in fields(Recipe)}
PATH = click.Path(path_type=Path)


def setting(name: str, heading: str = "Recipe", **how: Any) -> Callable[[Any], Any]:
    """An option for a setting of the recipe, its default shown but left to the recipe (or its file)."""
    default = DEFAULTS[name]
    how.setdefault("type", type(default))
    return under(heading)(f"--{name.replace('_', '-')}", name, default=None, show_default=str(default), **how)


_method, _where, _how = map(under, ("Settings of the method", "Where", "How"))
recipe = options(
    setting("epochs", help="Each shows every pendulum once, as one pair."),
    setting("batch", help="Pendulums a step, over all processes; twice as many images."),
    setting("protocol", type=Choice(PROTOCOLS), help="As printed, or as programmed."),
    setting(
        "encoder",
        type=Choice(list(ENCODERS)),
        help="Network; free vectors, by AdamW at .5 for 200 epochs unless told otherwise; the loss's own optimum.",
    ),
    _method("--set", "own", metavar="KEY=VALUE", multiple=True, help="A setting of the method. May repeat."),
    _method(
        "--similarity", help="Contrastive, joint, paws, align_uniform: euclidean or cosine.", show_default="euclidean"
    ),
    _method("--temperature", type=float, help="Contrastive, joint, paws: tau.", show_default="0.1"),
    _method("--decoupled", is_flag=True, default=None, help="Contrastive, joint: no positive pair in the denominator."),
    _method("--loss", help="Supervised: mse, l1 or spearman.", show_default="mse"),
    _method("--labelled", type=float, help="Share of pendulums that keep their energy, where the method asks."),
    setting("optimiser", type=Choice(OPTIMISERS), help="Stochastic gradient descent, AdamW or Muon."),
    setting("learning_rate", help="Peak rate per 256 pendulums of batch."),
    setting("warmup_epochs", help="Linear warm-up."),
    setting("momentum", help="Of SGD and Muon; beta 1 of AdamW."),
    setting("weight_decay", help="On all parameters."),
    setting("clip_norm", help="Largest norm of the gradient."),
    setting("averaging", help="Decay a step of an average of the weights, over the second half; 0: none."),
    under("Recipe")(
        "--recipe",
        "base",
        default="paper",
        help="paper: Fig. 16; fast: near the ceiling with a fifth of its images; or a TOML file of these settings. "
        "Options win over it.",
    ),
)
how = options(
    _where("--out", type=PATH, default="runs", help="Folder of runs."),
    _how("--device", type=Choice(["auto", "cpu", "cuda"]), default="auto", help="auto: a GPU if any."),
    _how(
        "--precision",
        type=Choice(["auto", "fp32", "bf16"]),
        default="auto",
        help="auto: bf16 where the processor has it. Loss and embeddings are float32 always.",
    ),
    _how("--workers", default=0, help="Loader processes; 0 loads in the training process."),
    _how("--cache", default=8.0, help="GB of pictures kept in memory; beyond it they are read from disk."),
    _where("--logger", type=Choice(["csv", "tensorboard"]), default="csv", help="csv is always written."),
    _how("--checkpoint-seconds", default=60.0, help="Time between checkpoints."),
    _how("--quiet", is_flag=True, help="No progress."),
)
HOW = ("device", "precision", "workers", "cache", "logger", "checkpoint_seconds", "quiet")


def settings_of(given: dict[str, Any]) -> dict[str, Any]:
    """Take what is not of the recipe out of the options. Raises ValueError naming what is out of range."""
    how = {key: given.pop(key) for key in HOW}
    if not 0 <= how["cache"] < 1e6:
        raise ValueError(f"cache is {how['cache']}, expected 0 or more GB")
    if not 0 <= how["checkpoint_seconds"] < 1e9:
        raise ValueError(f"checkpoint_seconds is {how['checkpoint_seconds']}, expected 0 or more seconds")
    how["cache"] = int(how["cache"] * 2**30)
    return how


def recipe_of(base: str, given: dict[str, Any]) -> dict[str, Any]:
    """Settings of a recipe, by name or file, overridden by those on the command line. Raises ValueError, OSError.

    Another method on the command line leaves behind what only the file's own method has.
    """
    held = read_recipe(base)
    theirs, method = held.get("method"), given.get("method")
    if method and theirs in METHODS and theirs != method:
        mine = own_settings(method)
        for name in own_settings(theirs):
            if name not in mine:
                held.pop(name, None)
    for text in given.pop("own"):
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise ValueError(f"--set {text}, expected KEY=VALUE")
        held[key.strip().replace("-", "_")] = typed(value.strip())
    return held | {key: value for key, value in given.items() if value is not None}
