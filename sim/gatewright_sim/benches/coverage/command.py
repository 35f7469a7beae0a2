"""Run the benches of the kernels with all their seeds, and say which bins they reached and which none did.

python -m gatewright_sim.benches.coverage
python -m gatewright_sim.benches.coverage --kernel gemm
"""

from __future__ import annotations

from gatewright.options import Options
from gatewright.report import Report
from gatewright.spec.registers import ENGINES
from gatewright_sim.benches.coverage.collect import holes, table, to_json
from gatewright_sim.benches.coverage.measure import measure


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each cross; exit code 1 where a bin was never hit."""
    parser = Options("gatewright_sim.benches.coverage", __doc__)
    parser.add_choice("kernel", ENGINES)
    parser.add_out("coverage", "report.json")
    options = parser.parse_args(arguments)
    kernels = options.kernel or ENGINES
    report = Report(options.out)
    counts = measure(kernels)
    report.write(to_json(counts, kernels))
    print(table(counts, kernels))
    missing = holes(counts, kernels)
    print(f"{len(missing)} bins were never hit" if missing else "every bin was hit")
    return 1 if missing else 0
