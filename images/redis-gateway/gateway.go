package main

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// drainTime is how long commands under way may take once the gateway was told to stop; more than a command's patience
// would keep the pod for longer than its grace.
const drainTime = 15 * time.Second

// calmAfter is how long one client has been asking, and no other, before it counts as alone.
const calmAfter = 20 * time.Millisecond

// Gateway serves clients on loopback.
type Gateway struct {
	cluster  *Cluster
	metrics  *Metrics
	scans    *Scans
	stopping atomic.Bool
	// active counts the clients that wait for an answer. last is the one that asked last, asked when it did, crowdedAt when
	// one that asked was last not alone; both in nanoseconds.
	active           atomic.Int32
	last             atomic.Pointer[Session]
	asked, crowdedAt atomic.Int64

	guard    sync.Mutex
	listener net.Listener
	sessions map[*Session]bool
	ended    sync.WaitGroup
}

func newGateway(cluster *Cluster, listener net.Listener) *Gateway {
	gateway := &Gateway{
		cluster: cluster, listener: listener, scans: &Scans{active: map[uint64]*Scan{}}, sessions: map[*Session]bool{},
	}
	gateway.metrics = newMetrics(cluster)
	cluster.retries = gateway.metrics.retried
	return gateway
}

// enter and leave stand around what a client waits for.
func (g *Gateway) enter(client *Session, now time.Time) {
	at := now.UnixNano()
	before, since := g.last.Swap(client), at-g.asked.Swap(at)
	// One that waits on a connection of its own keeps the processor, so that the next one is not seen beside it, but
	// after it.
	if g.active.Add(1) > 1 || (before != client && before != nil && since < int64(calmAfter)) {
		g.crowdedAt.Store(at)
	}
}

func (g *Gateway) leave() { g.active.Add(-1) }

// calm tells whether one client alone has been asking for a while: among many, the first of each moment is not alone.
func (g *Gateway) calm(now time.Time) bool {
	return g.active.Load() <= 1 && now.UnixNano()-g.crowdedAt.Load() > int64(calmAfter)
}

// serve takes clients until the gateway is told to stop.
func (g *Gateway) serve() {
	for {
		connection, err := g.listener.Accept()
		switch {
		case err == nil:
			g.begin(connection)
		case g.stopping.Load() || errors.Is(err, net.ErrClosed):
			return
		default: // too many open files, for one: over when some client leaves
			slog.Warn("a client cannot be taken", "reason", err.Error())
			time.Sleep(pause)
		}
	}
}

func (g *Gateway) begin(connection net.Conn) {
	session := &Session{gateway: g, connection: connection}
	g.guard.Lock()
	defer g.guard.Unlock()
	if g.stopping.Load() {
		_ = connection.Close()
		return
	}
	g.sessions[session] = true
	g.metrics.connections.Inc()
	g.ended.Go(func() {
		defer g.end(session)
		session.serve()
	})
}

func (g *Gateway) end(session *Session) {
	_ = session.connection.Close()
	g.guard.Lock()
	defer g.guard.Unlock()
	delete(g.sessions, session)
	g.metrics.connections.Dec()
}

// drain lets the commands under way end and their answers be written, then closes everything.
func (g *Gateway) drain() {
	g.guard.Lock()
	g.stopping.Store(true)
	_ = g.listener.Close()
	for session := range g.sessions {
		_ = session.connection.SetReadDeadline(time.Now()) // those who ask nothing
	}
	g.guard.Unlock()
	ended := make(chan struct{})
	go func() { g.ended.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(drainTime):
	}
}
