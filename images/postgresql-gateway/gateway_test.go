package main

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// What is sent again must never have reached a server; what may have is the client's own to repeat.
func TestOnlyWhatNoServerHasSeenIsSentAgain(t *testing.T) {
	for _, one := range []struct {
		severity, code, message string
		again                   bool
	}{
		{"FATAL", "08P01", "server login has been failing, cached error: connect failed (server_login_retry)", true},
		{"FATAL", "08P01", "query_wait_timeout", false},
		{"FATAL", "08P01", "server login failed: FATAL: the database system is shutting down", true},
		{"FATAL", "08P01", "server shutting down", true},
		{"FATAL", "57P03", "the database system is starting up", true},
		{"FATAL", "28P01", "password authentication failed for user \"soma\"", true},
		{"FATAL", "53300", "sorry, too many clients already", true},
		{"FATAL", "3D000", "database \"somamemory\" does not exist", true},
		{"FATAL", "08P01", "server conn crashed?", false},
		{"FATAL", "08P01", "query_timeout", false},
		{"FATAL", "57P01", "terminating connection due to administrator command", false},
		{"ERROR", "28000", "a function may raise this", false},
		{"ERROR", "08P01", "query_wait_timeout", false},
		{"ERROR", "42P01", "relation \"kv_store\" does not exist", false},
	} {
		refusal := &pgproto3.ErrorResponse{Severity: one.severity, Code: one.code, Message: one.message}
		if neverPassedOn(refusal) != one.again {
			t.Errorf("%+v", one)
		}
	}
}

// Between statements any server will do; inside of a transaction, or with answers owed, only the one that is there.
func TestWhenAnotherServerMayTakeOver(t *testing.T) {
	for name, one := range map[string]struct {
		sent    string
		status  byte
		between bool
	}{
		"at the beginning":                       {"", 'I', true},
		"a statement under way":                  {"Q", 'I', false},
		"in a transaction":                       {"", 'T', false},
		"in a failed transaction":                {"", 'E', false},
		"messages that a Sync has yet to follow": {"PBE", 'I', false},
		"and with it":                            {"PBES", 'I', false},
		"a function call":                        {"F", 'I', false},
		"rows of a COPY that ended":              {"ddc", 'I', true},
	} {
		progress := progress{status: one.status}
		for _, kind := range []byte(one.sent) {
			progress.sent(kind)
		}
		if progress.between() != one.between {
			t.Errorf("%s: %+v", name, progress)
		}
		for range progress.owed {
			progress.answered('I')
		}
		if progress.owed != 0 || progress.unsynced != (one.sent == "PBE") {
			t.Errorf("%s, answered: %+v", name, progress)
		}
	}
}
