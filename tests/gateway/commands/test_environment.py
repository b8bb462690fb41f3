"""Environment variables that begin like settings but are none: a warning for each that is a mistake."""

import pytest
from click.testing import CliRunner

from gateway.commands.environment import read_settings
from gateway.commands.main import main
from gateway.settings import DatabaseSettings, Settings
from tests.helpers.gateway import environment


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        ("GATEWAY_DATABSE", "is not a setting; did you mean GATEWAY_DATABASE?"),
        ("GATEWAY_MONGO_URI", "is not a setting; did you mean GATEWAY_MONGODB_URI?"),
        ("GATEWAY_DEADLINE", "is not a setting; did you mean GATEWAY_DEADLINE_MS?"),
        ("GATEWAY_SERVICE_ACCOUNT", "is not a setting."),
        ("GATEWAY_PORT_80", "is not a setting."),
        ("GATEWAY_", "is not a setting."),
    ],
)
def test_an_unknown_variable_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, line: str
) -> None:
    monkeypatch.setenv(variable, "geheim")
    read_settings(DatabaseSettings)
    assert capsys.readouterr().err == f"Warning: {variable} {line}\n"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GATEWAY_SERVICE_HOST", "10.0.0.7"),
        ("GATEWAY_SERVICE_PORT", "80"),
        ("GATEWAY_SERVICE_PORT_HTTP", "80"),
        ("GATEWAY_PORT", "tcp://10.0.0.7:80"),
        ("GATEWAY_PORT_80_TCP", "tcp://10.0.0.7:80"),
        ("GATEWAY_PORT_80_TCP_ADDR", "10.0.0.7"),
        ("GATEWAY_PORT_80_TCP_PORT", "80"),
        ("GATEWAY_PORT_80_TCP_PROTO", "tcp"),
        ("GATEWAY_METRICS_SERVICE_HOST", "10.0.0.7"),
        ("GATEWAY_MONGODB_PORT", "tcp://10.0.0.7:27017"),
        ("GATEWAY_MONGODB_PORT_27017_TCP_ADDR", "10.0.0.7"),
        ("GATEWAY_TEST_DRIVER", "pymongo"),
        ("GATEWAY_BENCH_DRIVER", "pymongo"),
        ("GATEWAY_FUZZ_EXAMPLES", "10"),
        ("GATEWAY_PENDING_EVENT_DAYS", "7"),
        ("OTHER", "x"),
    ],
)
def test_a_variable_of_other_software_is_no_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    read_settings(DatabaseSettings)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", ["--help", "--version", "schema", "serve --help", "keys new {path}"])
def test_a_command_that_uses_no_setting_reads_none(
    tmp_path_factory: pytest.TempPathFactory, arguments: str
) -> None:
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    wrong = {"GATEWAY_MONGODB_URI": "x", "GATEWAY_PORT": "x", "GATEWAY_NONSENSE": "x"}
    result = CliRunner().invoke(main, arguments.format(path=path).split(), env=wrong)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("command", ["init-db", "clients list", "events list", "events replay"])
@pytest.mark.parametrize("port", ["eighty", "tcp://10.0.0.7:80"])
def test_a_command_that_opens_no_port_ignores_a_wrong_port(
    settings: Settings, command: str, port: str
) -> None:
    result = CliRunner().invoke(main, command.split(), env=environment(settings, GATEWAY_PORT=port))
    assert result.exit_code == 0, result.stderr
