"""The error that this package raises for the user. Owns its layout: first what went wrong, then what to do."""

COMPOSE = "docker compose --env-file .env -f docker/compose.dev.yaml up --build"

UNSUITABLE = 2


class StackError(Exception):
    """A problem that the user has to fix. code: the exit status of the command line."""

    def __init__(self, what: str, next_step: str, code: int = 1) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step
        self.code = code

    def __str__(self) -> str:
        return f"error: {self.what}\n  next: {self.next_step}"
