package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Shared is a connection to a node that the commands of many clients go over. It has those hand theirs over who can before
// it writes the first one, so that all the others go by the next write: rueidis writes as soon as there is a command, and
// without this nearly every command would be a write of its own.
type Shared struct{ net.Conn }

// dialShared is rueidis' way to a node for the commands of all clients.
func dialShared(within context.Context, address string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
	connection, err := dialer.DialContext(within, "tcp", address)
	if err != nil {
		return nil, err
	}
	return Shared{connection}, nil
}

func (s Shared) Write(from []byte) (int, error) {
	runtime.Gosched()
	return s.Conn.Write(from)
}

// Connection reads and writes a socket by plain system calls that block their thread, past Go's poller: an answer then
// wakes the one that waits for it and not the scheduler first, which is a third of what the gateway adds to a command.
// There are few of them, so few threads wait.
type Connection struct {
	local, remote net.Addr

	guard   sync.RWMutex // held for reading by each call under way: the number of a closed socket may be another's
	fd      int
	closed  bool
	closing sync.Once
	limits  [2]time.Duration // in force on the socket, for reading and for writing; 0 for none
}

// dialLone is rueidis' way to a node for one that waits alone. Go's own descriptor of the socket is given up: as long as
// the poller knows the socket, every answer wakes it too.
func dialLone(within context.Context, address string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
	connection, err := dialer.DialContext(within, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	file, err := connection.(*net.TCPConn).File() // a duplicate
	if err != nil {
		return nil, err
	}
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0) // one that no finalizer closes
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return &Connection{fd: fd, local: connection.LocalAddr(), remote: connection.RemoteAddr()}, nil
}

func (c *Connection) LocalAddr() net.Addr { return c.local }

func (c *Connection) RemoteAddr() net.Addr { return c.remote }

func (c *Connection) Read(into []byte) (int, error) {
	c.guard.RLock()
	defer c.guard.RUnlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	for {
		count, err := syscall.Read(c.fd, into)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, c.failure("read", err)
		case count == 0 && len(into) > 0:
			return 0, io.EOF
		default:
			return count, nil
		}
	}
}

func (c *Connection) Write(from []byte) (int, error) {
	c.guard.RLock()
	defer c.guard.RUnlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	written := 0
	for written < len(from) {
		count, err := syscall.Write(c.fd, from[written:])
		if err != nil && err != syscall.EINTR {
			return written, c.failure("write", err)
		}
		written += max(count, 0)
	}
	return written, nil
}

func (c *Connection) failure(operation string, err error) error {
	if err == syscall.EAGAIN {
		err = os.ErrDeadlineExceeded
	}
	return &net.OpError{Op: operation, Net: "tcp", Addr: c.RemoteAddr(), Err: err}
}

// Close ends what waits on the socket, then gives it up.
func (c *Connection) Close() error {
	c.closing.Do(func() {
		_ = syscall.Shutdown(c.fd, syscall.SHUT_RDWR)
		c.guard.Lock()
		defer c.guard.Unlock()
		c.closed = true
		_ = syscall.Close(c.fd)
	})
	return nil
}

func (c *Connection) SetDeadline(deadline time.Time) error {
	if err := c.SetReadDeadline(deadline); err != nil {
		return err
	}
	return c.SetWriteDeadline(deadline)
}

func (c *Connection) SetReadDeadline(deadline time.Time) error {
	return c.limit(0, syscall.SO_RCVTIMEO, deadline)
}

func (c *Connection) SetWriteDeadline(deadline time.Time) error {
	return c.limit(1, syscall.SO_SNDTIMEO, deadline)
}

// limit bounds single calls. Deadlines here are all "so long from now", and so the socket keeps that length.
func (c *Connection) limit(which, option int, deadline time.Time) error {
	length := time.Duration(0)
	if !deadline.IsZero() {
		length = max(time.Until(deadline), time.Millisecond)
	}
	if before := c.limits[which]; (length == 0) == (before == 0) && (length-before).Abs() <= before/10 {
		return nil
	}
	c.guard.RLock()
	defer c.guard.RUnlock()
	if c.closed {
		return net.ErrClosed
	}
	c.limits[which] = length
	limit := syscall.NsecToTimeval(length.Nanoseconds())
	return syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, option, &limit)
}
