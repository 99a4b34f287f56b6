// A gateway that looks like one Redis to a plain client and speaks to a Redis Cluster as a cluster-aware client.
//
// It stands on loopback beside each memory service process, whose client knows neither clusters nor passwords. It is
// narrow: the commands that the service and its client library send, and nothing else; everything else is refused by
// name (commands.go). Topology, routing and pipelining are rueidis', the protocol towards the client is redcon's.
//
//	redis-gateway                      serves
//	redis-gateway probe alive|ready    asks the running gateway; the exit code tells
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
	"strings"
	"syscall"
	"time"
)

// Config is what the environment says.
type Config struct {
	// Seeds are host or host:port, separated by commas; a host stands for all addresses that it resolves to.
	Seeds []string
	// PasswordFile is REDIS_PASSWORD_FILE: the password never stands in the environment or in an argument. It is read
	// for every new connection, so that another password needs no restart.
	PasswordFile string
	// Port on loopback for the client.
	Port int
	// MetricsPort on every address, for Prometheus; 0 for none.
	MetricsPort int
	// Patience is how long a command waits for a cluster in trouble.
	Patience time.Duration
}

func main() {
	// Small and short-lived values: fewer collections for some memory more, well under the container's limit.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(160 << 20)
	// The container's limit is one processor. With more, Go wakes a second thread beside each command that comes alone.
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
		slog.Error("redis-gateway ends", "reason", err.Error())
		os.Exit(1)
	}
}

func configuration(environment func(string) string) (Config, error) {
	config := Config{Patience: 20 * time.Second}
	for _, seed := range strings.Split(environment("REDIS_SEEDS"), ",") {
		if seed = strings.TrimSpace(seed); seed != "" {
			config.Seeds = append(config.Seeds, seed)
		}
	}
	if len(config.Seeds) == 0 {
		return config, fmt.Errorf("REDIS_SEEDS is empty: name a host that resolves to the nodes")
	}
	for _, number := range []struct {
		name     string
		fallback int
		into     *int
	}{{"GATEWAY_PORT", 6379, &config.Port}, {"METRICS_PORT", 0, &config.MetricsPort}} {
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
			return config, fmt.Errorf("PATIENCE is no duration such as 20s: %q", text)
		}
		config.Patience = patience
	}
	config.PasswordFile = environment("REDIS_PASSWORD_FILE")
	_, err := config.password()
	return config, err
}

// password is what the file holds now.
func (c Config) password() (string, error) {
	text, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("REDIS_PASSWORD_FILE: %w", err)
	}
	password := strings.TrimSpace(string(text))
	if password == "" {
		return "", fmt.Errorf("REDIS_PASSWORD_FILE: %s is empty", c.PasswordFile)
	}
	return password, nil
}

func serve(config Config) error {
	cluster := newCluster(config)
	go cluster.watch()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", config.Port))
	if err != nil {
		return err
	}
	gateway := newGateway(cluster, listener)
	if config.MetricsPort != 0 {
		if err := gateway.metrics.listen(config.MetricsPort); err != nil {
			return err
		}
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	slog.Info("listening", "address", listener.Addr().String())
	go gateway.serve()
	<-stop
	gateway.drain()
	slog.Info("drained and stopped")
	return nil
}

// probe is 0 when the gateway answers (alive), or answers that the whole cluster does (ready).
func probe(arguments []string) int {
	if len(arguments) != 2 || arguments[0] != "probe" || (arguments[1] != "alive" && arguments[1] != "ready") {
		fmt.Fprintln(os.Stderr, "usage: redis-gateway [probe alive|ready]")
		return 2
	}
	port := os.Getenv("GATEWAY_PORT")
	if port == "" {
		port = "6379"
	}
	connection, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), 3*time.Second)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(3 * time.Second))
	answer := make([]byte, 512)
	if _, err := connection.Write([]byte("PING\r\n")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	count, err := connection.Read(answer)
	said := string(answer[:count])
	if err == nil && (said == "+PONG\r\n" || arguments[1] == "alive") {
		return 0
	}
	fmt.Fprintln(os.Stderr, strings.TrimSpace(said), err)
	return 1
}
