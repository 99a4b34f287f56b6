"""Components hosted as a Pulumi package: a plugin process, and as much of an engine as `Construct` asks for."""

import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import mocks
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2, provider_pb2_grpc, resource_pb2, resource_pb2_grpc

from rehearsal import paths

PACKAGE = "soma"
_SECONDS = 60.0
_MAIN = """\
from pulumi.provider.experimental import component_provider_host
{imports}

component_provider_host(name={name!r}, components=[{kinds}])
"""


class _Given(mocks.Mocks):
    """What providers would answer: what they were given."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], None]:
        raise AssertionError(args.token)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        return f"{args.name}-id", dict(args.inputs)


class _Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """The SDK's mock monitor, over gRPC."""

    def __init__(self) -> None:
        self._mock = mocks.MockMonitor(_Given())

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802 (the protocol's name)
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in ("secrets", "outputValues"))

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._mock.RegisterResource(request)

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._mock.RegisterResourceOutputs(request)


class _Engine(engine_pb2_grpc.EngineServicer):
    """Hears what the plugin logs."""

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()


class Package:
    """A plugin that runs."""

    def __init__(self, port: str, engine: str) -> None:
        self._stub = provider_pb2_grpc.ResourceProviderStub(grpc.insecure_channel(f"127.0.0.1:{port}"))
        self._engine = engine

    def schema(self) -> dict[str, Any]:
        return json.loads(self._stub.GetSchema(provider_pb2.GetSchemaRequest(), timeout=_SECONDS).schema)

    def construct(self, token: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """The outputs of a component; grpc.RpcError with the plugin's own words."""
        given = struct_pb2.Struct()
        given.update(inputs)
        request = provider_pb2.ConstructRequest(
            project="program", stack="dev", monitorEndpoint=self._engine, type=token, name="one", inputs=given
        )
        return dict(self._stub.Construct(request, timeout=_SECONDS).state)


@contextmanager
def hosted(folder: Path, kinds: Sequence[type], source: str = "") -> Generator[Package]:
    """The package of these classes, or of the module `source`, which defines them, as the CLI would start it."""
    imports = "\n".join(f"from {kind.__module__} import {kind.__name__}" for kind in kinds)
    (folder / "PulumiPlugin.yaml").write_text(f"name: {PACKAGE}\nruntime: python\n")
    main = source or _MAIN.format(imports=imports, name=PACKAGE, kinds=", ".join(kind.__name__ for kind in kinds))
    (folder / "__main__.py").write_text(main)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(_Monitor(), server)
    engine_pb2_grpc.add_EngineServicer_to_server(_Engine(), server)
    engine = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    plugin = subprocess.Popen(
        [sys.executable, str(folder), engine],
        cwd=folder,
        env={"PYTHONPATH": str(paths.CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert plugin.stdout is not None
        yield Package(plugin.stdout.readline().strip(), engine)
    finally:
        plugin.kill()
        plugin.wait()
        server.stop(None)
