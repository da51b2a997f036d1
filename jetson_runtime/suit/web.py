"""[dashboard] of suit.toml: where the page for technicians is served, and who may see it."""

from __future__ import annotations

import ipaddress

from pydantic import Field, field_validator, model_validator

from jetson_runtime.suit.table import AsPath, Table

DEFAULT_PORT = 8080


class DashboardTable(Table):
    """listen: an IP address of this machine; any but the loopback needs password_file (relative to the config file),
    which `second-skin dashboard --set-password` writes."""

    listen: str = "127.0.0.1"
    port: int = Field(default=DEFAULT_PORT, ge=1, le=65_535)
    password_file: AsPath | None = None

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError(
                "is no IP address; write 127.0.0.1 for this machine alone, 0.0.0.0 for every network"
            ) from None
        return value

    @model_validator(mode="after")
    def _others_need_a_password(self) -> DashboardTable:
        if not self.is_local and self.password_file is None:
            raise ValueError(
                f"listens on {self.listen}, where other machines reach it, without a password; name a "
                'password_file, make it with second-skin dashboard --set-password, or write listen = "127.0.0.1"'
            )
        return self

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach the page."""
        return ipaddress.ip_address(self.listen).is_loopback
