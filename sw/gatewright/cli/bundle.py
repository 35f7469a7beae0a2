"""`gatewright bundle`: one folder to copy to a board."""

from pathlib import Path
from typing import Annotated

import typer

from gatewright.bundle.write import check_out, write_bundle
from gatewright.cli.console import bars, output, step
from gatewright.cli.options import Bitstream, Data
from gatewright.driver.board.designs import choose_design
from gatewright.spec.boards import BOARDS, get_board
from gatewright.spec.errors import GatewrightError

__all__ = ["bundle"]


def bundle(
    board: Annotated[str, typer.Option("--board", help=f"Board: {', '.join(BOARDS)}.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the bundle: a new one, or a bundle to replace.")],
    bitstream: Bitstream = None,
    wheel: Annotated[
        list[Path] | None, typer.Option("--wheel", help="Wheel of another package for the board, repeatable.")
    ] = None,
    data: Data = None,
) -> None:
    """Write a bundle: programs, tables, vocabulary, bitstream, wheel, script and checksums in one folder.

    On the board, `./run.sh --user 15 --query "..."` in it answers without torch or ONNX Runtime.
    """
    get_board(board)
    check_out(out)
    for each in wheel or ():
        if not each.is_file():
            raise GatewrightError(f"--wheel {each}: no such file")
    built = choose_design(None, board, bitstream)
    with step("loading"):
        from gatewright.models.data import load_movielens
        from gatewright.models.deploy import deploy_or_load
        from gatewright.models.train import train_or_load

        ratings = load_movielens(data)
    with bars() as progress:
        deployed = deploy_or_load(train_or_load(ratings, progress=progress), built.manifest.config, progress)
    with step("writing the bundle"):
        write_bundle(out, deployed.programs, deployed.model.save, built, wheel or ())
    console = output()
    console.print(f"bundle     {out}", soft_wrap=True)
    console.print(f"bitstream  {built.path('.bit').name} ({built.manifest.physical})", soft_wrap=True)
    console.print(f"on {get_board(board).title}, as root: ./run.sh --user 15 --query '...'")
