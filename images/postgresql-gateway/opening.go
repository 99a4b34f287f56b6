package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Codes of a client's first message (PostgreSQL, protocol-message-formats: StartupMessage, SSLRequest …).
const (
	cancelCode = 80877102
	sslCode    = 80877103
	gssCode    = 80877104
	// longestOpening is PostgreSQL's own limit (MAX_STARTUP_PACKET_LENGTH).
	longestOpening = 10000
)

// kept are the parameters that PgBouncer keeps for each client (pgbouncer.org/config, track_extra_parameters); it gives
// them to whichever server runs the client's next statement, so they must be there after another login, too. Others of
// a client's opening are dropped.
var kept = map[string]bool{
	"client_encoding": true, "DateStyle": true, "TimeZone": true, "standard_conforming_strings": true,
	"application_name": true, "IntervalStyle": true,
}

// readOnly is what a client judges by whether it got a server that takes writes. This one has just said that it does,
// whereas a pooler repeats what the first server said that it ever met: after a promotion, one of a standby region goes on
// saying "on" until it is started again (PgBouncer 1.18, PostgreSQL 15).
var readOnly = map[string]bool{"in_hot_standby": true, "default_transaction_read_only": true}

// open reads what a client opens with, up to its StartupMessage. False when there is nothing to be done any more.
func (s *Session) open() (bool, error) {
	for {
		code, body, err := s.readOpening()
		if err != nil {
			return false, err
		}
		switch {
		case code == sslCode || code == gssCode: // on loopback; beyond, everything is encrypted
			if _, err := s.writer.WriteString("N"); err != nil {
				return false, err
			}
			if err := s.writer.Flush(); err != nil {
				return false, err
			}
		case code == cancelCode: // nobody has a key: none is given out
			return false, nil
		case code>>16 == 3:
			return true, s.started(code, body)
		default:
			return false, fmt.Errorf("unknown opening %d", code)
		}
	}
}

// readOpening gives the code of a message without a type, and its body, which begins with that code.
func (s *Session) readOpening() (uint32, []byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(s.reader, header); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(header)
	if length < 8 || length > longestOpening {
		return 0, nil, fmt.Errorf("an opening of %d bytes", length)
	}
	body := make([]byte, length-4)
	if _, err := io.ReadFull(s.reader, body); err != nil {
		return 0, nil, err
	}
	return binary.BigEndian.Uint32(body), body, nil
}

// started takes over who asks, for what and how. Errors are for the client.
func (s *Session) started(code uint32, body []byte) error {
	// Whatever minor version is asked for, this one is spoken; decoding knows two of them.
	binary.BigEndian.PutUint32(body, pgproto3.ProtocolVersion30)
	message := &pgproto3.StartupMessage{}
	if err := message.Decode(body); err != nil {
		return err
	}
	s.newer = code > pgproto3.ProtocolVersion30
	known := s.gateway.pooler.config
	user, database := message.Parameters["user"], message.Parameters["database"]
	if database == "" {
		database = user
	}
	if user != known.User || database != known.Database || message.Parameters["replication"] != "" {
		return &pgconn.PgError{
			Severity: "FATAL", Code: "28000",
			Message: fmt.Sprintf("this gateway leads user %q to database %q, and nobody else anywhere", known.User, known.Database),
		}
	}
	for name, value := range message.Parameters {
		for own := range kept {
			if strings.EqualFold(name, own) {
				s.parameters[own] = value
			}
		}
	}
	return nil
}

// welcome is what a server tells a client that has logged in, without the key for cancelling: the service cancels
// nothing.
func (s *Session) welcome(server *pgconn.HijackedConn) error {
	messages := []pgproto3.BackendMessage{}
	if s.newer {
		messages = append(messages, &pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: pgproto3.ProtocolVersion30})
	}
	messages = append(messages, &pgproto3.AuthenticationOk{})
	for name, value := range server.ParameterStatuses {
		if readOnly[name] {
			value = "off"
		}
		messages = append(messages, &pgproto3.ParameterStatus{Name: name, Value: value})
	}
	return s.tell(append(messages, &pgproto3.ReadyForQuery{TxStatus: 'I'})...)
}

// tell writes messages to the client.
func (s *Session) tell(messages ...pgproto3.BackendMessage) error {
	var encoded []byte
	var err error
	for _, message := range messages {
		if encoded, err = message.Encode(encoded); err != nil {
			return err
		}
	}
	if _, err := s.writer.Write(encoded); err != nil {
		return err
	}
	return s.writer.Flush()
}

// refuse tells the client why its session ends, in the server's words where it has said any.
func (s *Session) refuse(reason error) {
	answer := &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "08006", Message: told(reason)}
	var refusal *pgconn.PgError
	if errors.As(reason, &refusal) {
		answer.Code = refusal.Code
	}
	if !errors.Is(reason, context.Canceled) { // else it is the client who went
		s.count(true)
	}
	_ = s.tell(answer)
}
