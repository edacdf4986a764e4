"""`python -m frontdesk.finetune.pretrain RECIPE.toml --data PATH --out DIR [--export DIR] [--curve PNG]`."""

from __future__ import annotations

import argparse
from pathlib import Path


def main(arguments: list[str] | None = None) -> None:
    """Train a base model, or go on where the last call stopped, and export it."""
    parser = argparse.ArgumentParser(prog="python -m frontdesk.finetune.pretrain", description=main.__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data sets")
    parser.add_argument("--out", type=Path, required=True, help="state of this run: checkpoints and tokenizer")
    parser.add_argument("--export", type=Path, help="where the model goes; default: OUT/model")
    parser.add_argument("--export-only", action="store_true", help="export the latest checkpoint without training")
    parser.add_argument("--curve", type=Path, help="draw the loss curve to this PNG")
    chosen = parser.parse_args(arguments)
    from frontdesk.finetune.pretrain.curve import draw_curve
    from frontdesk.finetune.pretrain.export import export
    from frontdesk.finetune.pretrain.recipe import read_recipe
    from frontdesk.finetune.pretrain.train import pretrain

    recipe = read_recipe(chosen.recipe)
    if not chosen.export_only:
        pretrain(recipe, data=chosen.data, out=chosen.out, report=_say)
    if chosen.curve:
        draw_curve(chosen.out, chosen.curve)
    done = export(recipe, out=chosen.out, folder=chosen.export or chosen.out / "model")
    _say(f"{done.folder}: {done.megabytes} MB")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
