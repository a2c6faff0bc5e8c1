"""The error of this package: a command or a check failed."""


class BenchError(Exception):
    """A failed command or check. output: the end of its output."""

    def __init__(self, what: str, output: str = "") -> None:
        super().__init__(what)
        self.output = output

    def __str__(self) -> str:
        indented = "".join(f"\n  | {line}" for line in self.output.splitlines())
        return f"error: {self.args[0]}{indented}"
