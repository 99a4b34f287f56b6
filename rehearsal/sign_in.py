"""What signs in to a region's control plane here, in place of `aws eks get-token` in the kubeconfig of EKS."""

from rehearsal import exec_credentials, kubeconfig, paths
from rehearsal.errors import RehearsalError


def credential(region: str) -> str:
    """The ExecCredential, as JSON, of the user in the region's own kubeconfig.

    `region` is a region's name or what AWS calls it. RehearsalError where the region is not up.
    """
    path = paths.home() / region / "kubeconfig"
    if not path.exists():
        path = paths.home() / _named(region) / "kubeconfig"
    if not path.exists():
        raise RehearsalError(f"{region} is not up: `make up` brings it up")
    return exec_credentials.printed(*kubeconfig.credential(path))


def _named(aws_region: str) -> str:
    from rehearsal.engine.project import Project  # here, for a region's own name needs no settings

    settings = Project.load(paths.CHECKOUT).settings()
    return next((name for name, one in settings.items() if one.region.aws_region == aws_region), aws_region)
