package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	buffer = 16 << 10
	// longestKept is the longest statement that can be sent again. The service takes requests of 5 MB, which escapes for
	// JSON and SQL may make more than three times as long.
	longestKept = 20 << 20
)

// Session is one client, and the connection that carries its statements now. Between transactions that may be another
// one, or none: a transaction pooler's client has nothing on a server but its parameters.
type Session struct {
	gateway    *Gateway
	patience   time.Duration
	client     net.Conn
	reader     *bufio.Reader
	writer     *bufio.Writer
	newer      bool
	parameters map[string]string
	life       context.Context
	end        context.CancelFunc

	// turn is held by who finds the session another server.
	turn sync.Mutex

	guard    sync.Mutex
	server   *pgconn.HijackedConn
	onward   *bufio.Writer // to the server
	state    progress
	question []byte // the statement under way, until its answer begins
	asked    time.Time
	failed   bool // an error is in the answer under way
}

// progress is where the conversation stands.
type progress struct {
	status   byte // of the last ReadyForQuery: I(dle), T(ransaction) or E(rror)
	owed     int  // ReadyForQuery that are still to come
	unsynced bool // messages of the extended protocol went out without a Sync behind them
}

// between tells whether nothing is under way, so that any server will do for what comes.
func (p progress) between() bool { return p.status == 'I' && p.owed == 0 && !p.unsynced }

// sent notes a client's message (PostgreSQL, protocol-flow).
func (p *progress) sent(kind byte) {
	switch kind {
	case 'Q', 'F', 'S':
		p.owed++
		p.unsynced = false
	case 'P', 'B', 'D', 'E', 'C', 'H':
		p.unsynced = true
	}
}

// answered notes a ReadyForQuery.
func (p *progress) answered(status byte) {
	p.owed--
	p.status = status
}

func newSession(gateway *Gateway, client net.Conn, patience time.Duration) *Session {
	session := &Session{
		gateway: gateway, patience: patience, client: client,
		reader: bufio.NewReaderSize(client, buffer),
		// Without the connection's ReadFrom, which would write each row by itself.
		writer:     bufio.NewWriterSize(struct{ io.Writer }{client}, buffer),
		parameters: map[string]string{}, state: progress{status: 'I'},
	}
	session.life, session.end = context.WithCancel(context.Background())
	return session
}

// serve is the whole session.
func (s *Session) serve() {
	goOn, err := s.open()
	if !goOn || err != nil {
		if goOn {
			s.refuse(err)
		}
		return
	}
	server, err := s.login()
	if err != nil {
		s.refuse(err)
		return
	}
	if err := s.welcome(server); err != nil {
		_ = server.Conn.Close()
		return
	}
	s.attach(server)
	if err := s.forward(); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		slog.Warn("a session ends", "reason", told(err))
	}
}

// close ends the session, whoever notices first that it is over.
func (s *Session) close() {
	s.end()
	_ = s.client.Close()
	if server := s.attached(); server != nil {
		_ = server.Conn.Close()
	}
}

func (s *Session) attached() *pgconn.HijackedConn {
	s.guard.Lock()
	defer s.guard.Unlock()
	return s.server
}

// login waits for a server while nobody else reads from the client, and ends when the client goes.
func (s *Session) login() (*pgconn.HijackedConn, error) {
	there, gone := context.WithCancel(s.life)
	defer gone()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if _, err := s.reader.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			gone()
		}
	}()
	server, err := s.gateway.pooler.login(there, s.parameters, s.patience)
	_ = s.client.SetReadDeadline(time.Now())
	<-watched
	_ = s.client.SetReadDeadline(time.Time{})
	if err == nil && there.Err() != nil {
		_ = server.Conn.Close()
		err = there.Err()
	}
	return server, err
}

// attach gives the session a server, and carries its answers to the client.
func (s *Session) attach(server *pgconn.HijackedConn) {
	s.guard.Lock()
	defer s.guard.Unlock()
	s.server, s.onward = server, bufio.NewWriterSize(server.Conn, buffer)
	if s.life.Err() != nil {
		_ = server.Conn.Close()
		return
	}
	go s.answer(server)
}

// forward carries the client's messages to the server.
func (s *Session) forward() error {
	for {
		header, err := s.reader.Peek(5)
		if err != nil {
			return err
		}
		kind, length := header[0], int64(binary.BigEndian.Uint32(header[1:]))+1
		if kind == 'X' {
			s.flush()
			return nil
		}
		if length < 5 {
			return errors.New("a message shorter than its own header")
		}
		if err := s.carry(kind, length); err != nil {
			return err
		}
	}
}

// flush sends what was carried together with something that is not.
func (s *Session) flush() {
	s.guard.Lock()
	onward := s.onward
	s.guard.Unlock()
	if onward != nil {
		_ = onward.Flush()
	}
}

// carry sends one message. A statement of the simple protocol, the only kind that the service uses, is kept until its
// answer begins.
func (s *Session) carry(kind byte, length int64) error {
	var question []byte
	if kind == 'Q' && length <= longestKept {
		question = make([]byte, length)
		if _, err := io.ReadFull(s.reader, question); err != nil {
			return err
		}
	}
	onward, err := s.begin(kind, question)
	if err != nil {
		return err
	}
	if question != nil {
		_, err = onward.Write(question)
	} else {
		_, err = io.CopyN(onward, s.reader, length)
	}
	if err == nil && s.reader.Buffered() == 0 {
		err = onward.Flush()
	}
	if err != nil {
		slog.Debug("a server is lost", "reason", err.Error()) // answer finds out, and knows what to do
	}
	return nil
}

// begin notes what is being sent, and gives the way to a server for it.
func (s *Session) begin(kind byte, question []byte) (*bufio.Writer, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	for {
		s.guard.Lock()
		between, onward := s.state.between(), s.onward
		if s.server != nil {
			s.question = nil
			if between {
				s.question, s.asked = question, time.Now()
			}
			s.state.sent(kind)
		}
		there := s.server != nil
		s.guard.Unlock()
		if there {
			return onward, nil
		}
		if !between {
			return nil, net.ErrClosed
		}
		server, err := s.login()
		if err != nil {
			s.refuse(err)
			return nil, err
		}
		s.attach(server)
	}
}
