package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// A hung node is noticed after this, by an answer that stays out: TCP alone would take minutes.
	heartbeat = 2 * time.Second
	// A master that cannot even be dialled.
	dialTimeout = time.Second
	// Pause between two tries of a command.
	pause = 100 * time.Millisecond
	// Seeds are resolved anew when no known node has answered for so long: all pods may have new addresses.
	lostAfter   = 3 * time.Second
	refreshRate = time.Second
	slots       = 16384
)

var (
	errNotConnected = errors.New("the cluster was not reached yet")
	errInDoubt      = errors.New("in doubt")
)

// Cluster is the Redis Cluster as the commands need it.
type Cluster struct {
	config Config
	// client sends the commands of all waiting clients to a node over one connection; lone has connections of its own
	// for each command, by which one that waits alone is answered sooner.
	client, lone atomic.Pointer[rueidis.Client]
	trouble      atomic.Pointer[string]
	scripts      sync.Map // sha1 in hexadecimal to text
	retries      func(reason string)
}

func newCluster(config Config) *Cluster {
	cluster := &Cluster{config: config, retries: func(string) {}}
	cluster.setTrouble("not connected yet")
	return cluster
}

// Trouble says why PING is refused; empty while every slot has a master that answers.
func (c *Cluster) Trouble() string { return *c.trouble.Load() }

func (c *Cluster) setTrouble(text string) {
	if before := c.trouble.Swap(&text); before != nil && *before != text {
		if text == "" {
			slog.Info("redis cluster: every slot has a master that answers")
		} else {
			slog.Warn("redis cluster in trouble", "trouble", text)
		}
	}
}

func (c *Cluster) current() (rueidis.Client, error) {
	if client := c.client.Load(); client != nil {
		return *client, nil
	}
	return nil, errNotConnected
}

// connect makes a client of the addresses that the seeds resolve to now, in place of the one before.
func (c *Cluster) connect() error {
	addresses, err := resolve(c.config.Seeds)
	if err != nil {
		return err
	}
	option := c.option(addresses...)
	option.DialCtxFn = dialShared
	client, err := rueidis.NewClient(option)
	if err != nil {
		if client != nil {
			client.Close()
		}
		return err
	}
	option.DisableAutoPipelining, option.DialCtxFn = true, dialLone
	lone, err := rueidis.NewClient(option)
	if err != nil {
		client.Close()
		if lone != nil {
			lone.Close()
		}
		return err
	}
	for _, before := range []*rueidis.Client{c.lone.Swap(&lone), c.client.Swap(&client)} {
		if before != nil {
			(*before).Close()
		}
	}
	return nil
}

// loadScript has any node judge a script, and keeps it. Which node will run it is not known before its key is, and may be
// another one by then: a node that lacks the script is sent it with the call.
func (c *Cluster) loadScript(text string) error {
	_, err := c.persist(func(client rueidis.Client) (rueidis.RedisMessage, error) {
		return client.Do(rootContext, client.B().ScriptLoad().Script(text).Build()).ToMessage()
	}, true)
	if err == nil {
		c.scripts.Store(digest(text), text)
	}
	return err
}

// option is how a client of the cluster, or of one node of it, behaves.
func (c *Cluster) option(addresses ...string) rueidis.ClientOption {
	return rueidis.ClientOption{
		InitAddress: addresses,
		AuthCredentialsFn: func(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) {
			password, err := c.config.password()
			return rueidis.AuthCredentials{Password: password}, err
		},
		Dialer: net.Dialer{Timeout: dialTimeout, KeepAlive: heartbeat / 2},
		// Bounds every answer and the pings of idle connections.
		ConnWriteTimeout:   heartbeat,
		ClusterOption:      rueidis.ClusterOption{ShardsRefreshInterval: refreshRate, MaxMovedRedirections: 8},
		ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10,
		AlwaysRESP2: true, DisableCache: true,
		// Waiting and repeating is decided here, by command.
		DisableRetry: true,
		ClientName:   "redis-gateway",
	}
}

// withNode calls with a client of one node; one that has no slots yet is not among the cluster client's.
func (c *Cluster) withNode(client rueidis.Client, address string, call func(rueidis.Client) error) error {
	if node, known := client.Nodes()[address]; known {
		return call(node)
	}
	option := c.option(address)
	option.ForceSingleClient = true
	node, err := rueidis.NewClient(option)
	if err != nil {
		return err
	}
	defer node.Close()
	return call(node)
}

// resolve answers host:port of every address of every seed; an error only when there is none at all.
func resolve(seeds []string) ([]string, error) {
	context, cancel := context.WithTimeout(context.Background(), heartbeat)
	defer cancel()
	var found []string
	var failed error
	for _, seed := range seeds {
		host, port, err := net.SplitHostPort(seed)
		if err != nil {
			host, port = seed, "6379"
		}
		addresses, err := net.DefaultResolver.LookupHost(context, host)
		if err != nil {
			failed = err
		}
		for _, address := range addresses {
			found = append(found, net.JoinHostPort(address, port))
		}
	}
	if len(found) == 0 {
		return nil, failed
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// watch looks after the cluster for ever: PING and readiness answer from what it saw last.
func (c *Cluster) watch() {
	seen := time.Now()
	for {
		client, err := c.current()
		if err == nil {
			var answered bool
			answered, err = c.examine(client)
			if answered {
				seen = time.Now()
			}
		}
		if err == nil {
			c.setTrouble("")
		} else {
			c.setTrouble(err.Error())
		}
		if client == nil || time.Since(seen) > lostAfter {
			if err := c.connect(); err != nil {
				c.setTrouble("not reachable: " + plain(err))
			} else {
				seen = time.Now()
				continue
			}
		}
		time.Sleep(refreshRate)
	}
}

// examine tells whether any node answered, and what is wrong with the cluster.
func (c *Cluster) examine(client rueidis.Client) (bool, error) {
	topology, err := readTopology(client)
	if err != nil {
		return false, fmt.Errorf("not reachable: %s", plain(err))
	}
	if missing := topology.uncovered(); missing > 0 {
		return true, fmt.Errorf("%d slots have no master", missing)
	}
	nodes := client.Nodes()
	var silent []string
	var guard sync.Mutex
	var group sync.WaitGroup
	for _, master := range topology.masters() {
		group.Go(func() {
			node, known := nodes[master]
			context, cancel := context.WithTimeout(context.Background(), heartbeat)
			defer cancel()
			if !known || node.Do(context, node.B().Ping().Build()).Error() != nil {
				guard.Lock()
				silent = append(silent, master)
				guard.Unlock()
			}
		})
	}
	group.Wait()
	if len(silent) > 0 {
		slices.Sort(silent)
		return true, fmt.Errorf("no answer from %s", strings.Join(silent, ", "))
	}
	return true, nil
}

// Attempt is one try of a command. It answers errInDoubt, wrapped, when the command may have been carried out though
// its answer was lost.
type Attempt func(client rueidis.Client) (rueidis.RedisMessage, error)

// persist repeats a try until it is answered or patience ends. Only what was certainly not carried out is repeated, and
// what may be carried out twice.
func (c *Cluster) persist(try Attempt, repeatable bool) (rueidis.RedisMessage, error) {
	end := time.Now().Add(c.config.Patience)
	for {
		client, err := c.current()
		var message rueidis.RedisMessage
		if err == nil {
			message, err = try(client)
		}
		reason := troubled(err)
		if reason == "" {
			return message, err
		}
		if reason == "doubt" && !repeatable {
			return message, fmt.Errorf("%w: the answer was lost, the command may have been carried out", errInDoubt)
		}
		if time.Now().After(end) {
			return message, fmt.Errorf("CLUSTERDOWN no answer within %s: %s", c.config.Patience, plain(err))
		}
		c.retries(reason)
		time.Sleep(pause)
	}
}

// troubled names what kind of trouble an error is; empty for an answer, be it an error of the command's own.
func troubled(err error) string {
	if err == nil || rueidis.IsRedisNil(err) {
		return ""
	}
	if refused, ok := rueidis.IsRedisErr(err); ok {
		prefix, _, _ := strings.Cut(refused.Error(), " ")
		switch prefix {
		case "CLUSTERDOWN", "TRYAGAIN", "LOADING", "MASTERDOWN", "MISCONF", "READONLY", "MOVED", "ASK":
			return strings.ToLower(prefix) // refused by the node: certainly not carried out
		}
		return ""
	}
	var dial *net.OpError
	switch {
	case errors.Is(err, errNotConnected), errors.Is(err, rueidis.ErrNoSlot):
		return "unreachable"
	case errors.As(err, &dial) && dial.Op == "dial":
		return "unreachable"
	}
	return "doubt"
}

// plain is the text of an error without addresses that change from try to try.
func plain(err error) string {
	var operation *net.OpError
	if errors.As(err, &operation) {
		return operation.Err.Error()
	}
	return err.Error()
}
