package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

const (
	// pause between two tries of a login.
	pause = 200 * time.Millisecond
	// dialTime is for the connection, loginTime for a whole try: a pooler keeps one waiting while it has no server.
	dialTime  = 2 * time.Second
	loginTime = 10 * time.Second
	// answerTime is for the only try of who wants to know now.
	answerTime = 2500 * time.Millisecond
	// lostAfter is how long sent bytes may stay without an answer of the other host: a zone that was cut off sends none.
	lostAfter = 8 * time.Second
)

// Pooler logs in to PgBouncer, with patience.
type Pooler struct {
	config        *pgconn.Config
	passwordFile  string
	nextFile      string
	authorityFile string
	metrics       *Metrics

	guard   sync.Mutex
	trouble string
	since   time.Time
}

func newPooler(config Config, metrics *Metrics) (*Pooler, error) {
	// Nothing of the environment (PGHOST, PGSERVICE …) and no file of a home directory counts.
	known, err := pgconn.ParseConfig(fmt.Sprintf(
		"host=%s port=%d user=%s dbname=%s sslmode=disable passfile=/dev/null servicefile=/dev/null",
		quoted(config.Host), config.PoolerPort, quoted(config.User), quoted(config.Database),
	))
	if err != nil {
		return nil, fmt.Errorf("POOLER_HOST, POSTGRES_USER, POSTGRES_DATABASE: %w", err)
	}
	dialer := &net.Dialer{
		Timeout:         dialTime,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 3 * time.Second, Interval: 2 * time.Second, Count: 3},
		Control:         endLost,
	}
	known.DialFunc = dialer.DialContext
	known.Fallbacks = nil
	known.ConnectTimeout = 0 // each try has its own
	// Asked of the server, at each login: PgBouncer itself repeats what the first server told it that it ever met.
	known.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	pooler := &Pooler{
		config: known, passwordFile: config.PasswordFile, nextFile: config.NextPasswordFile,
		authorityFile: config.Authority, metrics: metrics,
	}
	_, err = pooler.credentials(nil, pooler.passwordFile)
	return pooler, err
}

func quoted(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

func endLost(_, _ string, connection syscall.RawConn) error {
	var failed error
	err := connection.Control(func(descriptor uintptr) {
		failed = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(lostAfter.Milliseconds()))
	})
	return errors.Join(err, failed)
}

// credentials are what a login needs besides where to: the files are read for each, so that another password and another
// authority need no restart. The parameters are the session's.
func (p *Pooler) credentials(parameters map[string]string, passwordFile string) (*pgconn.Config, error) {
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		return nil, fmt.Errorf("POSTGRES_PASSWORD_FILE: %w", err)
	}
	authority, err := os.ReadFile(p.authorityFile)
	if err != nil {
		return nil, fmt.Errorf("POOLER_CA_FILE: %w", err)
	}
	config, roots := p.config.Copy(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("POOLER_CA_FILE: %s holds no certificate", p.authorityFile)
	}
	if config.Password = strings.TrimSpace(string(password)); config.Password == "" {
		return nil, fmt.Errorf("POSTGRES_PASSWORD_FILE: %s is empty", passwordFile)
	}
	config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: config.Host, MinVersion: tls.VersionTLS12}
	config.RuntimeParams = maps.Clone(parameters)
	return config, nil
}

// login gives a connection to a PostgreSQL that takes writes, as soon as there is one within the patience. The context
// ends when the client has gone. Without patience it is tried once.
func (p *Pooler) login(
	client context.Context, parameters map[string]string, patience time.Duration,
) (*pgconn.HijackedConn, error) {
	began := time.Now()
	p.metrics.waiting.Inc()
	defer p.metrics.waiting.Dec()
	for {
		limit := answerTime
		if patience > 0 {
			limit = min(loginTime, patience-time.Since(began))
		}
		connection, err := p.try(client, parameters, limit)
		if err == nil {
			p.well()
			p.metrics.logins.WithLabelValues("ok").Inc()
			p.metrics.loginSeconds.Observe(time.Since(began).Seconds())
			return connection, nil
		}
		if client.Err() != nil {
			return nil, client.Err()
		}
		p.metrics.logins.WithLabelValues("failed").Inc()
		p.unwell(err)
		if time.Since(began)+pause > patience {
			return nil, err
		}
		select {
		case <-client.Done():
			return nil, client.Err()
		case <-time.After(pause):
		}
	}
}

func (p *Pooler) try(
	client context.Context, parameters map[string]string, limit time.Duration,
) (*pgconn.HijackedConn, error) {
	limited, end := context.WithTimeout(client, limit) // looking the host up, and each of its addresses
	defer end()
	connection, err := p.connect(limited, parameters, p.passwordFile)
	if p.nextFile != "" && refusesPassword(err) {
		// What is wrong with the present one is what has to be told, unless the next one is right.
		if another, refused := p.connect(limited, parameters, p.nextFile); refused == nil {
			return another, nil
		}
	}
	return connection, err
}

// refusesPassword tells whether PostgreSQL or the pooler, which gives it another code, says that a password is wrong.
func refusesPassword(err error) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && strings.Contains(refusal.Message, "authentication failed")
}

func (p *Pooler) connect(
	limited context.Context, parameters map[string]string, passwordFile string,
) (*pgconn.HijackedConn, error) {
	config, err := p.credentials(parameters, passwordFile)
	if err != nil {
		return nil, err
	}
	connection, err := pgconn.ConnectConfig(limited, config)
	if err != nil {
		return nil, err
	}
	if err := connection.SyncConn(limited); err != nil {
		_ = connection.Conn().Close()
		return nil, err
	}
	return connection.Hijack()
}

// unwell and well say what is the matter once, however many wait for it.
func (p *Pooler) unwell(err error) {
	p.guard.Lock()
	defer p.guard.Unlock()
	if p.trouble == "" {
		p.since = time.Now()
		p.metrics.up.Set(0)
	}
	if trouble := told(err); trouble != p.trouble {
		p.trouble = trouble
		slog.Warn("waiting for a PostgreSQL that takes writes", "reason", trouble)
	}
}

func (p *Pooler) well() {
	p.guard.Lock()
	defer p.guard.Unlock()
	p.metrics.up.Set(1)
	if p.trouble != "" {
		slog.Info("PostgreSQL takes writes again", "seconds", time.Since(p.since).Seconds())
		p.trouble = ""
	}
}

// told is an error in one line, without the addresses and attempts that pgconn lists.
func told(err error) string {
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) {
		return refusal.Message
	}
	if errors.Is(err, pgconn.ErrReadOnlyConnection) {
		return "PostgreSQL is read-only (a standby)"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
