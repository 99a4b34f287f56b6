package main

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"github.com/tidwall/redcon"
)

// drainTime is how long commands under way may take once the gateway was told to stop; more than a command's patience
// would keep the pod for longer than its grace.
const drainTime = 15 * time.Second

// calm is how long no two clients have waited at once before one counts as alone.
const calm = 20 * time.Millisecond

// keptBuffer is how much of a large answer's memory a connection keeps for the next one.
const keptBuffer = 64 << 10

// Gateway serves clients on loopback.
type Gateway struct {
	cluster  *Cluster
	metrics  *Metrics
	scans    *Scans
	server   *redcon.Server
	stopping atomic.Bool
	busy     sync.WaitGroup
	// active counts the clients that wait for an answer; crowded is when there last was more than one, in nanoseconds.
	active  atomic.Int32
	crowded atomic.Int64
}

func newGateway(cluster *Cluster) *Gateway {
	gateway := &Gateway{cluster: cluster, scans: &Scans{active: map[uint64]*Scan{}}}
	gateway.metrics = newMetrics(cluster)
	cluster.retries = gateway.metrics.retried
	gateway.server = redcon.NewServer("", gateway.handle, gateway.accept, gateway.closed)
	return gateway
}

// alone tells whether one client has been waiting by itself for a while: among many, the first of each moment is not.
func (g *Gateway) alone() bool {
	return g.active.Load() == 1 && time.Now().UnixNano()-g.crowded.Load() > int64(calm)
}

func (g *Gateway) serve(listener net.Listener) error { return g.server.Serve(listener) }

func (g *Gateway) accept(connection redcon.Conn) bool {
	if g.stopping.Load() {
		return false
	}
	connection.SetContext(&Session{gateway: g})
	g.metrics.connections.Inc()
	return true
}

func (g *Gateway) closed(redcon.Conn, error) { g.metrics.connections.Dec() }

// drain lets the commands under way end, then closes everything.
func (g *Gateway) drain() {
	g.stopping.Store(true)
	ended := make(chan struct{})
	go func() { g.busy.Wait(); close(ended) }()
	select {
	case <-ended:
		// Their answers have yet to be written.
		time.Sleep(50 * time.Millisecond)
	case <-time.After(drainTime):
	}
	_ = g.server.Close()
}

// handle answers a command together with those that the client has sent behind it.
func (g *Gateway) handle(connection redcon.Conn, first redcon.Command) {
	g.busy.Add(1)
	if g.active.Add(1) > 1 {
		g.crowded.Store(time.Now().UnixNano())
	}
	defer func() { g.active.Add(-1); g.busy.Done() }()
	session := connection.Context().(*Session)
	pipeline := append([]redcon.Command{first}, connection.ReadPipeline()...)
	calls := make([]call, len(pipeline))
	for index, command := range pipeline {
		calls[index] = newCall(command)
	}
	out := session.out[:0]
	for len(calls) > 0 && !session.finished {
		together := session.together(calls)
		for index, answer := range session.answerAll(calls[:together]) {
			before := len(out)
			out = answer(out)
			g.metrics.answered(calls[index], len(out) > before && out[before] == '-')
		}
		calls = calls[together:]
	}
	connection.WriteRaw(out) // copies
	if session.out = out; cap(out) > keptBuffer {
		session.out = nil
	}
	if session.finished || g.stopping.Load() {
		_ = connection.Close()
	}
}

// call is a command of a client. Its texts are copies: the client's buffer is used again.
type call struct {
	name      string
	arguments []string
	started   time.Time
}

func newCall(command redcon.Command) call {
	texts := make([]string, len(command.Args))
	for index, argument := range command.Args {
		texts[index] = string(argument)
	}
	return call{strings.ToUpper(texts[0]), texts[1:], time.Now()}
}

// together counts the calls at the head that may go to the cluster at once: those with a key, outside a transaction,
// whose order between keys does not matter to a client that has not seen an answer yet.
func (s *Session) together(calls []call) int {
	if s.inMulti {
		return 1
	}
	count := 0
	for _, one := range calls {
		if command, refused := check(one.name, one.arguments); refused != nil || !command.key {
			break
		}
		count++
	}
	return max(count, 1)
}

// answerAll sends the calls at once. What fails for the cluster's sake is tried again by itself, and so is whatever came
// behind it for the same key: a client's commands take effect in its order.
func (s *Session) answerAll(calls []call) []reply {
	if len(calls) == 1 {
		return []reply{s.answer(calls[0].name, calls[0].arguments)}
	}
	answers := make([]reply, len(calls))
	messages, failures := s.send(calls)
	again := map[string]bool{}
	for index, one := range calls {
		command, key, err := commands[one.name], one.arguments[0], failures[index]
		kind := troubled(err)
		repeatable := command.repeatable(one.arguments)
		switch {
		case kind == "doubt" && !repeatable:
			again[key] = true
			answers[index] = s.doubtful(one)
		case kind != "" || (again[key] && repeatable):
			again[key] = true
			answers[index] = s.keyed(one.name, command, one.arguments)
		default:
			answers[index] = render(messages[index], err, command.status != nil && command.status(one.arguments))
		}
	}
	return answers
}

func (s *Session) send(calls []call) ([]rueidis.RedisMessage, []error) {
	messages, failures := make([]rueidis.RedisMessage, len(calls)), make([]error, len(calls))
	client, err := s.gateway.cluster.current()
	if err != nil {
		for index := range failures {
			failures[index] = err
		}
		return messages, failures
	}
	batch := make([]rueidis.Completed, len(calls))
	for index, one := range calls {
		batch[index] = build(client, one.name, one.arguments)
	}
	for index, result := range client.DoMulti(rootContext, batch...) {
		messages[index], failures[index] = result.ToMessage()
	}
	return messages, failures
}
