package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

const probeTime = 3 * time.Second

// probe is 0 when the gateway answers (alive), or finds a PostgreSQL that takes writes (ready).
func probe(arguments []string) int {
	if len(arguments) != 2 || arguments[0] != "probe" || (arguments[1] != "alive" && arguments[1] != "ready") {
		fmt.Fprintln(os.Stderr, "usage: postgresql-gateway [probe alive|ready]")
		return 2
	}
	config, err := configuration(os.Getenv)
	if err == nil && arguments[1] == "alive" {
		err = alive(config)
	} else if err == nil {
		err = ready(config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// alive asks for encryption, which the gateway declines without asking anybody. Not at the client's port: who is connected
// there is what the service's own probe counts.
func alive(config Config) error {
	connection, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", config.QuestionPort), probeTime)
	if err != nil {
		return err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(probeTime))
	question, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err != nil {
		return err
	}
	if _, err := connection.Write(question); err != nil {
		return err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(connection, answer); err != nil {
		return err
	}
	if answer[0] != 'N' {
		return fmt.Errorf("it answers %q", answer)
	}
	return nil
}

func ready(config Config) error {
	limited, end := context.WithTimeout(context.Background(), probeTime)
	defer end()
	connection, err := pgconn.Connect(limited, fmt.Sprintf(
		"host=127.0.0.1 port=%d user=%s dbname=%s sslmode=disable passfile=/dev/null servicefile=/dev/null",
		config.QuestionPort, quoted(config.User), quoted(config.Database),
	))
	if err != nil {
		return err
	}
	return connection.Close(limited)
}
