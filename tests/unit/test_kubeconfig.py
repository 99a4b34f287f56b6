"""Kubeconfig files, ours and others'."""

from pathlib import Path

import pytest
import yaml

from rehearsal import kubeconfig
from rehearsal.certificates import Authority
from rehearsal.errors import RehearsalError


def test_what_is_written_is_read_again_and_private(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    authority = Authority("test").certificate
    kubeconfig.write(path, "us-east", "https://127.0.0.1:6443", authority, "admin", "secret-token")
    assert path.stat().st_mode & 0o077 == 0
    connection = kubeconfig.read(path)
    assert (connection.server, connection.token, connection.namespace) == (
        "https://127.0.0.1:6443",
        "secret-token",
        "default",
    )
    assert connection.verify is not False
    assert list(tmp_path.iterdir()) == [path]


def write(path: Path, user: dict[str, object], context: dict[str, object] | None = None) -> Path:
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "one",
                "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u", **(context or {})}}],
                "clusters": [{"name": "c", "cluster": {"server": "https://example.com/"}}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return path


def test_client_certificates_and_token_files_are_found_beside_the_kubeconfig(tmp_path: Path) -> None:
    signed = Authority("test").client("someone")
    (tmp_path / "client.crt").write_text(signed.certificate)
    (tmp_path / "client.key").write_text(signed.key)
    (tmp_path / "token").write_text("from-file\n")
    user: dict[str, object] = {
        "client-certificate": "client.crt",
        "client-key": "client.key",
        "tokenFile": "token",
    }
    connection = kubeconfig.read(write(tmp_path / "config", user, {"namespace": "mine"}))
    assert (connection.token, connection.namespace) == ("from-file", "mine")
    assert connection.server == "https://example.com"


def test_a_way_to_sign_in_that_we_do_not_know_is_named_with_a_remedy(tmp_path: Path) -> None:
    path = write(tmp_path / "config", {"auth-provider": {"name": "oidc"}})
    with pytest.raises(RehearsalError, match=r"signs in by 'auth-provider'.*kubectl create token"):
        kubeconfig.read(path)


def test_a_context_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match=r"no context named 'two' \(there: one\)"):
        kubeconfig.read(write(tmp_path / "config", {}), "two")


@pytest.mark.parametrize("text", ["- a\n", "{", "just words"])
def test_a_file_that_is_no_kubeconfig_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(RehearsalError, match="not a kubeconfig"):
        kubeconfig.read(path)


def test_a_pod_signs_in_by_its_service_account(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(Authority("test").certificate)
    (tmp_path / "token").write_text("of-the-account\n")
    (tmp_path / "namespace").write_text("nginx-ingress")
    place = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    connection = kubeconfig.in_cluster(tmp_path, place)
    assert (connection.server, connection.token) == ("https://10.96.0.1:443", "of-the-account")
    assert connection.namespace == "nginx-ingress"
