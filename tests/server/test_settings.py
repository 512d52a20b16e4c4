"""The settings, and the environment over them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hinterland.server.settings import AuthSettings, Settings, SettingsError, from_environment, unknown_variables


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("REQUEST_SECONDS", "2.5", "request_seconds", 2.5),
        ("MAX_BODY_BYTES", "1000", "max_body_bytes", 1000),
        ("MAX_RECORD_BYTES", "1000", "max_record_bytes", 1000),
        ("DATABASE_URL", "postgresql://x", "database_url", "postgresql://x"),
        ("TUTORIAL_PATHS", "no", "tutorial_paths", False),
        ("TUTORIAL_PATHS", "True", "tutorial_paths", True),
        ("CORS_ORIGINS", "https://a.example, loopback,,", "cors_origins", ("https://a.example", "loopback")),
        ("CORS_ORIGINS", "", "cors_origins", ()),
        ("TRUSTED_PROXIES", "10.0.0.1", "trusted_proxies", ("10.0.0.1",)),
    ],
)
def test_the_environment_wins(variable: str, text: str, name: str, value: Any) -> None:
    """A variable sets its setting over the app file's; everything else stays."""
    given = Settings(log_days=3.0)
    changed = from_environment(given, {f"HINTERLAND_{variable}": text, "HINTERLAND_UNKNOWN": "x", "OTHER": "y"})
    assert changed == msgspec.structs.replace(given, **{name: value})


def test_nested_settings() -> None:
    """A nested setting's variable joins both names."""
    changed = from_environment(Settings(), {"HINTERLAND_AUTH_PASSWORD_MIN_LENGTH": "12"})
    assert changed == Settings(auth=AuthSettings(password_min_length=12))


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [("REQUEST_SECONDS", "soon", "a number"), ("REQUEST_SECONDS", "", "a number"),
     ("MAX_BODY_BYTES", "1.5", "a whole number"), ("TUTORIAL_PATHS", "maybe", "true or false"),
     ("AUTH_HASH_PASSES", "x", "a whole number")],
)  # fmt: skip
def test_values_of_another_kind(variable: str, text: str, words: str) -> None:
    """A text that is no value of the setting's kind is refused by the variable's name, with what it takes."""
    with pytest.raises(SettingsError, match=f"HINTERLAND_{variable}=.* set {words}$"):
        from_environment(Settings(), {f"HINTERLAND_{variable}": text})


@pytest.mark.parametrize(
    ("name", "value"),
    [("request_seconds", 0), ("request_seconds", float("nan")), ("max_body_bytes", 0), ("max_record_bytes", 0),
     ("log_days", -1), ("answer_days", -1), ("stream_buffer", 0), ("streams_per_account", 0),
     ("streams_per_address", 0), ("keep_alive_seconds", 0)],
)  # fmt: skip
def test_values_that_make_no_sense(name: str, value: float) -> None:
    """A setting with which nothing would work is refused by its name, also from the environment."""
    with pytest.raises(SettingsError, match=name):
        Settings(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=name):
        from_environment(Settings(), {f"HINTERLAND_{name.upper()}": str(value)})


@pytest.mark.parametrize("origin", ["https://shop.example/", "shop.example", "https://Shop.example", "https://", "a b"])
def test_origins_that_would_never_match(origin: str) -> None:
    """An origin that no browser sends is refused with the form that one has."""
    with pytest.raises(SettingsError, match=r"such as https://shop\.example"):
        Settings(cors_origins=(origin,))


@pytest.mark.parametrize("path", ["ws", "/", "/ws/", "/{id}", "/a b", "/../x", "/v1/x", "/graphql", "/auth/login"])
def test_paths_that_sockets_can_not_have(path: str) -> None:
    """A path of sockets that is none, or is the server's own already, is refused."""
    with pytest.raises(SettingsError, match=r"give a path such as /ws"):
        Settings(socket_path=path)


def test_origins() -> None:
    """Hosts with or without a port, the schemes of apps, and the three words are origins."""
    origins = ("https://shop.example", "http://10.0.0.1:8080", "capacitor://localhost", "*", "loopback", "null")
    assert Settings(cors_origins=origins).cors_origins == origins


def test_variables_that_are_no_settings() -> None:
    """A variable that looks like a setting and is none is reported, so that a typing error does not go unseen."""
    environment = {"HINTERLAND_LOG_DAY": "3", "HINTERLAND_LOG_DAYS": "3", "HINTERLAND_AUTH_ISSUER": "x", "PATH": "/bin"}
    assert unknown_variables(environment) == ["HINTERLAND_LOG_DAY"]


def test_a_variable_of_the_commands() -> None:
    """The variable with an administrator's password, which the commands read, is no mistyped setting."""
    assert unknown_variables({"HINTERLAND_ADMIN_PASSWORD": "7 lean oysters"}) == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"HINTERLAND_DATABASE_DIRECT_URL": "mysql://x"}, "database_direct_url .* 'mysql', which is not supported"),
        ({"HINTERLAND_NATS_URL": "localhost:4222"}, "nats_url .* no scheme; give a NATS server as nats://host:4222"),
        ({"HINTERLAND_NATS_URL": "nats://x"}, "nats_url is set without database_url"),
        ({"HINTERLAND_DATABASE_DIRECT_URL": "postgresql://x"}, "database_direct_url is set without database_url"),
    ],
)
def test_addresses_of_several_nodes(variables: dict[str, str], said: str) -> None:
    """An address that can't be used, or is of no use without PostgreSQL, is refused with what to give."""
    with pytest.raises(SettingsError, match=said):
        from_environment(Settings(), variables)
