"""A home that was given up is told by the new one when it comes back, and by nobody else."""

from typing import Any

import pytest

from components import fence
from components.files import memory_probe
from components.files.memory_probe import Question, given_up, proof
from rehearsal.engine.model import revealed
from rehearsal.ports import free_port
from settings import load
from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack, stack_configuration

TOKEN = "forty-eight letters"
FORCED = {"promotion": {"home": "us-west", "former": "us-east", "step": "promote"}}
MOVED = {"multiregion": {"home": "us-west", "regions": [{"name": "us-east", "generation": 2}, {"name": "us-west"}]}}


def token(run: Recorded, service: str = "memory-service") -> str:
    return str(revealed(run.one("Secret", f"{service}-token").inputs["stringData"])["token"])


def answer(run: Recorded) -> str:
    (route,) = run.one("VirtualServer", "fence").spec["routes"]
    return str(route["action"]["return"]["body"])


def asked(run: Recorded) -> list[str]:
    return run.pods_of("memory-service").container("memory-service")["readinessProbe"]["exec"]["command"][5:-1] + (
        run.one("ConfigMap", "memory-service").inputs["data"].get("other-regions", "").split()
    )


class TestWhatIsSaid:
    def test_a_home_that_took_over_by_force_says_that_the_old_one_was_given_up(
        self, us_east: Recorded, us_west: Recorded
    ) -> None:
        run = record_stack("us-west", overrides=FORCED, stacks={"us-west": us_west.outputs})
        region, generation, place = asked(us_east)
        assert given_up(answer(run), region, int(generation), token(us_east))
        server = run.one("VirtualServer", "fence")
        assert place == f"memory.us-west.somafractalmemory.internal:443/{server.spec['host']}"
        assert server.spec["tls"]["secret"] == "edge-entrance"
        (request,) = [r for r in run.resources if r.name.endswith("edges-authority-entrance-request")]
        assert request.inputs["dnsNames"] == [f"*.{server.spec['host'].partition('.')[2]}"]
        # Before it takes writes the old home may still be moved from, and must not be fenced for good.
        assert run.one("Cluster", "postgresql-us-west").urn in server.depends_on

    def test_it_goes_on_to_say_so_once_the_record_has_left(self, us_east: Recorded, us_west: Recorded) -> None:
        during = record_stack("us-west", overrides=FORCED, stacks={"us-west": us_west.outputs})
        after = record_stack("us-west", overrides=MOVED, stacks={"us-west": during.outputs})
        assert answer(after) == answer(during)
        clone = record_stack("us-east", overrides=MOVED, stacks={"us-west": after.outputs})
        region, generation, _ = asked(clone)
        assert not given_up(answer(after), region, int(generation), token(us_east)), "a clone serves when it is home"

    def test_nobody_is_given_up_by_a_switchover_or_by_a_home_that_stays(
        self, us_east: Recorded, us_west: Recorded
    ) -> None:
        handed = {"promotion": {**FORCED["promotion"], "token": "bG9uZw=="}}
        switched = record_stack("us-west", overrides=handed, stacks={"us-west": us_west.outputs})
        for run in (us_east, us_west, switched):
            assert not run.has("VirtualServer", "fence")

    def test_it_is_proven_to_the_pods_of_each_memory_namespace_by_their_own_token(self, us_west: Recorded) -> None:
        hosts = {"memory-service": "memory.example.com", "memory-service-eu": "eu.example.com"}
        rules = [
            {"host": host, "paths": [{"path": "/", "backend": {"service": service}}]} for service, host in hosts.items()
        ]
        memory = {**stack_configuration("us-west")["memory"], "namespaces": ["default", "eu"]}
        run = record_stack("us-west", overrides={**MOVED, "memory": memory, "ingress": {"rules": rules}})
        tokens = [token(run, service) for service in hosts]
        assert len(set(tokens)) == 2
        assert all(given_up(answer(run), "us-east", 1, one) for one in tokens)
        assert not any(one in answer(run) for one in tokens)

    @pytest.mark.parametrize(
        ("record", "found"),
        [
            ({}, {"eu-west": 3}),
            ({**FORCED["promotion"]}, {"us-east": 2, "eu-west": 3}),
            ({**FORCED["promotion"], "former": "eu-west"}, {"eu-west": 4}),
            ({**FORCED["promotion"], "token": "bG9uZw=="}, {"eu-west": 3}),
        ],
    )
    def test_who_was_given_up(self, record: dict[str, str], found: dict[str, int]) -> None:
        regions: list[dict[str, Any]] = [{"name": "us-east"}, {"name": "us-west"}, {"name": "eu-west", "generation": 3}]
        home = record.get("former", "us-east")
        own = {**stack_configuration("us-west"), "multiregion": {"home": home, "regions": regions}}
        settings = load({**own, **({"promotion": record} if record else {})}, "us-west")
        assert fence.given_up(settings) == found


class TestWhoAsks:
    def test_pods_ask_all_other_regions_in_either_role(self, us_east: Recorded, us_west: Recorded) -> None:
        assert asked(us_east)[:2] == ["us-east", "1"]
        (place,) = asked(us_west)[2:]
        assert place == "memory.us-east.somafractalmemory.internal:443/home.us-east.somafractalmemory.internal"

    def test_a_region_alone_asks_nobody_and_goes_nowhere(self) -> None:
        run = record_stack("us-east", overrides={"multiregion": {"enabled": False, "regions": []}})
        assert asked(run) == []
        out = run.one("NetworkPolicy", "memory-service").spec["egress"]
        assert not [rule for rule in out if {"protocol": "TCP", "port": 443} in rule["ports"]]


class TestWhatIsHeard:
    @pytest.mark.parametrize(
        "said",
        [
            pytest.param(f"us-east/1/{proof(TOKEN, 'us-east', 1)}", id="its own generation"),
            pytest.param(f"us-west/2/{proof(TOKEN, 'us-west', 2)}", id="another region"),
            pytest.param(f"us-east/2/{proof('other', 'us-east', 2)}", id="by somebody who has not the token"),
            pytest.param(f"us-east/3/{proof(TOKEN, 'us-east', 2)}", id="with the proof of another generation"),
            pytest.param(f"us-east/2/{proof(TOKEN, 'us-west', 2)}", id="with the proof of another region"),
            pytest.param("us-east/2", id="without proof"),
            pytest.param("us-east/two/x us-east// / us-east/2/é <html>404</html>", id="what is no such answer"),
            pytest.param("", id="nothing"),
        ],
    )
    def test_no_other_answer_fences(self, said: str) -> None:
        assert not given_up(said, "us-east", 1, TOKEN)

    def test_a_later_generation_does_among_others(self) -> None:
        said = f"us-west/9/x us-east/3/{proof(TOKEN, 'us-east', 3)}"
        assert given_up(said, "us-east", 1, TOKEN)
        assert given_up(said, "us-east", 2, TOKEN)

    def test_regions_that_do_not_answer_say_nothing(self) -> None:
        nowhere = [f"127.0.0.1:{free_port()}/home.us-west.internal", "no.such.name.invalid:443/home.eu-west.internal"]
        assert not Question(nowhere).says("us-east", 1, TOKEN)

    def test_one_that_says_so_is_enough_whoever_else_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said = f"us-east/2/{proof(TOKEN, 'us-east', 2)}"
        monkeypatch.setattr(memory_probe, "elsewhere", lambda address, *_: said if address == "eu-west" else "")
        assert Question(["us-west:443/a", "eu-west:443/b"]).says("us-east", 1, TOKEN)
