"""An option that takes all values that follow it: `--ratios 0.8 0.1 0.1`."""

from __future__ import annotations

from typing import Any

import click


class ManyValues(click.Option):
    """Takes every following word that looks like no option and that its type accepts; the value is a tuple.

    What its type refuses ends the values, so that `--ratios 0.8 0.2 OUT` leaves OUT to the argument. The option
    may also be repeated, once a value.
    """

    def __init__(self, *args: Any, **words: Any) -> None:
        words.setdefault("multiple", True)
        super().__init__(*args, **words)

    def make_metavar(self, ctx: click.Context) -> str:
        """`FLOAT...` in the help."""
        return f"{super().make_metavar(ctx)}..."

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Lets the parser's own option, once it has taken its value, take the next ones too."""
        super().add_to_parser(parser, ctx)
        taken = {id(option): option for option in (*parser._long_opt.values(), *parser._short_opt.values())}
        for option in taken.values():
            if option.obj is self:
                option.process = self._taking_more(option.process, ctx)

    def _taking_more(self, process: Any, ctx: click.Context) -> Any:
        def taking_more(value: Any, state: Any) -> None:
            process(value, state)
            while state.rargs and self._accepts(state.rargs[0], ctx):
                process(state.rargs.pop(0), state)

        return taking_more

    def _accepts(self, word: str, ctx: click.Context) -> bool:
        if word.startswith("-") and not word.lstrip("-").replace(".", "", 1).isdigit():
            return False
        try:
            self.type.convert(word, self, ctx)
        except click.BadParameter:
            return False
        return True
