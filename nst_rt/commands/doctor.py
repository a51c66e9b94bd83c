"""`nst-rt doctor`: show what this machine can paint with, and what the rest lacks."""

from __future__ import annotations

import click

from nst_rt.commands.stdout import Results, clean_stdout
from nst_rt.diagnosis import Diagnosis, diagnose
from nst_rt.errors import ProviderError, shown


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Show what can paint here, and what is missing where something cannot.

    Every engine that is installed opens a shipped style and paints a tiny picture. Exit code 0 if
    at least one device paints, 5 if none does.
    """
    with clean_stdout() as results:
        found = diagnose()
        if as_json:
            results.json(found.as_dict())
        else:
            _print(found, results)
    context.exit(0 if found.paints else ProviderError.exit_code)


def _print(found: Diagnosis, results: Results) -> None:
    for verdict in found.verdicts:
        results.line(shown(verdict.line))
    for warning in found.warnings:
        results.line(f"warning: {shown(warning)}")
    results.line("")
    for key, value in _facts(found).items():
        results.line(f"{key:<10} {shown(value)}")


def _facts(found: Diagnosis) -> dict[str, str]:
    """Return further facts of the machine, one line each."""
    processor, driver, cache = found.processor, found.driver, found.cache
    arithmetic = ", ".join(processor["precisions"]) or {True: "bf16", False: "no bf16"}.get(
        processor["bf16"], "bf16 unknown"
    )
    facts = {
        "processor": f"{processor['name']}, {processor['threads']} threads, {arithmetic}",
        "driver": driver.get("problem") or "",
    }
    if driver.get("cuda"):
        version = driver.get("version") or "of unknown version"
        problem = f", {driver['problem']}" if driver.get("problem") else ""
        facts["driver"] = f"{version}, CUDA {driver['cuda']}{problem}"
    for number, gpu in enumerate(driver.get("gpus", [])):
        memory = f"{gpu['memory'] / 2**30:.1f} GiB"
        facts[f"gpu {number}"] = f"{gpu['name']}, {memory}, compute capability {gpu['capability']}"
    if found.libraries:
        facts["libraries"] = _listed(found.libraries)
    facts["versions"] = _listed(found.versions)
    writable = "" if cache["writable"] else " (not writable)"
    facts["cache"] = f"{cache['folder'] or 'none'}{writable}"
    return facts


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
