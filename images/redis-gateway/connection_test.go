package main

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// counting is a connection that counts what is written to it.
type counting struct {
	net.Conn
	writes atomic.Int32
}

func (c *counting) Write(from []byte) (int, error) {
	c.writes.Add(1)
	return len(from), nil
}

// A writer such as rueidis' takes what clients left for it each time that it is free.
func TestClientsThatCanHandTheirCommandsOverDoBeforeTheFirstIsWritten(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as the gateway runs
	node := &counting{}
	shared := Shared{node}
	left := make(chan byte, 50)
	var clients, writer sync.WaitGroup
	writer.Go(func() {
		for first := range left {
			batch := []byte{first}
			for range len(left) {
				batch = append(batch, <-left)
			}
			_, _ = shared.Write(batch)
		}
	})
	for range cap(left) {
		clients.Go(func() { left <- '.' })
	}
	clients.Wait()
	close(left)
	writer.Wait()
	if writes := node.writes.Load(); writes > 3 {
		t.Errorf("%d commands were written by %d writes", cap(left), writes)
	}
}
