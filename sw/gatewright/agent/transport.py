"""What both ends must agree on, and gRPC, which carries it. Generic methods over bytes: no generated code ties either
end to a version of protobuf."""

from __future__ import annotations

import os

from gatewright.driver.errors import BackendUnavailable

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's own log lines; every failure is raised as well

try:
    import grpc
except ImportError as error:
    raise BackendUnavailable(f"an agent and its clients need grpcio ({error}): pip install grpcio") from None

__all__ = [
    "AUTHORIZATION",
    "CHUNK_BYTES",
    "LONGEST_CALL_S",
    "MAX_MESSAGE_BYTES",
    "MAX_UPLOAD_BYTES",
    "PROTOCOL",
    "SERVICE",
    "grpc",
    "limits",
]

PROTOCOL = 7
"""Of the methods, and of the fields of what they take and answer, those of configurations, reports and errors included:
one more or one less takes the next number. Client and agent of different numbers do not talk."""

SERVICE = "gatewright.Agent"
AUTHORIZATION = "authorization"
"""The metadata that carries the token, as ``Bearer TOKEN``."""

LONGEST_CALL_S = 3600.0
"""Every call has a deadline, no later than this."""

CHUNK_BYTES = 1 << 20
MAX_MESSAGE_BYTES = 64 << 20
"""Of one call's inputs or outputs; the smallest of the boards has 512 MiB of memory."""
MAX_UPLOAD_BYTES = 512 << 20


def limits() -> list[tuple[str, int]]:
    """Options of channels and servers."""
    return [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.max_send_message_length", MAX_MESSAGE_BYTES)]
