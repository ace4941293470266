"""Settings from the three places where users write them, and the errors for wrong ones."""

import json

import pytest

from invoiced_api.connection import (
    CONNECTION_SETTINGS,
    PRODUCTION,
    SANDBOX,
    connection_from,
    url,
)
from invoiced_api.exceptions import InvalidInputError
from invoiced_api.settings import (
    boolean,
    integer,
    mapping,
    one_of,
    read_settings,
    seconds,
    text,
    warn_of_unknown,
)

KEY = "sk-the-key"
LOCAL = "http://127.0.0.1:8080"


def connection(config=None, environ=None):
    config = {"api_key": KEY} if config is None else config
    return connection_from(
        read_settings(CONNECTION_SETTINGS, config, "TARGET_INVOICED", environ or {})
    )


def complaint(config, environ=None):
    with pytest.raises(InvalidInputError) as caught:
        connection({"api_key": KEY, **config}, environ)
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    return str(caught.value)


# Kinds


@pytest.mark.parametrize(
    ("parse", "written", "meant"),
    [
        pytest.param(text, "a", "a", id="string"),
        pytest.param(boolean, True, True, id="true"),
        pytest.param(boolean, False, False, id="false"),
        pytest.param(boolean, "true", True, id="true-as-a-string"),
        pytest.param(boolean, " FALSE ", False, id="false-as-a-string"),
        pytest.param(integer(1, 20), 16, 16, id="integer"),
        pytest.param(integer(1, 20), "16", 16, id="integer-as-a-string"),
        pytest.param(integer(1, 20), 1, 1, id="least-integer"),
        pytest.param(integer(1, 20), 20, 20, id="greatest-integer"),
        pytest.param(integer(-1), "-1", -1, id="negative-integer-as-a-string"),
        pytest.param(seconds, 60, 60.0, id="seconds"),
        pytest.param(seconds, 0.5, 0.5, id="half-a-second"),
        pytest.param(seconds, "2.5", 2.5, id="seconds-as-a-string"),
        pytest.param(one_of(("error", "skip")), "skip", "skip", id="choice"),
        pytest.param(mapping, {"a": {}}, {"a": {}}, id="object"),
        pytest.param(mapping, '{"a": {}}', {"a": {}}, id="object-as-a-string"),
        pytest.param(url, "https://x.example", "https://x.example", id="url"),
        pytest.param(url, "https://x.example/api/", "https://x.example/api", id="url-with-path"),
        pytest.param(url, "http://localhost:80", "http://localhost:80", id="http-to-localhost"),
        pytest.param(url, "http://127.0.0.1:80", "http://127.0.0.1:80", id="http-to-loopback"),
        pytest.param(url, "http://[::1]:80", "http://[::1]:80", id="http-to-loopback-of-ipv6"),
    ],
)
def test_every_kind_reads_its_own_spelling_and_a_string(parse, written, meant):
    assert parse(written) == meant


@pytest.mark.parametrize(
    ("parse", "written", "expectation"),
    [
        pytest.param(text, 5, "a string", id="number-for-a-string"),
        pytest.param(boolean, "maybe", "true or false", id="maybe"),
        pytest.param(boolean, "yes", "true or false", id="yes"),
        pytest.param(boolean, 1, "true or false", id="one"),
        pytest.param(integer(1, 20), 0, "1 to 20", id="too-small"),
        pytest.param(integer(1, 20), "21", "1 to 20", id="too-great"),
        pytest.param(integer(1, 20), True, "1 to 20", id="true-for-an-integer"),
        pytest.param(integer(1, 20), 1.0, "1 to 20", id="decimal"),
        pytest.param(integer(1, 20), "1e1", "1 to 20", id="exponent"),
        pytest.param(integer(-1), -2, "a whole number of -1 or more", id="below-the-least"),
        pytest.param(seconds, 0, "a number of seconds above 0", id="no-seconds"),
        pytest.param(seconds, -1, "a number of seconds above 0", id="negative-seconds"),
        pytest.param(seconds, True, "a number of seconds above 0", id="true-for-seconds"),
        pytest.param(seconds, "nan", "a number of seconds above 0", id="not-a-number"),
        pytest.param(seconds, "inf", "a number of seconds above 0", id="for-ever"),
        pytest.param(seconds, "a minute", "a number of seconds above 0", id="words"),
        pytest.param(seconds, [60], "a number of seconds above 0", id="list-for-seconds"),
        pytest.param(one_of(("error", "skip")), "stop", '"error" or "skip"', id="no-choice"),
        pytest.param(one_of(("error", "skip")), ["skip"], '"error" or "skip"', id="list"),
        pytest.param(mapping, "{", "an object in JSON", id="broken-json"),
        pytest.param(mapping, "[]", "an object", id="json-of-a-list"),
        pytest.param(mapping, [], "an object", id="list-for-an-object"),
        pytest.param(url, 5, "a URL such as", id="number-for-a-url"),
        pytest.param(url, "api.invoiced.com", "a URL such as", id="no-scheme"),
        pytest.param(url, "ftp://x.example", "a URL such as", id="other-scheme"),
        pytest.param(url, "https://", "a URL such as", id="no-host"),
        pytest.param(url, "https://[::1", "a URL such as", id="broken-host"),
        pytest.param(url, "https://x.example:port", "a URL such as", id="broken-port"),
        pytest.param(url, "https://x.example:70000", "a URL such as", id="port-too-great"),
        pytest.param(url, "http://x.example", "a URL with https", id="http-to-a-host"),
        pytest.param(url, "http://10.0.0.1", "a URL with https", id="http-to-the-local-network"),
        pytest.param(url, "http://localhost.x.example", "a URL with https", id="http-to-a-trick"),
        pytest.param(url, "https://a:b@x.example", "a URL without user name", id="credentials"),
        pytest.param(url, "https://a@x.example", "a URL without user name", id="user-name"),
        pytest.param(url, "https://x.example?a=b", "a URL without", id="query"),
        pytest.param(url, "https://x.example#a", "a URL without", id="fragment"),
    ],
)
def test_an_invalid_value_is_reported_with_what_is_expected(parse, written, expectation):
    with pytest.raises(ValueError, match=expectation):
        parse(written)


# Places


@pytest.mark.parametrize(
    ("config", "environ", "expected"),
    [
        pytest.param(
            {"api_key": "file"},
            {"TARGET_INVOICED_API_KEY": "own", "INVOICED_API_KEY": "shared"},
            "file",
            id="the-file-comes-first",
        ),
        pytest.param(
            {},
            {"TARGET_INVOICED_API_KEY": "own", "INVOICED_API_KEY": "shared"},
            "own",
            id="then-the-commands-own-variable",
        ),
        pytest.param({}, {"INVOICED_API_KEY": "shared"}, "shared", id="then-the-shared-one"),
        pytest.param(
            {"api_key": ""},
            {"TARGET_INVOICED_API_KEY": "", "INVOICED_API_KEY": "shared"},
            "shared",
            id="an-empty-string-is-absent",
        ),
        pytest.param(
            {"api_key": None}, {"INVOICED_API_KEY": "shared"}, "shared", id="null-is-absent"
        ),
        pytest.param(
            {"api_key": "file"}, {"TAP_INVOICED_API_KEY": "tap"}, "file", id="not-the-other-ones"
        ),
    ],
)
def test_a_setting_is_looked_for_in_order(config, environ, expected):
    assert connection(config, environ).api_key == expected


def test_every_setting_can_come_from_the_environment_alone():
    environ = {
        "TARGET_INVOICED_ACCESS_TOKEN": "token",
        "TARGET_INVOICED_SANDBOX": "true",
        "TARGET_INVOICED_REQUEST_TIMEOUT": "7.5",
        "TARGET_INVOICED_MAX_CONNECTIONS": "3",
        "TARGET_INVOICED_MAX_RETRY_SECONDS": "9",
        "TARGET_INVOICED_USER_AGENT": "ours",
    }
    found = connection({}, environ)
    assert found.access_token == "token"
    assert found.base_url == SANDBOX
    assert (found.request_timeout, found.max_connections, found.max_retry_seconds) == (7.5, 3, 9)
    assert found.user_agent == "ours"


def test_a_key_alone_reaches_production_with_the_defaults():
    found = connection()
    assert found.base_url == PRODUCTION
    assert (found.request_timeout, found.max_connections, found.max_retry_seconds) == (60, 16, 300)
    assert found.user_agent.startswith("singer-invoiced/")


@pytest.mark.parametrize(
    ("config", "warned"),
    [
        pytest.param({"sandbox": True, "base_url": LOCAL}, True, id="another-address"),
        pytest.param({"sandbox": False, "base_url": LOCAL}, False, id="no-sandbox"),
        pytest.param({"sandbox": True, "base_url": SANDBOX}, False, id="the-same-address"),
        pytest.param({"sandbox": True}, False, id="no-address"),
    ],
)
def test_base_url_overrides_the_sandbox_with_a_warning(caplog, config, warned):
    assert connection({"api_key": KEY, **config}).base_url == config.get("base_url", SANDBOX)
    assert [record.getMessage() for record in caplog.records] == [
        "ignoring setting `sandbox`, since `base_url` sets the address: http://127.0.0.1:8080. "
        "Remove one of them"
    ] * warned


# Complaints


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({}, id="absent"),
        pytest.param({"api_key": ""}, id="empty"),
        pytest.param({"api_key": None, "access_token": ""}, id="null"),
    ],
)
def test_an_error_shows_where_to_get_a_missing_credential(config):
    with pytest.raises(InvalidInputError, match=r"`api_key` is missing or empty.*INVOICED_API_KEY"):
        connection(config)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"sandbox": "maybe"}, 'setting `sandbox` must be true or false, not "maybe".'),
        ({"max_connections": 21}, "setting `max_connections` must be 1 to 20, not 21."),
        ({"request_timeout": {}}, "setting `request_timeout` must be a number of seconds above 0"),
        ({"base_url": "x" * 99}, "must be a URL such as https://api.invoiced.com. Correct it"),
    ],
    ids=["boolean", "integer", "seconds", "long-value-is-not-shown"],
)
def test_a_wrong_value_is_one_line_that_names_the_setting(config, said):
    assert said in complaint(config)


def test_a_wrong_value_of_the_environment_names_the_variable():
    said = complaint({}, {"TARGET_INVOICED_SANDBOX": "maybe"})
    assert "environment variable TARGET_INVOICED_SANDBOX must be true or false" in said


@pytest.mark.parametrize("name", ["api_key", "access_token"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(["hush-hush"], id="not-a-string"),
        pytest.param("hush-hush\n", id="line-break"),
        pytest.param("hush\u2026hush", id="not-ascii"),
    ],
)
def test_a_wrong_secret_is_not_shown(name, value):
    said = complaint({name: value})
    assert f"setting `{name}` must be" in said
    assert "hush" not in said


def test_credentials_in_a_url_are_not_shown():
    said = complaint({"base_url": "https://someone:hush@x.example"})
    assert said.startswith("setting `base_url` must be a URL without user name, password")
    assert "hush" not in said


def test_a_user_agent_that_no_header_can_hold_is_a_wrong_value():
    assert "setting `user_agent` must be" in complaint({"user_agent": "a\r\nX-Evil: 1"})


def test_an_unknown_setting_is_a_warning_without_its_value(caplog):
    config = {"api_key": KEY, "sanbox": "hush", "zzz": 1, "of_another_command": 1}
    shared = {"of_another_command"}
    warn_of_unknown(CONNECTION_SETTINGS, config, "TAP_INVOICED", {}, shared=shared)
    assert [record.getMessage() for record in caplog.records] == [
        "ignoring unknown setting `sanbox`. Did you mean `sandbox`?",
        "ignoring unknown setting `zzz`",
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("TAP_INVOICED_SANBOX", ". Did you mean TAP_INVOICED_SANDBOX?"),
        ("TAP_INVOICED_APIKEY", ". Did you mean TAP_INVOICED_API_KEY?"),
        ("TAP_INVOICED_sandbox", ". Did you mean TAP_INVOICED_SANDBOX?"),
        ("TAP_INVOICED_ZZZ", ""),
    ],
    ids=["misspelt", "underscore", "case", "nothing-near"],
)
def test_a_variable_that_sets_nothing_is_a_warning_without_its_value(caplog, variable, hint):
    warn_of_unknown(CONNECTION_SETTINGS, {}, "TAP_INVOICED", {variable: "hush"}, shared=())
    assert [record.getMessage() for record in caplog.records] == [
        f"ignoring environment variable {variable}, which sets nothing{hint}"
    ]


@pytest.mark.parametrize(
    "environ",
    [
        {"TAP_INVOICED_SANDBOX": "true"},
        {"TAP_INVOICED_SANBOX": ""},
        {"TAP_INVOICED__SELECT": "[]"},
        {"TAP_INVOICED_ACME_API_KEY": KEY, "TAP_INVOICED_API_KEY": KEY},
        {"TARGET_INVOICED_SANBOX": "true", "SANBOX": "true"},
    ],
    ids=["setting", "empty", "of-meltano", "of-a-meltano-plugin-that-inherits", "other-prefix"],
)
def test_variables_that_are_meant_or_of_others_are_no_warning(caplog, environ):
    warn_of_unknown(CONNECTION_SETTINGS, {}, "TAP_INVOICED", environ, shared=())
    assert not caplog.records


def test_secrets_are_not_in_a_connections_repr():
    shown = repr(connection({"api_key": KEY, "access_token": "hush"}))
    assert KEY not in shown
    assert "hush" not in shown


def test_every_setting_is_explained_and_its_default_is_one_of_its_values():
    for setting in CONNECTION_SETTINGS:
        assert setting.help
        if setting.default is not None:
            assert setting.parse(json.loads(json.dumps(setting.default))) == setting.default


def test_the_credentials_and_nothing_else_are_secret():
    secret = {setting.name for setting in CONNECTION_SETTINGS if setting.secret}
    assert secret == {"api_key", "access_token"}
