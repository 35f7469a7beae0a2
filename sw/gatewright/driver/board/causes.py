"""What pynq, XRT and gRPC raise, in words that say what to do."""

from __future__ import annotations

from gatewright.driver.board.deadlines import RPC_TIMEOUT_S

__all__ = ["NO_XRT", "PROFILES", "cause", "is_rpc"]

PROFILES = "as root: source /etc/profile.d/pynq_venv.sh; source /etc/profile.d/xrt_setup.sh"
NO_XRT = f"XRT is not set up, {PROFILES}"


def is_rpc(error: BaseException | None) -> bool:
    """Whether gRPC raised it, which is imported only where a network is spoken to."""
    return hasattr(error, "code") and hasattr(error, "details")


def cause(error: BaseException) -> str:
    """What went wrong, in words that say what to do."""
    if is_rpc(error):
        code, details = error.code().name, error.details()  # type: ignore[attr-defined]
        hints = {
            "UNAVAILABLE": "it does not answer (any more)",
            "DEADLINE_EXCEEDED": f"no answer within {RPC_TIMEOUT_S:g} s",
            "NOT_FOUND": "it does not know what was opened there: it was restarted, open it again",
            "UNIMPLEMENTED": "it is no PYNQ.remote server",
        }
        return hints.get(code, f"{code}: {details}")
    if isinstance(error, FileNotFoundError) and "xclbinutil" in str(error):
        return f"xclbinutil is not on PATH: {PROFILES}"
    if "Root permissions" in str(error) or isinstance(error, PermissionError):
        return f"{str(error).rstrip('.')}: run it as root (sudo -i)"
    if isinstance(error, (NameError, AttributeError)) and any(part in str(error) for part in ("xrt", "xcl")):
        return f"{NO_XRT} ({error})"
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
