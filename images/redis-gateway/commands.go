package main

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
	"github.com/tidwall/redcon"
)

// Command is one that the gateway carries.
type Command struct {
	name string
	// arity as Redis counts it, the name included; negative for "at least".
	arity int
	// key is set for a command that goes to the node of its first argument.
	key bool
	// status is set where the answer to success is a simple string.
	status func(arguments []string) bool
	// repeatable tells whether it may be carried out twice when its first answer was lost.
	repeatable func(arguments []string) bool
	// queueable may stand in a transaction.
	queueable bool
	// endsMulti is set for what is not queued in a transaction.
	endsMulti bool
	// oneKey refuses more than one key, which a cluster might hold on several nodes.
	oneKey bool
	local  func(session *Session, arguments []string) reply
}

func always([]string) bool { return true }
func never([]string) bool  { return false }

// commands is what the service sends (SET, GET, DEL, HSET, HGETALL, SCAN, its lock's script, its rate limiter's
// transaction) and what its library sends at connect. INCRBY adds once more when it is repeated.
var commands map[string]*Command

func init() {
	commands = map[string]*Command{
		"GET":     {arity: 2, key: true, repeatable: always, queueable: true},
		"SET":     {arity: -3, key: true, repeatable: setTwice, status: setStatus, queueable: true},
		"DEL":     {arity: -2, key: true, repeatable: always, queueable: true, oneKey: true},
		"HSET":    {arity: -4, key: true, repeatable: always, queueable: true},
		"HGETALL": {arity: 2, key: true, repeatable: always, queueable: true},
		"INCRBY":  {arity: 3, key: true, repeatable: never, queueable: true},
		"EXPIRE":  {arity: -3, key: true, repeatable: always, queueable: true},
		"EVALSHA": {arity: -3, local: (*Session).evalsha},
		"SCRIPT":  {arity: -2, local: (*Session).script},
		"SCAN":    {arity: -2, local: (*Session).scan},
		"MULTI":   {arity: 1, endsMulti: true, local: (*Session).multi},
		"EXEC":    {arity: 1, endsMulti: true, local: (*Session).exec},
		"DISCARD": {arity: 1, endsMulti: true, local: (*Session).discard},
		"PING":    {arity: -1, local: (*Session).ping},
		"HELLO":   {arity: -1, local: (*Session).hello},
		"CLIENT":  {arity: -2, local: (*Session).client},
		"SELECT":  {arity: 2, local: (*Session).selectDatabase},
		"QUIT":    {arity: -1, endsMulti: true, local: (*Session).quit},
	}
	for name, command := range commands {
		command.name = name
	}
}

// setTwice: NX, XX and GET answer by what was there before, which the first try has changed.
func setTwice(arguments []string) bool {
	for _, option := range arguments[2:] {
		switch strings.ToUpper(option) {
		case "NX", "XX", "GET":
			return false
		}
	}
	return true
}

func setStatus(arguments []string) bool {
	for _, option := range arguments[2:] {
		if strings.EqualFold(option, "GET") {
			return false
		}
	}
	return true
}

// reply appends an answer in RESP2.
type reply func(out []byte) []byte

func status(text string) reply {
	return func(out []byte) []byte { return redcon.AppendString(out, text) }
}
func refusal(format string, values ...any) reply {
	text := strings.NewReplacer("\r", " ", "\n", " ").Replace(fmt.Sprintf(format, values...))
	return func(out []byte) []byte { return redcon.AppendError(out, text) }
}

// check refuses what the gateway does not carry, in the words of Redis.
func (c *call) check() reply {
	if c.command == nil {
		return refusal("ERR the gateway does not carry '%.32s'", c.name)
	}
	count := len(c.arguments) + 1
	if arity := c.command.arity; (arity >= 0 && count != arity) || count < -arity {
		return refusal("ERR wrong number of arguments for '%s' command", strings.ToLower(c.name))
	}
	if c.command.oneKey && len(c.arguments) != 1 {
		return refusal("ERR the gateway carries %s of one key at a time", c.name)
	}
	return nil
}

func build(client rueidis.Client, name string, arguments []string) rueidis.Completed {
	return client.B().Arbitrary(name).Keys(arguments[0]).Args(arguments[1:]...).Build()
}

// do sends a command to the node of its key. While many clients wait, their commands share a connection to the node; one
// alone is answered sooner on a connection of its own, where nobody hands it over.
func (s *Session) do(client rueidis.Client, one *call) (rueidis.RedisMessage, error) {
	if s.gateway.calm(s.started) {
		if lone := s.gateway.cluster.lone.Load(); lone != nil {
			client = *lone
		}
	}
	return client.Do(rootContext, build(client, one.name, one.arguments)).ToMessage()
}

// keyed sends a command to the node of its key and writes the answer.
func (s *Session) keyed(one *call) {
	message, err := s.gateway.cluster.persist(func(client rueidis.Client) (rueidis.RedisMessage, error) {
		return s.do(client, one)
	}, one.command.repeatable(one.arguments))
	if errors.Is(err, errInDoubt) {
		s.doubtful(one)
		return
	}
	s.out = appendAnswer(s.out, &message, err, one.status())
}

// doubtful answers a command that may have been carried out though its answer was lost. Whether a SET NX was can be
// seen, for a lock's value is its owner's alone; of the others the client has to hear that nobody knows.
func (s *Session) doubtful(one *call) {
	if !isLock(one) {
		s.out = refusal("ERR the answer to %s was lost: it may have been carried out", one.name)(s.out)
		return
	}
	held, err := s.get(one.arguments[0])
	text, _ := held.ToString()
	switch {
	case rueidis.IsRedisNil(err): // neither carried out nor taken by another
		s.keyed(one)
	case err != nil:
		s.out = appendAnswer(s.out, &held, err, false)
	case text == one.arguments[1]:
		s.out = redcon.AppendString(s.out, "OK")
	default:
		s.out = redcon.AppendNull(s.out)
	}
}

func isLock(one *call) bool {
	if one.name != "SET" {
		return false
	}
	lock := false
	for _, option := range one.arguments[2:] {
		switch strings.ToUpper(option) {
		case "NX":
			lock = true
		case "XX", "GET":
			return false
		}
	}
	return lock
}

func (s *Session) get(key string) (rueidis.RedisMessage, error) {
	return s.gateway.cluster.persist(func(client rueidis.Client) (rueidis.RedisMessage, error) {
		return client.Do(rootContext, client.B().Get().Key(key).Build()).ToMessage()
	}, true)
}

// evalsha runs a script of one key; a node that has lost the script, or never had it, is sent its text with the call.
func (s *Session) evalsha(arguments []string) reply {
	if len(arguments) < 3 || arguments[1] != "1" {
		return refusal("ERR the gateway carries scripts of one key")
	}
	cluster, name := s.gateway.cluster, strings.ToLower(arguments[0])
	evaluate := func(client rueidis.Client, command, script string) (rueidis.RedisMessage, error) {
		call := client.B().Arbitrary(command, script, "1").Keys(arguments[2]).Args(arguments[3:]...)
		return client.Do(rootContext, call.Build()).ToMessage()
	}
	run := func() (rueidis.RedisMessage, error) {
		return cluster.persist(func(client rueidis.Client) (rueidis.RedisMessage, error) {
			message, err := evaluate(client, "EVALSHA", name)
			if refused, ok := rueidis.IsRedisErr(err); ok && refused.IsNoScript() {
				if text, known := cluster.scripts.Load(name); known {
					return evaluate(client, "EVAL", text.(string))
				}
			}
			return message, err
		}, false)
	}
	message, err := run()
	for errors.Is(err, errInDoubt) && unlockScripts[name] && len(arguments) > 3 {
		held, failed := s.get(arguments[2])
		if text, _ := held.ToString(); rueidis.IsRedisNil(failed) || (failed == nil && text != arguments[3]) {
			// Released, or run out: to its owner the same.
			return func(out []byte) []byte { return redcon.AppendInt(out, 1) }
		} else if failed != nil {
			return render(held, failed, false)
		}
		message, err = run()
	}
	return render(message, err, false)
}

// unlockScripts are those by which redis-py releases a lock: it deletes the key if the value is the owner's token.
var unlockScripts = map[string]bool{"c3f8721cbb97f72bc19e972846bd7aaf91901658": true}

// script keeps a script for the nodes that will lack it.
func (s *Session) script(arguments []string) reply {
	if !strings.EqualFold(arguments[0], "LOAD") || len(arguments) != 2 {
		return refusal("ERR the gateway carries SCRIPT LOAD alone")
	}
	if err := s.gateway.cluster.loadScript(arguments[1]); err != nil {
		return render(rueidis.RedisMessage{}, err, false)
	}
	name := digest(arguments[1])
	return func(out []byte) []byte { return redcon.AppendBulkString(out, name) }
}

func digest(text string) string {
	sum := sha1.Sum([]byte(text)) // Redis names scripts so
	return hex.EncodeToString(sum[:])
}

func (s *Session) ping(arguments []string) reply {
	if trouble := s.gateway.cluster.Trouble(); trouble != "" {
		return refusal("CLUSTERDOWN %s", trouble)
	}
	if len(arguments) > 0 {
		return func(out []byte) []byte { return redcon.AppendBulkString(out, arguments[0]) }
	}
	return status("PONG")
}

// hello: redis-py 8 asks for RESP3 unless it is told otherwise, and must fail loudly rather than misread answers.
func (s *Session) hello(arguments []string) reply {
	if len(arguments) > 0 && arguments[0] != "2" {
		return refusal("NOPROTO this gateway speaks RESP2: set protocol=2")
	}
	return func(out []byte) []byte {
		out = redcon.AppendArray(out, 10)
		for _, pair := range [][2]string{{"server", "redis"}, {"version", "7.0.0"}, {"mode", "standalone"}, {"role", "master"}} {
			out = redcon.AppendBulkString(out, pair[0])
			out = redcon.AppendBulkString(out, pair[1])
		}
		return redcon.AppendInt(redcon.AppendBulkString(out, "proto"), 2)
	}
}

func (s *Session) client(arguments []string) reply {
	switch strings.ToUpper(arguments[0]) {
	case "SETINFO", "SETNAME":
		return status("OK")
	}
	return refusal("ERR the gateway carries CLIENT SETINFO and CLIENT SETNAME alone")
}

func (s *Session) selectDatabase(arguments []string) reply {
	if arguments[0] != "0" {
		return refusal("ERR DB index is out of range: a cluster has database 0")
	}
	return status("OK")
}

func (s *Session) quit([]string) reply {
	s.finished = true
	return status("OK")
}
