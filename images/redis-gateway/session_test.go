package main

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// scripted is a client that sends some parts, one a read, and leaves.
type scripted struct {
	net.Conn
	parts [][]byte
}

func (s *scripted) Read(into []byte) (int, error) {
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	count := copy(into, s.parts[0])
	if s.parts[0] = s.parts[0][count:]; len(s.parts[0]) == 0 {
		s.parts = s.parts[1:]
	}
	return count, nil
}

func session(parts ...[]byte) *Session {
	return &Session{gateway: &Gateway{}, connection: &scripted{parts: parts}}
}

// understood reads until the client is gone or cannot be understood: each command as its words.
func understood(session *Session) []string {
	var found []string
	for session.broken == nil && session.read() {
		for _, one := range session.calls {
			found = append(found, strings.Join(append([]string{one.name}, one.arguments...), " "))
		}
		session.forget()
	}
	return found
}

const pipeline = "*2\r\n$3\r\nget\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$3\r\nb\r\n\r\n$0\r\n\r\nPING\r\n\r\n*1\r\n$4\r\nPiNg\r\n*0\r\n"

var commandsOfPipeline = []string{"GET a", "SET b\r\n ", "PING", "PING"}

func TestCommandsAreUnderstoodWhereverTheirBytesAreParted(t *testing.T) {
	for first := range len(pipeline) {
		for second := first; second <= len(pipeline); second += 7 {
			parts := [][]byte{[]byte(pipeline[:first]), []byte(pipeline[first:second]), []byte(pipeline[second:])}
			parts = append([][]byte(nil), nonEmpty(parts)...)
			got := understood(session(parts...))
			if strings.Join(got, "|") != strings.Join(commandsOfPipeline, "|") {
				t.Fatalf("parted at %d and %d: %q", first, second, got)
			}
		}
	}
}

func nonEmpty(parts [][]byte) (kept [][]byte) {
	for _, part := range parts {
		if len(part) > 0 {
			kept = append(kept, part)
		}
	}
	return kept
}

func TestWhatCannotBeReadIsRefusedAfterWhatCouldBe(t *testing.T) {
	for _, sent := range []string{
		"*1\r\n$-2\r\n\r\n", "*2\r\n$3\r\nGET\r\n$-1\r\nab", "*1\r\n:5\r\n", "*x\r\n", "*-1\r\n", "*1\r\n$3\r\nPINGS\r\n",
		"$4 PING\r\n", "PING \"a\r\n",
	} {
		session := session([]byte("PING\r\n" + sent))
		if got := understood(session); len(got) != 1 || got[0] != "PING" || session.broken != errProtocol {
			t.Errorf("%q: %q, %v", sent, got, session.broken)
		}
	}
}

func TestARequestThatIsTooLargeIsRefusedBeforeItIsHeld(t *testing.T) {
	part := bytes.Repeat([]byte("x"), 1<<20)
	parts := [][]byte{[]byte("*2\r\n$3\r\nGET\r\n$999999999\r\n")}
	for range maxRequest/len(part) + 1 {
		parts = append(parts, part)
	}
	session := session(parts...)
	if got := understood(session); len(got) != 0 || session.broken == nil {
		t.Fatalf("%d commands, %v", len(got), session.broken)
	}
	if !strings.Contains(session.broken.Error(), "larger than 67108864 bytes") || cap(session.in) > 2*maxRequest {
		t.Errorf("%v, %d bytes held", session.broken, cap(session.in))
	}
}

func TestALargeRequestsMemoryIsGivenBack(t *testing.T) {
	value := strings.Repeat("x", 1<<20)
	session := session([]byte("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1048576\r\n"+value+"\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*"), []byte("1\r\n"))
	if got := understood(session); len(got) != 2 || got[0] != "SET a "+value || got[1] != "GET a" {
		t.Fatalf("%d commands", len(got))
	}
	if cap(session.in) > keptBuffer {
		t.Errorf("%d bytes kept", cap(session.in))
	}
}

func TestQueuedCommandsOutliveTheRequestThatBroughtThem(t *testing.T) {
	first := "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3\r\nold\r\n"
	second := "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3\r\nnew\r\n"
	session := session([]byte(first), []byte(second))
	session.gateway.metrics = newMetrics(newCluster(Config{}))
	for session.read() {
		session.answerAll()
		session.forget()
	}
	if len(session.queue) != 2 || session.queue[0].arguments[1] != "old" || session.queue[1].arguments[1] != "new" {
		t.Errorf("%v", session.queue)
	}
}

// Half the commands of a crowd would count as alone without the time that has to pass.
func TestOneIsAloneOnlyWhenNobodyElseWaitedForAWhile(t *testing.T) {
	gateway, now := &Gateway{}, time.Now()
	gateway.enter(&Session{}, now)
	if !gateway.calm(now) {
		t.Error("one client is a crowd")
	}
	gateway.enter(&Session{}, now)
	if gateway.calm(now.Add(time.Hour)) {
		t.Error("two clients are alone")
	}
	gateway.leave()
	if gateway.calm(now.Add(calmAfter)) || !gateway.calm(now.Add(calmAfter+1)) {
		t.Error("a crowd is not over after its time")
	}
}

func TestClientsThatTakeTurnsAreACrowdAndOneThatAsksOnIsAlone(t *testing.T) {
	gateway, one, other, now := &Gateway{}, &Session{}, &Session{}, time.Now()
	ask := func(client *Session, after time.Duration) bool {
		now = now.Add(after)
		gateway.enter(client, now)
		defer gateway.leave()
		return gateway.calm(now)
	}
	if !ask(one, 0) || !ask(one, time.Millisecond) {
		t.Error("the first client is not alone")
	}
	if ask(other, time.Millisecond) || ask(one, time.Millisecond) || ask(one, calmAfter) {
		t.Error("clients that take turns are alone")
	}
	if !ask(one, time.Millisecond) || !ask(other, calmAfter) {
		t.Error("a client is not alone though no other has been asking for a while")
	}
}

func FuzzAnyBytesAreReadOrRefused(f *testing.F) {
	f.Add([]byte(pipeline))
	f.Add([]byte("*1\r\n$-2\r\n\r\n"))
	f.Add([]byte("*3\r\n$3\r\nSET\r\n$-9\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		understood(session(sent))
	})
}

func TestWhatMayNotBeRepeatedWaitsForWhatIsBeforeItForItsKey(t *testing.T) {
	for sent, together := range map[string][]int{
		"SET k 5|GET k|GET j":              {3},
		"SET k 5|INCRBY k 1|GET k":         {1, 2},
		"SET k 5|INCRBY j 1|INCRBY k 1":    {2, 1},
		"INCRBY k 1|GET k|SET k 1 NX|PING": {2, 1},
	} {
		var written []byte
		for _, line := range strings.Split(sent, "|") {
			written = append(written, line+"\r\n"...)
		}
		session := session(written)
		if !session.read() {
			t.Fatal(sent)
		}
		var found []int
		for calls := session.calls; len(calls) > 0; {
			count := session.together(calls)
			if count == 0 {
				break
			}
			found, calls = append(found, count), calls[count:]
		}
		if !slices.Equal(found, together) {
			t.Errorf("%s: %v, not %v", sent, found, together)
		}
	}
}
