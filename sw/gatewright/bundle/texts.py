"""What a bundle says, and the script that starts it."""

__all__ = ["README", "RUN"]

RUN = """\
#!/bin/bash
# A request, as root: ./run.sh --user 15 --query "..."; --help shows more. Nothing outside of this folder is changed.
set -e
here=$(cd "$(dirname "$0")" && pwd)
profiles=${GATEWRIGHT_PROFILES:-/etc/profile.d}  # written for bash: PYNQ's has "source"
for profile in pynq_venv xrt_setup; do [ ! -r "$profiles/$profile.sh" ] || . "$profiles/$profile.sh"; done
if [ ! -d "$here/python" ]; then
    new=$(mktemp -d "$here/.python-XXXXXX") && trap 'rm -rf "$new"' EXIT
    python3 -m pip install --quiet --no-deps --no-index --target "$new/python" "$here"/wheels/*.whl
    mv -T "$new/python" "$here/python" || [ -d "$here/python" ]  # another start was faster
    rm -rf "$new"
fi
PYTHONPATH="$here/python${PYTHONPATH:+:$PYTHONPATH}" exec python3 -m gatewright.recommender "$here" "$@"
"""

README = """\
# gatewright on {title}

Copy this folder to the board, and there, as root:

    ./run.sh --user 15 --query "a heist that goes wrong"

`run.sh` installs the wheels in `wheels/` into `python/` beside it, once, without the network; numpy and pynq stay those
of the image. After replacing wheels, remove `python/`. `--help` shows the options, `--backend golden` answers without
the fabric, `sha256sum -c SHA256SUMS` checks the files, which every start does as well.

Reading a query needs the package tokenizers; requests without one do not.
Where the board has it not (`python3 -c "import tokenizers"`) and no
network, fetch its wheel on a PC into `wheels/` (of a Kria:
`manylinux_2_17_aarch64`):

    pip download --no-deps --only-binary :all: --python-version 3.10 --platform manylinux_2_17_armv7l \\
        --dest wheels tokenizers

`board.ipynb` shows the same in Jupyter, with a self-test and the cycles of each engine.

| file | what |
| --- | --- |
| `history.gwp`, `query.gwp` | the compiled request without and with a query, for config {config} ({config_hash}) |
| `model.npz` | titles, ratings, vocabulary |
| `bitstream/` | {bit}, its handoff and manifest; fabric clock {clock} MHz; {physical} |
| `wheels/` | gatewright {version}, and what else was asked for |
"""
