// A gateway that looks like one PostgreSQL to a plain client and gets it, through PgBouncer, to the primary.
//
// It stands on loopback beside each memory service process, whose client tries a statement twice and then drops it,
// having answered that it is stored. PgBouncer holds statements while the primary moves, but not all: once a login to
// the server has failed and no connection is left, it refuses at once what comes then, and so does a pooler that is
// gone. The gateway waits instead: with a login until PostgreSQL has answered a question as one that takes writes, and
// with a statement that the pooler says it never passed on.
//
//	postgresql-gateway                      serves
//	postgresql-gateway probe alive|ready    asks the running gateway; the exit code tells
package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
)

func main() {
	debug.SetMemoryLimit(96 << 20)
	// The container's limit is one processor. With more, Go wakes a second thread beside each statement that comes alone.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	if len(os.Args) > 1 {
		os.Exit(probe(os.Args[1:]))
	}
	config, err := configuration(os.Getenv)
	if err == nil {
		err = serve(config)
	}
	if err != nil {
		slog.Error("postgresql-gateway ends", "reason", err.Error())
		os.Exit(1)
	}
}

// Config is what the environment says.
type Config struct {
	// Host and PoolerPort are where the pooler is, Database and User what is asked for and by whom: clients may name no
	// others.
	Host, Database, User string
	PoolerPort           int
	// Authority is POOLER_CA_FILE: the pooler's certificate must be one of it, for Host.
	Authority string
	// PasswordFile is POSTGRES_PASSWORD_FILE: the password never stands in the environment or in an argument. It is read
	// for every login, so that another password needs no restart.
	PasswordFile string
	// NextPasswordFile is POSTGRES_NEXT_PASSWORD_FILE, where there is one: it is tried where PostgreSQL refuses the other,
	// for a role has one password, and a changed file comes to a pod a minute or two after it was changed.
	NextPasswordFile string
	// Port on loopback for the client.
	Port int
	// QuestionPort on loopback is for those who want to know now: a login there is tried once.
	QuestionPort int
	// MetricsPort on every address, for Prometheus; 0 for none.
	MetricsPort int
	// Patience is how long a login waits for a primary, and so a statement that was never passed on.
	Patience time.Duration
}

func configuration(environment func(string) string) (Config, error) {
	config := Config{Patience: 120 * time.Second, NextPasswordFile: environment("POSTGRES_NEXT_PASSWORD_FILE")}
	for name, into := range map[string]*string{
		"POOLER_HOST": &config.Host, "POSTGRES_DATABASE": &config.Database, "POSTGRES_USER": &config.User,
		"POOLER_CA_FILE": &config.Authority, "POSTGRES_PASSWORD_FILE": &config.PasswordFile,
	} {
		if *into = environment(name); *into == "" {
			return config, fmt.Errorf("%s is empty", name)
		}
	}
	for _, number := range []struct {
		name     string
		fallback int
		into     *int
	}{
		{"POOLER_PORT", 5432, &config.PoolerPort}, {"GATEWAY_PORT", 5432, &config.Port},
		{"QUESTION_PORT", 5433, &config.QuestionPort}, {"METRICS_PORT", 0, &config.MetricsPort},
	} {
		*number.into = number.fallback
		if text := environment(number.name); text != "" {
			port, err := strconv.ParseUint(text, 10, 16)
			if err != nil {
				return config, fmt.Errorf("%s is no port: %q", number.name, text)
			}
			*number.into = int(port)
		}
	}
	if text := environment("PATIENCE"); text != "" {
		patience, err := time.ParseDuration(text)
		if err != nil || patience <= 0 {
			return config, fmt.Errorf("PATIENCE is no duration such as 120s: %q", text)
		}
		config.Patience = patience
	}
	return config, nil
}

func serve(config Config) error {
	metrics := newMetrics()
	pooler, err := newPooler(config, metrics)
	if err != nil {
		return err
	}
	gateway := &Gateway{pooler: pooler, metrics: metrics}
	for port, patience := range map[int]time.Duration{config.Port: config.Patience, config.QuestionPort: 0} {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		gateway.listeners = append(gateway.listeners, listener)
		slog.Info("listening", "address", listener.Addr().String(), "patience", patience.String())
		go gateway.serve(listener, patience)
	}
	if config.MetricsPort != 0 {
		if err := metrics.listen(config.MetricsPort); err != nil {
			return err
		}
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	gateway.drain()
	slog.Info("drained and stopped")
	return nil
}
