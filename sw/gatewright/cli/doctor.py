"""`gatewright doctor`: what keeps an accelerator from running on a board, one line each."""

from dataclasses import asdict
from typing import Any

import typer
from rich.markup import escape

from gatewright.cli.console import output
from gatewright.cli.options import Board, Host, Json, check_outputs, write_json
from gatewright.doctor import DIRECTIONS, Finding, Verdict, examine, exit_code
from gatewright.driver.hosts import is_pynq_host

__all__ = ["doctor"]

_MARKS = {Verdict.GOOD: "[green]good[/]", Verdict.ODD: "[yellow]odd [/]", Verdict.BAD: "[red]bad [/]"}

_WIDTH = max(map(len, DIRECTIONS))
"""No name is longer: lines are printed as they are found, when those to come are not known."""


def doctor(board: Board = None, host: Host = None, json: Json = None) -> None:
    """Look at everything that a board needs, and name the remedy. It cannot stop the board.

    Nothing in the fabric is read unless a design of ours is known to run there. Exit code 0: all is good; 1: something
    is odd, though it works; 2: nothing runs like this.
    """
    check_outputs({"--json": json})
    if host is not None and not is_pynq_host(host):
        from gatewright.agent.diagnosis import examine_agent  # needs grpcio

        found = examine_agent(host)
    else:
        found = examine(board, host)
    findings = []
    for finding in found:
        findings.append(finding)
        remedy = f" [bold]->[/] {escape(finding.remedy)}" if finding.remedy else ""
        line = f"{_MARKS[finding.verdict]}  {finding.name:<{_WIDTH}}  {escape(finding.found)}{remedy}"
        output(json).print(line, soft_wrap=True)
    write_json(json, {"findings": [_plain(finding) for finding in findings]})
    raise typer.Exit(exit_code(findings))


def _plain(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "verdict": finding.verdict.value}
