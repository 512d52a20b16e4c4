"""The settings of accounts."""

from __future__ import annotations

import msgspec
import pytest

from hinterland.server.settings import AuthSettings, Settings, SettingsError, from_environment

NUMBERS = [name for name in AuthSettings.__struct_fields__ if type(getattr(AuthSettings(), name)) in (int, float)]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_value_that_makes_no_sense_is_refused(name: str) -> None:
    """A number below its least is refused with the setting's name, in an app file and in the environment."""
    with pytest.raises(SettingsError, match=f"auth.{name} is -1; set at least"):
        msgspec.structs.replace(AuthSettings(), **{name: -1})
    with pytest.raises(SettingsError, match=f"auth.{name} "):
        from_environment(Settings(), {f"HINTERLAND_AUTH_{name.upper()}": "-1"})
