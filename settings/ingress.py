"""How users reach the service: hosts, paths, TLS, limits."""

from typing import Annotated, cast

from pydantic import BeforeValidator, Field, model_validator

from settings.memory import SERVICE, SERVICE_PORT
from settings.model import FrozenMap, Model, Texts
from settings.names import DnsName, Label, ObjectName, Rate, UrlPath, object_name, reason

CLASS_ANNOTATION = "kubernetes.io/ingress-class"
"""The guide names the class by this annotation, which Kubernetes has given up for ingressClassName."""


class Backend(Model):
    """Where a path leads."""

    service: Label = Field(
        default=SERVICE,
        description="Service of a memory namespace: `memory-service` for default, else `memory-service-<namespace>`.",
    )
    port: int = Field(default=SERVICE_PORT, ge=1, le=65535, description="Its port.")


class IngressPath(Model):
    """One path of a host."""

    path: UrlPath = Field(default="/", description="Prefix of the URL's path.")
    backend: Backend = Field(default=Backend(), description="Where it leads.")

    def covers(self, path: str) -> bool:
        """Is a path this one, or under it?"""
        return path == self.path or path.startswith(self.path.rstrip("/") + "/")


class IngressRule(Model):
    """One host."""

    host: DnsName = Field(description="Name under which users reach a memory namespace.")
    paths: tuple[IngressPath, ...] = Field(
        default=(IngressPath(),), min_length=1, description="Paths of the host and where they lead."
    )


def _named_secret(name: object) -> object:
    if name is None or name == "":
        raise ValueError("TLS needs the Secret with the certificate: name it, or set ingress.tls.enabled to false")
    return name


class Tls(Model):
    """Encryption of what users send."""

    enabled: bool = Field(default=True, description="Serve HTTPS.")
    secret_name: Annotated[ObjectName, BeforeValidator(_named_secret)] = Field(
        default="memory-tls", description="Secret of type kubernetes.io/tls with the certificate."
    )
    cluster_issuer: ObjectName | None = Field(
        default=None,
        description="cert-manager's ClusterIssuer that fills the Secret; without one, bring the Secret yourself.",
    )


class Ingress(Model):
    """The guide's load balancing."""

    enabled: bool = Field(default=True, description="Open the service to users outside the cluster.")
    class_name: ObjectName = Field(
        default="nginx", validation_alias="class", serialization_alias="class", description="Ingress class."
    )
    annotations: Texts = Field(
        default=FrozenMap({CLASS_ANNOTATION: "nginx"}),
        description="The guide's place for the class; when `class` stands too, they must agree.",
    )
    rules: tuple[IngressRule, ...] = Field(
        default=(IngressRule(host="memory.example.com"),), description="Hosts: every memory namespace needs one."
    )
    tls: Tls = Field(default=Tls(), description="Encryption of what users send.")
    streaming_paths: tuple[UrlPath, ...] = Field(
        default=("/memories/stream",), description="Paths with session affinity and without buffering."
    )
    rate_limit: Rate = Field(
        default="100r/s", description="Requests that each client may make, a second (r/s) or a minute (r/m)."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_class(cls, given: object) -> object:
        """The class named in one place stands for the other."""
        if not isinstance(given, dict):
            return given
        block = dict(cast(dict[str, object], given))
        annotations = block.get("annotations")
        if "annotations" not in block and isinstance(block.get("class"), str):
            block["annotations"] = {CLASS_ANNOTATION: block["class"]}
        elif "class" not in block and isinstance(annotations, dict):
            named = cast(dict[str, object], annotations).get(CLASS_ANNOTATION)
            if isinstance(named, str) and reason(object_name, named) is None:  # Else it is faulty where it stands.
                block["class"] = named
        return block
