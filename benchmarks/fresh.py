"""Measurements in a fresh process: a script calls itself with ``--child TASK`` and prints one JSON object."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def high_water() -> float:
    """Largest resident memory of this process so far, in MB (1e6 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def in_process(script: str, task: dict[str, Any]) -> dict[str, Any]:
    """Run ``task`` in a fresh process of ``script`` and return its last line (a solver may print others before)."""
    done = subprocess.run([sys.executable, script, "--child", json.dumps(task)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the process of {task} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])
