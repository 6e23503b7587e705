"""Collects everything that is wrong with one document, each with its path and line."""

from __future__ import annotations

from dataclasses import dataclass, field

from prober.config import tree
from prober.config.references import References
from prober.config.tree import Path
from prober.config.wording import Finding
from prober.faults import ConfigError
from prober.secret import Redactor


@dataclass(slots=True)
class Report:
    """The errors and warnings of one document, and what its references lacked."""

    root: tree.Mapping
    references: References
    errors: list[ConfigError] = field(default_factory=list)
    warnings: list[ConfigError] = field(default_factory=list)
    _redactor: Redactor = field(init=False)

    def __post_init__(self) -> None:
        self._redactor = Redactor(self.references.values)

    def add(self, path: Path, message: str, hint: str | None = None) -> None:
        """Note an error at ``path``. Values that references put in are masked in ``message``."""
        self.errors.append(self._error(path, message, hint))

    def warn(self, path: Path, message: str, hint: str | None = None) -> None:
        """Note something that is allowed, but hardly meant."""
        self.warnings.append(self._error(path, message, hint))

    def line(self, path: Path) -> int | None:
        """The line ``path`` stands on; None where the document was not read from a file."""
        return tree.line_of(self.root, path) or None

    def unresolved(self) -> list[tuple[Path, ConfigError]]:
        """Every reference that led to nothing, as the error it is where its value is needed."""
        return [
            (one.path, ConfigError(tree.show_path(one.path), one.message, one.line or None, one.hint))
            for one in self.references.missing
        ]

    def is_open(self, path: Path) -> bool:
        """Whether the value at ``path`` is not known yet, for want of a reference."""
        return path in self.references.open

    def awaits(self, at: Path, finding: Finding) -> bool:
        """Whether ``finding``, at ``at``, may be gone once the references below its place are resolved."""
        return not finding.about_key and self.is_open((*at, *finding.path))

    def _error(self, path: Path, message: str, hint: str | None) -> ConfigError:
        return ConfigError(tree.show_path(path), self._redactor.text(message), self.line(path), hint)
