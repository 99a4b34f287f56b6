"""The simulated account as a resource provider of the real engine: `PULUMI_DEBUG_PROVIDERS=aws:<port>` attaches it.

The engine opens a connection for each provider resource of a program and configures it; what is asked over a
connection is meant for that provider's account and region. Nothing is kept of a preview, in which what AWS would make
up is unknown, as it is with the real provider.

Left out: functions (get…) and methods, listing, parameters, names that the provider would make up by the engine's own
rules, and the schema beyond its name: no language but one whose SDK is installed can use it.
"""

import json
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import version
from typing import Any, Final, NoReturn, TypeVar, cast

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from rehearsal.aws import schema, simulation
from rehearsal.aws.catalogue import KINDS
from rehearsal.aws.endpoint import Endpoint
from rehearsal.aws.resource import Resource
from rehearsal.aws.simulation import SEED, Asked, Former, RefusedByAwsError
from rehearsal.aws.world import World
from rehearsal.engine import wire
from rehearsal.engine.aws_accounts import Accounts
from rehearsal.engine.model import UNKNOWN, Unknown, Value, revealed
from rehearsal.engine.providers.aws import account_of, default_tags, marked, region_of
from rehearsal.engine.scrub import Scrubber
from rehearsal.errors import RehearsalError

VARIABLE: Final = "PULUMI_DEBUG_PROVIDERS"
OF_THE_ENGINE: Final = ("version", "pluginDownloadURL")
"""Inputs of a provider resource that say which plugin is meant."""
THREADS: Final = 32
_Method = TypeVar("_Method", bound=Callable[..., Any])


def _told(method: _Method) -> _Method:
    """Refusals become failures of the call, in their own words."""

    @wraps(method)
    def call(self: "Service", request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except RefusedByAwsError as error:
            _fail(context, grpc.StatusCode.INVALID_ARGUMENT, "\n".join(error.faults))
        except RehearsalError as error:
            _fail(context, grpc.StatusCode.UNIMPLEMENTED, str(error))

    return cast(_Method, call)


def _fail(context: grpc.ServicerContext, code: grpc.StatusCode, words: str) -> NoReturn:
    context.abort(code, words)
    raise AssertionError("abort raises")


class Service(provider_pb2_grpc.ResourceProviderServicer):
    """Answers one command of the engine from accounts; one instance serves every provider resource of its program."""

    def __init__(self, accounts: Accounts, cluster: Callable[[str], Endpoint | None] = lambda _: None) -> None:
        """`cluster` tells by stack what its EKS clusters hand out."""
        self._accounts, self._cluster = accounts, cluster
        self._tried: Accounts | None = None
        """What the command's preview made so far: some of it is known by names, which others name."""
        self._lock = threading.Lock()
        self._providers: dict[str, dict[str, Value]] = {}
        """Inputs of the provider that a connection, by its address, is for."""

    # What it is

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def GetSchema(self, request: Any, context: Any) -> Any:
        document = {"name": "aws", "version": version("pulumi-aws"), "resources": {}}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(document))

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    # The provider

    def CheckConfig(self, request: Any, context: Any) -> Any:
        inputs = wire.from_struct(request.news)
        stated = {name: value for name, value in _stated(inputs).items() if name not in OF_THE_ENGINE}
        faults, region = list(schema.provider_faults(stated)), region_of(inputs)
        faults += simulation.region_faults(region) if region is not None else ()
        return _checked(request.news, faults)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        before = wire.from_struct(request.old_inputs or request.olds)
        return _diff(before, wire.from_struct(request.news))

    def Configure(self, request: Any, context: Any) -> Any:
        self._providers[context.peer()] = wire.from_struct(request.args)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    # Its resources

    @_told
    def Check(self, request: Any, context: Any) -> Any:
        asked, inputs = self._asked(request.urn, request.news, context)
        simulation.known(asked.type, asked.name)
        return _checked(request.news, map(Scrubber([inputs]), schema.faults(asked.type, asked.inputs)))

    @_told
    def Diff(self, request: Any, context: Any) -> Any:
        asked, inputs = self._asked(request.urn, request.news, context)
        before = wire.from_struct(request.old_inputs)
        tagged = revealed(wire.from_struct(request.olds).get("tagsAll"))
        answer = _diff(before, inputs, {"tagsAll"} if tagged not in (None, simulation.tags(asked)) else ())
        if request.id and asked.type in KINDS:
            answer.replaces.extend(simulation.replacing(asked.type, _stated(before), asked.inputs))
            answer.deleteBeforeReplace = bool(answer.replaces) and self._at(
                context, lambda world: _gives_way(world, asked, request.id)
            )
        return answer

    @_told
    def Create(self, request: Any, context: Any) -> Any:
        asked, inputs = self._asked(request.urn, request.properties, context)

        def work(world: World) -> tuple[Value, dict[str, Value]]:
            there = {(one.type, one.region, one.id) for one in world.all()}
            id_, outputs = simulation.create(world, asked, making=self._accounts.makings(asked.urn))
            place = "" if KINDS[asked.type].wide else str(outputs.get("region") or asked.region)
            if (asked.type, place, id_) in there:
                raise RefusedByAwsError(asked.name, asked.type, [f"{id_} is there already: give it another name"])
            return id_, outputs

        id_, outputs = self._work(request, context, inputs, work)
        if request.preview:
            return provider_pb2.CreateResponse(properties=_properties(_planned(outputs, asked, inputs), inputs))
        return provider_pb2.CreateResponse(id=str(id_), properties=_properties(outputs, inputs))

    @_told
    def Update(self, request: Any, context: Any) -> Any:
        asked, inputs = self._asked(request.urn, request.news, context)

        def work(world: World) -> tuple[Value, dict[str, Value]]:
            former = _there(world, asked, request.id)
            world.remove(former)
            return simulation.create(world, asked, Former(former.inputs, str(former.outputs[SEED])))

        _, outputs = self._work(request, context, inputs, work)
        return provider_pb2.UpdateResponse(properties=_properties(outputs, inputs))

    @_told
    def Read(self, request: Any, context: Any) -> Any:
        asked, _ = self._asked(request.urn, request.inputs, context)
        found = self._at(context, lambda world: _find(world, asked, request.id))
        if found is None:
            return provider_pb2.ReadResponse()
        stated = wire.from_struct(request.inputs) or dict(found.inputs)
        return provider_pb2.ReadResponse(
            id=found.id, properties=_properties(found.outputs, stated), inputs=wire.to_struct(stated)
        )

    @_told
    def Delete(self, request: Any, context: Any) -> Any:
        asked, _ = self._asked(request.urn, request.old_inputs, context)

        def work(world: World) -> None:
            found = _find(world, asked, request.id)
            if found is not None:
                simulation.delete(world, found)

        self._accounts.change(self._account(context), work)
        return empty_pb2.Empty()

    @_told
    def Invoke(self, request: Any, context: Any) -> Any:
        raise RehearsalError(f"the simulated account has no functions, such as {request.tok}: state what it would find")

    # How

    def _provider(self, context: grpc.ServicerContext) -> Mapping[str, Value]:
        return self._providers.get(context.peer(), {})

    def _account(self, context: grpc.ServicerContext) -> str:
        return account_of(self._provider(context))

    def _asked(self, urn: str, properties: Any, context: grpc.ServicerContext) -> tuple[Asked, dict[str, Value]]:
        """What is asked for, and its inputs with their secret marks."""
        provider, inputs = self._provider(context), wire.from_struct(properties)
        type_, name = urn.split("::")[2].rpartition("$")[2], urn.rpartition("::")[2]
        tags = default_tags(provider)
        return Asked(type_, name, urn, region_of(provider) or "", _stated(inputs), tags), inputs

    def _at(self, context: grpc.ServicerContext, look: Callable[[World], Any]) -> Any:
        return self._accounts.look(self._account(context), look)

    def _work(self, request: Any, context: grpc.ServicerContext, inputs: Value, work: Callable[[World], Any]) -> Any:
        """`work` on the connection's account: for good, or in a preview on one to try things out on."""
        stack = str(request.urn).split("::")[0].rpartition(":")[2]

        def with_cluster(world: World) -> Any:
            world.behind = self._cluster(stack)
            return work(world)

        accounts = self._trial() if request.preview else self._accounts
        try:
            return accounts.change(self._account(context), with_cluster)
        except RefusedByAwsError as error:
            raise error.told(Scrubber([inputs])) from None

    def _trial(self) -> Accounts:
        with self._lock:
            self._tried = self._tried or self._accounts.fork()
            return self._tried


def _stated(inputs: Mapping[str, Value]) -> dict[str, Value]:
    """Inputs without secret marks, and without those that the SDK adds for itself."""
    return {name: value for name, value in revealed(inputs).items() if not name.startswith("__")}


def _checked(news: Any, faults: Any) -> Any:
    failures = [provider_pb2.CheckFailure(reason=fault) for fault in faults]
    return provider_pb2.CheckResponse(inputs=news, failures=failures)


def _diff(before: Mapping[str, Value], after: Mapping[str, Value], more: Any = ()) -> Any:
    """The names of what differs. What is unknown does."""
    former, later = _stated(before), _stated(after)
    names = {name for name in {*former, *later} if former.get(name) != later.get(name)} | {*more}
    changes = provider_pb2.DiffResponse.DIFF_SOME if names else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(changes=changes, diffs=sorted(names))


def _find(world: World, asked: Asked, id_: str) -> Resource | None:
    """A resource by its id: that of the URN, where several regions have one."""
    found = [one for one in world.of(asked.type) if one.id == id_]
    stated = asked.inputs.get("region") or asked.region
    found.sort(key=lambda one: (one.urn == asked.urn, one.region == stated), reverse=True)
    return found[0] if found else None


def _there(world: World, asked: Asked, id_: str) -> Resource:
    found = _find(world, asked, id_)
    if found is None:
        fault = f"{id_} is not there any more: `pulumi refresh` takes it out of the state, and it is made again"
        raise RefusedByAwsError(asked.name, asked.type, [fault])
    return found


def _gives_way(world: World, asked: Asked, id_: str) -> bool:
    found = _find(world, asked, id_)
    return found is not None and simulation.same_place(world, asked, found)


def _planned(outputs: Mapping[str, Value], asked: Asked, inputs: Mapping[str, Value]) -> dict[str, Value]:
    """What a preview may know of the outputs: what is stated, and what AWS takes where it is not."""
    known = {**KINDS[asked.type].defaults, "tagsAll": simulation.tags(asked), "region": outputs.get("region")}
    known |= {name: value for name, value in revealed(inputs).items() if value is not None}
    return {name: _known(value, known.get(name)) for name, value in outputs.items()}


def _known(output: Value, stated: Value) -> Value:
    """The output where the inputs state it, at any depth; UNKNOWN where AWS would make it up."""
    if stated is None or isinstance(stated, Unknown):
        return UNKNOWN
    if isinstance(output, Mapping) and isinstance(stated, Mapping):
        told = cast(Mapping[str, Value], stated)
        return {name: _known(value, told.get(name)) for name, value in cast(Mapping[str, Value], output).items()}
    return output


def _properties(outputs: Mapping[str, Value], inputs: Mapping[str, Value]) -> Any:
    """Outputs as the wire has them, as secret as the inputs of their names."""
    told = {name: value for name, value in outputs.items() if name not in (SEED, "id")}
    return wire.to_struct(marked(told, inputs))


@contextmanager
def serving(service: Service) -> Generator[int]:
    """The port of the loopback address at which it answers, until the end of the block."""
    server = grpc.server(ThreadPoolExecutor(THREADS), options=[("grpc.max_receive_message_length", -1)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait()
