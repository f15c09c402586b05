"""The deployment files, as far as they can be checked without a container engine."""

import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gadwatch_service import metrics
from gadwatch_service.middleware.hosts import allowed_names
from gadwatch_service.operation.make_secrets import make_secrets
from gadwatch_service.settings import Settings, load_settings, variable_of

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def _compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return content


def _manifests() -> list[dict[str, Any]]:
    folder = DEPLOY / "kubernetes"
    names = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
    return [doc for name in names for doc in yaml.safe_load_all((folder / name).read_text("utf-8"))]


def test_every_variable_that_a_file_sets_is_a_setting() -> None:
    known = {variable_of(name) for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known} | {"GADWATCH_PUBLISH"}
    files = [ROOT / "Dockerfile", ROOT / "docker-compose.yml", *DEPLOY.rglob("*.*")]
    for file in files:
        used = set(re.findall(r"\bGADWATCH_[A-Z_]+", file.read_text("utf-8")))
        assert used <= known, file


def test_no_service_has_a_way_to_write_or_to_rise() -> None:
    for name, service in _compose()["services"].items():
        assert service["read_only"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name


def test_no_secret_stands_in_the_file_and_none_is_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    assert not re.search(r"(?i)(password|token|secret_key)\s*[:=]\s*[\"']?\w{4,}(?!.*/)", text)
    environment = _compose()["services"]["service"]["environment"]
    for name in ("DATABASE_URL", "BOOTSTRAP_TOKEN", "SECRET_KEY"):
        assert f"GADWATCH_{name}" not in environment
        assert environment[f"GADWATCH_{name}_FILE"].startswith("/secrets/")


def test_only_the_service_is_published_and_only_on_loopback() -> None:
    services = _compose()["services"]
    assert [name for name, one in services.items() if one.get("ports")] == ["service"]
    assert services["service"]["ports"] == ["${GADWATCH_PUBLISH:-127.0.0.1:8400}:8400"]
    assert services["database"]["networks"] == ["inside"]
    assert _compose()["networks"]["inside"] == {"internal": True}


def test_the_service_waits_for_its_database_and_both_are_watched() -> None:
    services = _compose()["services"]
    assert services["service"]["depends_on"]["database"] == {"condition": "service_healthy"}
    assert "pg_isready" in services["database"]["healthcheck"]["test"]
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text("utf-8")


def test_every_named_volume_is_declared() -> None:
    compose = _compose()
    used = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
    }
    assert used == set(compose["volumes"])


def test_the_compose_file_follows_its_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    result = subprocess.run([*command, str(ROOT / "docker-compose.yml")],
                            capture_output=True, text=True, check=False)  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


HADOLINT = Path(sys.executable).parent / "hadolint"


@pytest.mark.skipif(not HADOLINT.exists(), reason="no Dockerfile linter for this machine")
def test_the_dockerfile_has_no_fault_that_its_linter_knows() -> None:
    result = subprocess.run([HADOLINT, "--failure-threshold", "style", ROOT / "Dockerfile"],
                            capture_output=True, text=True, check=False)  # fmt: skip
    assert result.returncode == 0, result.stdout


def test_the_image_runs_as_nobody_and_copies_what_exists() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users == ["10001:10001"]
    kept = [
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    ]
    assert all((ROOT / name).exists() for name in kept)
    assert {"pyproject.toml", "migrations", "service", "LICENSE", "constraints.txt"} <= set(kept)


def test_the_first_start_makes_secrets_that_the_service_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_secrets(tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    make_secrets(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {
        "postgres-password": 0o444,
        "database-url": 0o600,
        "owner-token": 0o600,
        "secret-key": 0o600,
    }
    environment = _compose()["services"]["service"]["environment"]
    for name, value in environment.items():
        if name.endswith("_FILE"):
            monkeypatch.setenv(name, str(tmp_path / value.removeprefix("/secrets/")))
    settings = load_settings()
    assert settings.bootstrap_token == before["owner-token"].strip()
    assert settings.database_url is not None
    assert before["postgres-password"].strip() in settings.database_url


def test_pods_run_as_nobody_on_a_read_only_root() -> None:
    pods = [doc["spec"]["template"]["spec"] for doc in _manifests() if "template" in doc["spec"]]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            confined = container["securityContext"]
            assert confined["readOnlyRootFilesystem"]
            assert confined["capabilities"] == {"drop": ["ALL"]}
            assert not confined["allowPrivilegeEscalation"]
            assert "readinessProbe" in container
            assert "limits" in container["resources"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_trainers_in_the_cluster_may_use_the_names_of_the_service() -> None:
    folder = DEPLOY / "kubernetes"
    namespace = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["namespace"]
    named = {(doc["kind"], doc["metadata"]["name"]): doc for doc in _manifests()}
    [container] = named["Deployment", "gadwatch"]["spec"]["template"]["spec"]["containers"]
    given = {one["name"]: one["value"] for one in container["env"]}
    names = allowed_names(
        load_settings(
            host="0.0.0.0",
            public_url=given["GADWATCH_PUBLIC_URL"],
            allowed_hosts=given["GADWATCH_ALLOWED_HOSTS"],
        )
    )
    assert ("Service", "gadwatch") in named
    for domain in ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.cluster.local"):
        assert names is not None
        assert f"gadwatch{domain}" in names


def test_kustomize_builds_the_manifests() -> None:
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes")]
    built = subprocess.run(command, capture_output=True, text=True, check=True)
    kinds = {doc["kind"] for doc in yaml.safe_load_all(built.stdout)}
    assert {"Deployment", "StatefulSet", "Service", "NetworkPolicy"} <= kinds


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_the_unit_is_well_confined() -> None:
    unit = DEPLOY / "systemd/gadwatch.service"
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=30", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-500:] + result.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_the_unit_has_no_line_that_systemd_does_not_know(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd/gadwatch.service").read_text("utf-8")
    unit = tmp_path / "gadwatch.service"
    unit.write_text(text.replace("/opt/gadwatch/bin/gadwatch", "/bin/true"))
    command = ["systemd-analyze", "verify", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def _families() -> set[str]:
    """Names of every series that `/metrics` can have."""
    names: set[str] = set()
    for family in metrics.registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        names |= {family.name + suffix for suffix in suffixes.get(family.type, [""])}
    return names


def _queries() -> list[str]:
    dashboard = json.loads((DEPLOY / "grafana/gadwatch.json").read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((DEPLOY / "prometheus/gadwatch-alerts.yml").read_text("utf-8"))
    return asked + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_dashboard_and_rules_ask_for_series_that_exist() -> None:
    used = set(re.findall(r"\b(?:gadwatch|process)_[a-z_]+", " ".join(_queries())))
    assert used <= _families()


def test_rates_are_asked_of_what_only_rises() -> None:
    # Of a gauge that falls they would take the fall for a restart, and report what was there.
    for query in _queries():
        for name in re.findall(r"\b(?:rate|increase)\((\w+)", query):
            assert name.endswith(("_total", "_bucket")), query
