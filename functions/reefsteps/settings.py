"""Reading environment variables: each function does it once, at import, through this module.

A function's ``settings.py`` holds a frozen dataclass. Its ``from_environment`` asks an `Environment` for each variable.
The function's ``app.py`` builds it at import, so a wrong deployment fails at once and names the variable.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

from reefsteps.errors import ConfigurationError, InvalidParameterError
from reefsteps.quadrat_size import QuadratSize

DEFAULT_SIZE = "100"  # of a quadrat, in cm


class Environment:
    """Typed access to environment variables; an empty value counts as missing. Raises ConfigurationError."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        """Read from `variables`, by default the process's environment."""
        self._variables = os.environ if variables is None else variables

    def text(self, name: str, default: str | None = None) -> str:
        """Return the variable; without a default it must be set."""
        value = self._variables.get(name, "").strip()
        if value:
            return value
        if default is None:
            raise ConfigurationError(f"Environment variable {name} is missing: set it in the function's deployment.")
        return default

    def choice(self, name: str, options: Sequence[str], default: str | None = None) -> str:
        """Return the variable, which must be one of `options`."""
        value = self.text(name, default)
        if value not in options:
            raise ConfigurationError(f"Environment variable {name} is '{value}', not one of {', '.join(options)}.")
        return value

    def number(
        self, name: str, default: float | None = None, *, minimum: float = -math.inf, maximum: float = math.inf
    ) -> float:
        """Return the variable as a finite number from `minimum` to `maximum`."""
        value = self.text(name, None if default is None else repr(default))
        try:
            number = float(value)
        except ValueError:
            raise ConfigurationError(f"Environment variable {name} is '{value}', not a number.") from None
        if not (math.isfinite(number) and minimum <= number <= maximum):
            raise ConfigurationError(f"Environment variable {name} is {value}, not within {minimum:g} to {maximum:g}.")
        return number

    def size(self, name: str, default: str | None = None) -> QuadratSize:
        """Return the variable as the size of a quadrat: ``100`` or ``50x75``, in cm."""
        value = self.text(name, default)
        try:
            return QuadratSize.parse(value)
        except InvalidParameterError as error:
            raise ConfigurationError(f"Environment variable {name} is '{value}': {error}") from None

    def whole(self, name: str, default: int | None = None, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
        """Return the variable as a whole number from `minimum` to `maximum`."""
        number = self.number(name, default, minimum=minimum, maximum=maximum)
        if number != int(number):
            raise ConfigurationError(f"Environment variable {name} is {number:g}, not a whole number.")
        return int(number)


def pipeline_version(environment: Environment | None = None) -> str:
    """Return the deployed version of the pipeline, written into every derived object."""
    return (environment or Environment()).text("PIPELINE_VERSION", "unversioned")
