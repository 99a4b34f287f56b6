package main

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// drainTime is how long sessions may go on once the gateway was told to stop: their client has ended before.
const drainTime = 15 * time.Second

// Gateway serves clients on loopback.
type Gateway struct {
	pooler  *Pooler
	metrics *Metrics

	guard     sync.Mutex
	stopping  bool
	listeners []net.Listener
	ended     sync.WaitGroup
}

// serve takes clients until the gateway is told to stop.
func (g *Gateway) serve(listener net.Listener, patience time.Duration) {
	for {
		connection, err := listener.Accept()
		switch {
		case err == nil:
			g.begin(connection, patience)
		case errors.Is(err, net.ErrClosed):
			return
		default: // too many open files, for one: over when some client leaves
			slog.Warn("a client cannot be taken", "reason", err.Error())
			time.Sleep(pause)
		}
	}
}

func (g *Gateway) begin(connection net.Conn, patience time.Duration) {
	g.guard.Lock()
	defer g.guard.Unlock()
	if g.stopping {
		_ = connection.Close()
		return
	}
	session := newSession(g, connection, patience)
	g.metrics.connections.Inc()
	g.ended.Go(func() {
		defer g.metrics.connections.Dec()
		defer session.close()
		session.serve()
	})
}

// drain takes nobody any more and gives those that are there some time to end.
func (g *Gateway) drain() {
	g.guard.Lock()
	g.stopping = true
	for _, listener := range g.listeners {
		_ = listener.Close()
	}
	g.guard.Unlock()
	ended := make(chan struct{})
	go func() { g.ended.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(drainTime):
	}
}
