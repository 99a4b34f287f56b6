package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

const moment = 300 * time.Millisecond

// played is a session between a client and a server that the test plays; no login ever goes well.
type played struct {
	session        *Session
	client, server net.Conn
}

func play(t *testing.T) played {
	t.Helper()
	client, inner := pair(t)
	outer, server := pair(t)
	metrics := newMetrics()
	pooler := &Pooler{config: &pgconn.Config{}, passwordFile: "/nowhere", authorityFile: "/nowhere", metrics: metrics}
	session := newSession(&Gateway{pooler: pooler, metrics: metrics}, inner, 10*time.Second)
	session.attach(&pgconn.HijackedConn{Conn: outer})
	go func() { _ = session.forward(); session.close() }()
	t.Cleanup(session.close)
	return played{session, client, server}
}

func pair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	one, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = one.Close(); _ = other.Close() })
	return one, other
}

func encoded(t *testing.T, messages ...interface{ Encode([]byte) ([]byte, error) }) []byte {
	t.Helper()
	var all []byte
	var err error
	for _, message := range messages {
		if all, err = message.Encode(all); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// hears is what comes within a moment, and whether the connection has ended by then.
func hears(connection net.Conn) (string, bool) {
	_ = connection.SetReadDeadline(time.Now().Add(moment))
	all, err := io.ReadAll(connection)
	return string(all), err == nil
}

var (
	question = &pgproto3.Query{String: "INSERT"}
	refusal  = &pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "password authentication failed"}
	crash    = &pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "server conn crashed?"}
	queued   = &pgproto3.NoticeResponse{Severity: "NOTICE", Code: "00000", Message: "client being queued"}
	complete = &pgproto3.CommandComplete{CommandTag: []byte("INSERT 0 1")}
	idle     = &pgproto3.ReadyForQuery{TxStatus: 'I'}
)

func (p played) ask(t *testing.T) {
	t.Helper()
	if _, err := p.client.Write(encoded(t, question)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(p.server, make([]byte, len(encoded(t, question)))); err != nil {
		t.Fatal(err)
	}
}

func TestARefusedStatementIsHeldAndTheClientHearsNothing(t *testing.T) {
	p := play(t)
	p.ask(t)
	_, _ = p.server.Write(encoded(t, refusal))
	_ = p.server.Close()
	if said, ended := hears(p.client); said != "" || ended {
		t.Errorf("heard %q, ended %v", said, ended)
	}
}

// PgBouncer 1.25 says after some seconds that a statement has to queue; that is no answer.
func TestANoticeIsNoAnswer(t *testing.T) {
	p := play(t)
	p.ask(t)
	_, _ = p.server.Write(encoded(t, queued, refusal))
	_ = p.server.Close()
	if said, ended := hears(p.client); strings.Contains(said, refusal.Message) || ended {
		t.Errorf("heard %q, ended %v", said, ended)
	}
}

func TestAStatementThatMayHaveRunIsTheClients(t *testing.T) {
	p := play(t)
	p.ask(t)
	_, _ = p.server.Write(encoded(t, crash))
	_ = p.server.Close()
	if said, ended := hears(p.client); !strings.Contains(said, crash.Message) || !ended {
		t.Errorf("heard %q, ended %v", said, ended)
	}
}

// Not into the connection that is about to end: it waits for another server.
func TestAServerThatSaidGoodbyeGetsNoMoreStatements(t *testing.T) {
	p := play(t)
	_, _ = p.server.Write(encoded(t, crash))
	time.Sleep(moment)
	if _, err := p.client.Write(encoded(t, question)); err != nil {
		t.Fatal(err)
	}
	if said, ended := hears(p.client); said != "" || ended {
		t.Errorf("heard %q, ended %v", said, ended)
	}
}

func TestAnAnswerReachesTheClientThoughTheServerEndsInTheMiddleOfTheNext(t *testing.T) {
	p := play(t)
	p.ask(t)
	_, _ = p.server.Write(append(encoded(t, complete, idle), 'E', 0, 0))
	_ = p.server.Close()
	if said, _ := hears(p.client); said != string(encoded(t, complete, idle)) {
		t.Errorf("heard %q", said)
	}
}

func TestAStatementWithItsGoodbyeInOnePacketIsCarriedOut(t *testing.T) {
	p := play(t)
	if _, err := p.client.Write(encoded(t, question, &pgproto3.Terminate{})); err != nil {
		t.Fatal(err)
	}
	if said, _ := hears(p.server); said != string(encoded(t, question)) {
		t.Errorf("the server heard %q", said)
	}
}

// counted is how many statements had an outcome.
func (p played) counted(t *testing.T, outcome string) float64 {
	t.Helper()
	families, err := p.session.gateway.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, one := range family.GetMetric() {
			if family.GetName() == "postgresql_gateway_statements_total" && one.GetLabel()[0].GetValue() == outcome {
				return one.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no %s is told", outcome)
	return 0
}

func TestStatementsAreCountedByWhatBecameOfThem(t *testing.T) {
	denied := &pgproto3.ErrorResponse{Severity: "ERROR", Code: "42501", Message: "permission denied for table kv_store"}
	p := play(t)
	for _, answer := range [][]byte{encoded(t, complete, idle), encoded(t, denied, idle), encoded(t, complete, idle)} {
		p.ask(t)
		_, _ = p.server.Write(answer)
		if _, err := io.ReadFull(p.client, make([]byte, len(answer))); err != nil {
			t.Fatal(err)
		}
	}
	if good, bad := p.counted(t, "ok"), p.counted(t, "error"); good != 2 || bad != 1 {
		t.Errorf("counted %v and %v", good, bad)
	}
	p.ask(t)
	_, _ = p.server.Write(encoded(t, crash))
	_ = p.server.Close()
	hears(p.client)
	if bad := p.counted(t, "error"); bad != 2 {
		t.Errorf("one that broke off: counted %v", bad)
	}
}

func TestAStatementWhoseClientWentIsNotCounted(t *testing.T) {
	p := play(t)
	p.ask(t)
	_ = p.client.Close()
	hears(p.server)
	time.Sleep(moment)
	if good, bad := p.counted(t, "ok"), p.counted(t, "error"); good != 0 || bad != 0 {
		t.Errorf("counted %v and %v", good, bad)
	}
}

func TestAQuestionWhetherPostgreSQLIsThereIsNotCounted(t *testing.T) {
	p := play(t)
	p.session.patience = 0
	p.ask(t)
	_, _ = p.server.Write(encoded(t, complete, idle))
	hears(p.client)
	if good := p.counted(t, "ok"); good != 0 {
		t.Errorf("counted %v", good)
	}
}

func TestAServerThatIsLetGoOfWritesNothingBesideTheNextOne(t *testing.T) {
	played := play(t)
	session, first := played.session, played.session.server
	_, _ = session.writer.Write([]byte("N"))
	refused := encoded(t, &pgproto3.ErrorResponse{Severity: "FATAL", Code: "57P01", Message: "terminating connection"})
	if session.take(first, 'E', refused) || session.server != nil {
		t.Fatal("a connection that nobody uses was ended, and the client is told")
	}
	if session.writer.Buffered() != 0 {
		t.Error("what the server said before is left to be written beside what the next one says")
	}
	outer, _ := pair(t)
	session.attach(&pgconn.HijackedConn{Conn: outer})
	_, _ = session.writer.Write([]byte("N"))
	session.lost(first)
	if session.writer.Buffered() != 1 {
		t.Error("the server before wrote what is the next one's")
	}
}
