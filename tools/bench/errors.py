"""The one error of this package: something that was measured, or prepared, went wrong."""


class BenchError(Exception):
    """What failed, and the end of its output."""

    def __init__(self, what: str, output: str = "") -> None:
        super().__init__(what)
        self.output = output

    def __str__(self) -> str:
        indented = "".join(f"\n  | {line}" for line in self.output.splitlines())
        return f"error: {self.args[0]}{indented}"
