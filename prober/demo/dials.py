"""The faults a shop can be told to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prober.demo.refusal import Refusal

Service = Literal["database", "redis", "stripe"]
SERVICES: tuple[Service, ...] = get_args(Service)
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class Dials(BaseModel):
    """Every fault at its present strength; the defaults are a healthy shop. Times are seconds, the rate is a share."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    latency_s: dict[str, Seconds] = {}
    error_rate: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    service_down: Service | None = None
    slow_hero_s: Seconds = 0.0
    layout_shift: bool = False
    slow_click_s: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 0.0
    payment: Literal["ok", "refused"] = "ok"
    sold_out: bool = False
    hang: bool = False


class Panel:
    """One shop's dials. `is_route` says whether a path is one the shop serves."""

    def __init__(self, is_route: Callable[[str], bool]) -> None:
        self._is_route = is_route
        self.dials = Dials()

    def turn(self, changes: object) -> Dials:
        """Set the dials named in `changes`; None is a dial's default. A `Refusal` changes nothing."""
        if not isinstance(changes, Mapping):
            raise Refusal("bad_dials", 'Dials are set by a JSON object such as {"error_rate": 0.5}.', 400)
        kept = {name: value for name, value in self.dials.model_dump().items() if name not in changes}
        try:
            dials = Dials(**kept, **{name: value for name, value in changes.items() if value is not None})
        except ValidationError as error:
            raise Refusal("bad_dials", "; ".join(map(_explain, error.errors(include_url=False))), 400) from error
        self._check_names(changes)
        self._check_routes(dials.latency_s)
        self.dials = dials
        return dials

    def reset(self) -> Dials:
        """Back to a healthy shop."""
        self.dials = Dials()
        return self.dials

    def _check_names(self, changes: Mapping[str, Any]) -> None:
        unknown = [name for name in changes if name not in Dials.model_fields]
        if unknown:
            raise Refusal("bad_dials", "; ".join(map(_unknown_dial, unknown)), 400)

    def _check_routes(self, latency_s: Mapping[str, float]) -> None:
        unknown = [route for route in latency_s if not self._is_route(route)]
        if unknown:
            raise Refusal("bad_dials", f"latency_s: the shop has no route {', '.join(unknown)}", 400)


def _unknown_dial(name: str) -> str:
    return f"unknown dial '{name}'; the dials are {', '.join(Dials.model_fields)}"


def _explain(error: Any) -> str:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown_dial(path)
    return f"{path}: {error['msg']} (got {error['input']!r:.60})"
