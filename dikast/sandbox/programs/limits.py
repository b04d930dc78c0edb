"""What a command may cost and how it ended: plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum

from dikast.errors import UsageError


class Status(StrEnum):
    """How a command ended: decided outside the box, from a closed set."""

    OK = "ok"  # it ended by itself, whatever its exit status
    TIMEOUT = "timeout"  # wall clock or processor time was up
    MEMORY = "memory"  # it held more memory than the limits allow
    OUTPUT = "output"  # it printed more than the limits allow, in all
    KILLED = "killed"  # a signal that was none of these, or its owner ended it


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one command and all that it starts.

    Args:
        wall_s: Seconds until all of it is killed.
        cpu_s: Seconds of processor time of each process, whole; the kernel enforces it.
        memory_bytes: Memory of all processes together: resident pages, watched every 50 ms, and a cgroup's bound where
            this process may make one.
        data_bytes: Private writable memory of each process, by the kernel; 0 leaves it free, as AddressSanitizer, which
            maps terabytes, and JavaScript need.
        processes: Processes and threads at once.
        file_bytes: Length of each file.
        disk_bytes: What the box's `/tmp` holds; it is memory, and counts as such.
        open_files: Descriptors of each process.
        output_bytes: Kept of standard output, and of standard error: the end of each; the rest is counted.
        printed_bytes: Printed in all before it is killed.

    Raises:
        UsageError: A limit is negative, or 0 where that is no limit.
    """

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_bytes: int = 1 << 30
    data_bytes: int = 0
    processes: int = 64
    file_bytes: int = 64 << 20
    disk_bytes: int = 128 << 20
    open_files: int = 256
    output_bytes: int = 64 << 10
    printed_bytes: int = 256 << 20

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 0 or (value == 0 and name != "data_bytes"):
                raise UsageError(f"program limits: {name} is {value}, must be positive")


@dataclass(frozen=True, slots=True)
class Ran:
    """How one command ended.

    Args:
        status: How it ended.
        code: Exit status; 128 and more where a signal ended it, as a shell says it.
        stdout: The end of what it printed.
        stderr: The end of what it complained of.
        stdout_bytes: How long all of `stdout` was.
        stderr_bytes: How long all of `stderr` was.
        wall_s: Seconds from its start to its end.
        peak_bytes: The most memory seen, of all its processes together.
    """

    status: Status
    code: int
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    wall_s: float = 0.0
    peak_bytes: int = 0

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit status 0."""
        return self.status is Status.OK and self.code == 0
