package main

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Wait waits for a socket in a system call that blocks its thread, past Go's poller: what comes then wakes the one that
// waits for it and not the scheduler first, which is a third of what the gateway adds to a command. It is for one who
// waits alone: many would each hold a thread.
type Wait struct {
	raw     syscall.RawConn
	poll    func(descriptor uintptr)
	sockets [1]unix.PollFd
	limit   time.Duration
}

// newWait is nil for what is no socket; a nil Wait does not wait.
func newWait(connection net.Conn) *Wait {
	socket, ok := connection.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	wait := &Wait{raw: raw}
	wait.poll = func(descriptor uintptr) { // made once: it would be made anew for every command
		wait.sockets[0] = unix.PollFd{Fd: int32(descriptor), Events: unix.POLLIN}
		// How it ends does not matter: the reading that follows tells.
		_, _ = unix.Poll(wait.sockets[:], int(wait.limit.Milliseconds()))
	}
	return wait
}

// readable returns when there is something to read, or the end of it, or after the limit.
func (w *Wait) readable(limit time.Duration) {
	if w == nil {
		return
	}
	w.limit = limit
	_ = w.raw.Control(w.poll)
}
