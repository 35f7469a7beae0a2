"""Runs the code cells of a notebook as Jupyter would, in its folder; prints what each shows, and the scores."""

import json
import os
import sys
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

notebook = Path(sys.argv[1])
os.chdir(notebook.parent)
shell = InteractiveShell.instance()
for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        with capture_output() as shown:
            result = shell.run_cell("".join(cell["source"]))
        kinds = [kind for each in shown.outputs for kind in each.data]
        print(json.dumps({"id": cell["id"], "text": shown.stdout, "kinds": kinds}))
        result.raise_error()
print(json.dumps({"id": "scores", "hex": shell.user_ns["answer"].scores.tobytes().hex()}))
