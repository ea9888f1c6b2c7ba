"""`labelprep completion SHELL`: the script with which a shell completes commands, options and files."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

SHELLS: Final = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command(name="completion")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def command(ctx: click.Context, /, shell: str) -> None:
    """Print the script that completes commands, options, values and files in SHELL.

    To have it in every new shell, write it to

    \b
      bash  ~/.local/share/bash-completion/completions/labelprep
      zsh   _labelprep, in a folder of $fpath
      fish  ~/.config/fish/completions/labelprep.fish

    \b
    Example:
      eval "$(labelprep completion bash)"
    """
    # the variable that click looks for where it is asked to complete
    script = SHELLS[shell](ctx.find_root().command, {}, "labelprep", "_LABELPREP_COMPLETE")
    click.echo(script.source())
