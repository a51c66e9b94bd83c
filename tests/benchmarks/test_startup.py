"""Fresh interpreters are timed, and heavy modules are noticed."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from benchmarks import startup
from nst_rt.errors import NstError


def test_import_loads_the_package_and_nothing_heavy() -> None:
    seconds, loaded = startup.import_cost()
    assert seconds > 0
    assert "nst_rt" in loaded
    assert "numpy" not in loaded
    assert startup.heavy(loaded) == []


def test_help_is_timed_without_anything_heavy() -> None:
    seconds, loaded = startup.help_cost()
    assert seconds > 0
    assert "nst_rt.commands" in loaded
    assert startup.heavy(loaded) == []


def test_heavy_modules_fail_the_program(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(startup, "import_cost", lambda: (0.01, ["nst_rt", "torch", "torch.nn"]))
    monkeypatch.setattr(startup, "help_cost", lambda: (0.1, ["nst_rt.commands"]))
    arguments = ["--rounds", "1", "--results", str(tmp_path)]
    result = CliRunner().invoke(startup.startup, arguments, catch_exceptions=False)
    assert result.exit_code == 1
    assert "| import nst_rt | 10 | 10 | 50 | 3 | torch |" in result.output


def test_interpreter_that_fails_says_why() -> None:
    with pytest.raises(NstError, match=r"a fresh interpreter failed \(ValueError: because\)"):
        startup._python("-c", "raise ValueError('because')")
