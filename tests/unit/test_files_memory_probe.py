"""What the probes read of the kernel's table of connections; the rest is tested beside processes (tests/dataplane)."""

import pytest

from components.files import memory_probe

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TO_GATEWAY = (
    "   0: 0100007F:9C40 0100007F:1538 01 00000000:00000000 02:000000A1 00000000  1000        0 51 2 0000000000000000\n"
)
"""Within the pod, to port 5432, established, as /proc/net/tcp of kernel 6.18 shows it."""
TO_GATEWAY_6 = (
    "  12: 0000000000000000FFFF00000100007F:9C40 0000000000000000FFFF00000100007F:1538 01 00000000:00000000 "
    "00:00000000 00000000  1000        0 52 1 0000000000000000\n"
)


@pytest.mark.parametrize("line", [TO_GATEWAY, TO_GATEWAY_6])
def test_an_established_connection_to_the_port_counts(line: str) -> None:
    assert memory_probe.connections_to(5432, HEAD + line) == 1


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(TO_GATEWAY.replace(":1538 01 ", ":1538 08 "), id="closed by the gateway (CLOSE_WAIT)"),
        pytest.param(TO_GATEWAY.replace(":1538 01 ", ":1538 02 "), id="still connecting (SYN_SENT)"),
        pytest.param(TO_GATEWAY.replace(":1538 01 ", ":18EB 01 "), id="to Redis"),
        pytest.param(TO_GATEWAY.replace("9C40", "1538").replace(":1538 01 ", ":9C40 01 "), id="from that port"),
        pytest.param(TO_GATEWAY.replace("0100007F:1538", "0A00602A:1538"), id="the gateway's own, to the pooler"),
        pytest.param("", id="none"),
    ],
)
def test_nothing_else_does(line: str) -> None:
    assert memory_probe.connections_to(5432, HEAD + line) == 0


def test_a_question_that_there_is_not_is_a_no(capsys: pytest.CaptureFixture[str]) -> None:
    assert memory_probe.main(["well"]) == 1
    assert "usage" in capsys.readouterr().out
