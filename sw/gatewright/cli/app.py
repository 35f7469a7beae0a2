"""The command tree."""

import typer
from typer.core import TyperGroup

from gatewright import __version__
from gatewright.cli import (
    bench,
    board,
    build,
    bundle,
    check,
    compile,
    doctor,
    flash,
    generate,
    info,
    inspect,
    recommend,
    reproduce,
    run,
    selftest,
    simulate,
    train,
    verify,
)
from gatewright.spec.errors import GatewrightError

__all__ = ["app"]


class _Commands(TyperGroup):
    """Ends of files and broken pipes are errors like others; click takes them for the user's wish to stop.

    That wish has the exit code that shells give it.
    """

    def invoke(self, context: typer.Context) -> object:
        try:
            return super().invoke(context)
        except (EOFError, BrokenPipeError) as error:
            raise GatewrightError(f"unexpected end of a file or pipe: {error}") from error
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    help="FPGA co-design for recommenders that join a graph neural network with a language model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("compile")(compile.compile_)
app.command("check")(check.check)
app.command("run")(run.run)
app.command("inspect")(inspect.inspect)
app.command("recommend")(recommend.recommend)
app.command("train")(train.train)
app.command("reproduce")(reproduce.reproduce)
app.add_typer(simulate.app, name="simulate")
app.command("selftest")(selftest.selftest)
app.command("verify")(verify.verify)
app.command("bundle")(bundle.bundle)
app.command("build")(build.build)
app.command("flash")(flash.flash)
app.command("doctor")(doctor.doctor)
app.command("generate")(generate.generate)
app.command("info")(info.info)
app.add_typer(bench.app, name="bench")
app.add_typer(board.app, name="board")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gatewright {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Options before the subcommand."""
