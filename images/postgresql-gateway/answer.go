package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// longestRead is the longest message of a server that is read as a whole; errors and parameters are far shorter.
const longestRead = 64 << 10

// answer carries what one server says to the client, until there is no more of it.
func (s *Session) answer(server *pgconn.HijackedConn) {
	defer s.lost(server)
	reader := bufio.NewReaderSize(server.Conn, buffer)
	for {
		header, err := reader.Peek(5)
		if err != nil {
			return
		}
		kind, length := header[0], int64(binary.BigEndian.Uint32(header[1:]))+1
		if length < 5 {
			return
		}
		if kind == 'Z' && length != 6 {
			return
		}
		if (kind == 'E' || kind == 'S' || kind == 'Z') && length <= longestRead {
			message := make([]byte, length)
			if _, err = io.ReadFull(reader, message); err != nil || !s.take(server, kind, message) {
				return
			}
		} else {
			if kind != 'N' { // PgBouncer says so when a statement has to queue; the answer is yet to begin
				s.answered()
			}
			if _, err = io.CopyN(s.writer, reader, length); err != nil {
				return
			}
		}
		if reader.Buffered() == 0 {
			if err = s.writer.Flush(); err != nil {
				s.close()
				return
			}
		}
	}
}

// take looks into a message before the client gets it. False when this server is done with.
func (s *Session) take(server *pgconn.HijackedConn, kind byte, message []byte) bool {
	switch kind {
	case 'E':
		refusal := &pgproto3.ErrorResponse{}
		if err := refusal.Decode(message[5:]); err != nil {
			return false
		}
		_ = s.writer.Flush() // once this server is let go of, another one may write
		if s.ended(server, refusal) || s.again(server, refusal) {
			return false
		}
		s.answered()
		s.guard.Lock()
		s.failed = true
		s.guard.Unlock()
	case 'S':
		status := &pgproto3.ParameterStatus{}
		if err := status.Decode(message[5:]); err != nil {
			return false
		}
		if kept[status.Name] {
			s.guard.Lock()
			s.parameters[status.Name] = status.Value
			s.guard.Unlock()
		}
	case 'Z':
		s.guard.Lock()
		s.question = nil
		s.state.answered(message[5])
		s.count(s.failed)
		s.failed = false
		s.guard.Unlock()
	}
	_, err := s.writer.Write(message)
	return err == nil
}

// ended takes a server from the session that ends a connection which nobody uses: the client need not know.
func (s *Session) ended(server *pgconn.HijackedConn, refusal *pgproto3.ErrorResponse) bool {
	s.guard.Lock()
	defer s.guard.Unlock()
	if s.server != server || !s.state.between() || severity(refusal) != "FATAL" {
		return false
	}
	s.server = nil
	return true
}

// severity is the same in every language where the server says so.
func severity(refusal *pgproto3.ErrorResponse) string {
	if refusal.SeverityUnlocalized != "" {
		return refusal.SeverityUnlocalized
	}
	return refusal.Severity
}

// count counts a statement of the service; who asks without patience only wants to know whether PostgreSQL is there.
func (s *Session) count(failed bool) {
	if s.patience > 0 {
		s.gateway.metrics.answered(failed)
	}
}

// answered notes that the answer to the statement under way has begun.
func (s *Session) answered() {
	s.guard.Lock()
	s.question = nil
	s.guard.Unlock()
}

// again sends the statement once more, through another connection, if it was refused without having been passed on.
func (s *Session) again(server *pgconn.HijackedConn, refusal *pgproto3.ErrorResponse) bool {
	if !neverPassedOn(refusal) {
		return false
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	s.guard.Lock()
	question, left := s.question, s.patience-time.Since(s.asked)
	if question == nil || left <= 0 {
		s.guard.Unlock()
		return false
	}
	s.server = nil
	s.guard.Unlock()
	_ = server.Conn.Close()
	// The client is being read from, which ends the session's life when it goes.
	another, err := s.gateway.pooler.login(s.life, s.parameters, left)
	if err != nil {
		s.refuse(err)
		s.close()
		return true
	}
	s.gateway.metrics.again.Inc()
	s.attach(another)
	s.guard.Lock()
	onward := s.onward
	s.guard.Unlock()
	if _, err := onward.Write(question); err == nil {
		_ = onward.Flush()
	}
	return true
}

// refusals begin like this when PgBouncer ends a client whose statement waits for a server (src/objects.c
// check_fast_fail, src/janitor.c pool_client_maint, src/server.c kill_pool_logins). One that it has held for as long as it
// was told to (query_wait_timeout) is the client's: the patience for it is over.
var refusals = []string{
	"server login has been failing", "server login failed", "server shutting down", "client_login_timeout",
}

// neverPassedOn tells whether an error, as the first answer to a statement, says that no server has seen it: one of the
// pooler's own, or one of a login, which the pooler hands to those that waited for it. What PgBouncer says of a server
// that was lost under a statement ("server conn crashed?") is none of these: that statement may have been carried out.
func neverPassedOn(refusal *pgproto3.ErrorResponse) bool {
	if severity(refusal) != "FATAL" {
		return false
	}
	switch {
	case strings.HasPrefix(refusal.Code, "28"), refusal.Code == "3D000", refusal.Code == "53300", refusal.Code == "57P03":
		return true // invalid authorization, no such database, too many connections, cannot connect now
	}
	for _, words := range refusals {
		if strings.HasPrefix(refusal.Message, words) {
			return true
		}
	}
	return false
}

// lost takes a server from the session. Without anything under way the client notices nothing: the next statement finds
// another one. Otherwise the client has to know.
func (s *Session) lost(server *pgconn.HijackedConn) {
	_ = server.Conn.Close()
	s.guard.Lock()
	own := s.server == server
	s.guard.Unlock()
	if !own {
		return // another one may write to the client by now
	}
	_ = s.writer.Flush() // whole answers
	s.guard.Lock()
	between := s.state.between()
	s.server = nil
	s.guard.Unlock()
	if !between {
		if s.life.Err() == nil { // else it is the client who went
			s.count(true)
		}
		s.close()
	}
}
