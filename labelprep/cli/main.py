"""`labelprep COMMAND`: finds the command, carries the global flags, turns errors into one line and an exit code."""

from __future__ import annotations

import errno
import importlib
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import labelprep
from labelprep import interrupts
from labelprep.cli.output import Console
from labelprep.errors import EnvironmentFailure, InterruptedRunError, LabelprepError, MistakeError, UsageError

STOPPED = (KeyboardInterrupt, click.Abort, InterruptedRunError)
STOPPED_CODES = tuple(128 + number for number in interrupts.SIGNALS)

# name -> what it does; the modules are imported when they are called
COMMANDS = {
    "demo": "Draw a small dataset with planted faults, and run it.",
    "init": "Look at a dataset and write a commented spec.",
    "inspect": "Layout, pairs, modes, colours found, colour order; writes nothing.",
    "validate": "Every fault of every file, grouped by kind.",
    "convert": "Raw masks to palette PNGs, counted on the way.",
    "weights": "Class weights from exact pixel counts.",
    "split": "Lists for training, validation and test.",
    "tile": "Crops or resized copies of a prepared folder.",
    "export": "A prepared folder as other tools read it.",
    "run": "Chained stages from a spec; only what changed.",
    "train": "Train a model from a prepared folder.",
    "eval": "Score a model, or a folder of predictions.",
    "predict": "Masks for images that have none.",
    "freeze": "A trained model as ONNX or torch.export.",
    "report": "Pages, plots and tables that open from the disk.",
    "verify": "Is a prepared folder what its manifest says?",
    "classes": "Show, check and convert class tables.",
    "doctor": "What this machine brings along, and the mend for what it lacks.",
    "schema": "JSON Schema of a spec, for editors.",
    "completion": "Completion for bash, zsh and fish.",
}

GLOBAL = (
    (("--json",), "json", "JSON Lines on stdout: one object a finding or row, the summary or the error last."),
    (("-q", "--quiet"), "quiet", "No progress, no notes."),
    (("-v", "--verbose"), "verbose", "More detail."),
    (("--debug",), "debug", "Show the traceback of an error."),
)


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and param.name is not None:
        setattr(ctx.ensure_object(Console), param.name, True)


def global_options() -> list[click.Option]:
    """--json, -q, -v and --debug, which stand before or after the command."""
    return [
        click.Option([*flags, name], is_flag=True, expose_value=False, is_eager=True, callback=_remember, help=text)
        for flags, name, text in GLOBAL
    ]


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the road."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `labelprep.cli.<name>.command`, with the global options added."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"labelprep.cli.{cmd_name}").command
        _add_global_options(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name for one that is unknown."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            guess = f" Did you mean {near[0]!r}?" if near else f" Commands: {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {args[0]!r}.{guess}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing one of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _add_global_options(command: click.Command) -> None:
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            _add_global_options(sub)
    if not any(p.name == "debug" for p in command.params):
        command.params.extend(global_options())


@click.group(cls=Commands, params=global_options(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(labelprep.__version__, prog_name="labelprep")
def cli() -> None:
    """Masks in, training data out: validate, convert, count, weigh, train and evaluate.

    Exit codes: 0 done; 1 findings at or above --fail-on; 2 usage, spec or class table; 3 finished in part;
    4 environment; 70 a mistake in labelprep itself; 130, 143, 129 stopped by Ctrl-C, SIGTERM, SIGHUP.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Runs one command and leaves with its exit code."""
    words = list(sys.argv[1:] if args is None else args)
    console = Console(words)
    if args is None:
        interrupts.listen()
    try:
        _refuse_undecodable(words)
        code = cli.main(words, prog_name="labelprep", standalone_mode=False, obj=console)
    except BaseException as error:  # noqa: BLE001 - the one place where every error becomes an exit code
        if args is None and isinstance(error, STOPPED):  # a further one must not cut off the last line
            interrupts.ignore()
        code = _fail(error, console, words)
    finally:
        console.close()
    if args is None and code in STOPPED_CODES:
        # CPython ends by signal, whatever the exit code, where Ctrl-C once struck inside an exec of the library
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse_undecodable(words: Sequence[str]) -> None:
    """Paths go into JSON and SQLite, which hold text alone.

    Raises:
        UsageError: for bytes that are not valid UTF-8.
    """
    for word in (*words, str(Path.cwd())):
        try:
            word.encode()
        except UnicodeEncodeError:
            message = f"not valid UTF-8: {word!a}"
            raise UsageError(message, hint="rename the folder, or go through a link whose name is") from None


def _fail(error: BaseException, console: Console, words: Sequence[str]) -> int:
    """One line on stderr, or an error object under --json; the exit code."""
    if "--json" in words:
        console.json = True
    if console.debug or "--debug" in words:
        import traceback

        traceback.print_exc()
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        error = _stopped(error, words)
    if isinstance(error, BrokenPipeError) or (isinstance(error, SystemExit) and error.code == 1):  # click's way out
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return 0
    console.close()
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        if not console.json:
            error.show()
            return 2
        error = click.UsageError("Missing command", error.ctx)
    if isinstance(error, click.ClickException):
        ctx = getattr(error, "ctx", None)
        usage = f"; see {ctx.command_path} --help" if ctx is not None else ""
        said = " ".join(error.format_message().split())  # click lists choices one a line
        console.error(LabelprepError(said.rstrip(".") + usage, code="usage"))
        return 2
    if isinstance(error, LabelprepError):
        console.error(error)
        return error.exit_code
    if isinstance(error, OSError):
        place = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
        hint = "make room or permission there, or choose another place" if place else None
        failure = EnvironmentFailure(error.strerror or str(error), path=error.filename, hint=hint)
        console.error(failure)
        return failure.exit_code
    if not isinstance(error, Exception):
        raise error
    console.error(mistake := _mistake(error))
    return mistake.exit_code


def _stopped(error: BaseException, words: Sequence[str]) -> InterruptedRunError:
    """The stop of a command that has no words of its own for it, and the command that goes on or starts again."""
    number = interrupts.struck_by(error)
    by = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
    goes_on = next((word for word in words if word in COMMANDS), None) in ("convert", "train")
    message = f"{by}; what was finished is saved. To go on:" if goes_on else f"{by}. To start again:"
    again = [word for word in words if not (goes_on and word == "--overwrite")]  # it would throw away what is saved
    return InterruptedRunError(message, hint=shlex.join(["labelprep", *again]), number=number)


def _mistake(error: Exception) -> MistakeError:
    """What whoever reports a mistake of ours should tell."""
    import platform
    import traceback

    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"labelprep{os.sep}" in f.filename]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno}, in {frames[-1].name})" if frames else ""
    here = f"labelprep {labelprep.__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    return MistakeError(
        f"a mistake in labelprep itself: {type(error).__name__}: {error}{where}",
        hint=f"run it again with --debug, and report what it says and this: {here}",
    )


def run_stage(ctx: click.Context, use: str, params: Any, **context: Any) -> Any:
    """Runs one stage for a command and gives its result.

    Args:
        ctx: the command's context; its object is the console.
        use: name of the stage.
        params: the stage's parameters, a model of `labelprep.spec`.
        **context: fields of `RunContext`.
    """
    from labelprep.stages import Inputs, RunContext

    module = importlib.import_module(f"labelprep.stages.{use}")
    console: Console = ctx.obj
    return module.run(params, Inputs(), RunContext(reporter=console.reporter(), **context))
