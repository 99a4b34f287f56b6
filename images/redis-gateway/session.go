package main

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"time"

	"github.com/redis/rueidis"
	"github.com/tidwall/redcon"
)

const (
	// readBuffer is what a connection reads at once; keptBuffer is how much of a large request's or answer's memory it
	// keeps for the next one.
	readBuffer, keptBuffer = 16 << 10, 64 << 10
	// maxRequest bounds what one client can make the gateway hold: the container's limit is 256 MiB.
	maxRequest = 64 << 20
	// maxTogether bounds the commands that are sent to the cluster at once.
	maxTogether = 1024
)

var errProtocol = errors.New("ERR Protocol error: the request cannot be read")

// Session is one client's connection. Its buffers are used again from request to request.
type Session struct {
	gateway    *Gateway
	connection net.Conn
	// in is what was read and not yet understood.
	in    []byte
	words [][]byte
	texts []string
	calls []call
	batch []rueidis.Completed
	out   []byte
	// started is when the commands at hand were read.
	started time.Time
	// broken is why nothing more can be read from the client.
	broken error

	// queue holds the commands between MULTI and EXEC.
	queue    []call
	inMulti  bool
	spoiled  bool
	finished bool
}

// call is a command of a client. Its texts are its own, the slice that holds them is the session's.
type call struct {
	name      string
	command   *Command // nil for one that the gateway does not know
	arguments []string
	refused   reply
}

func (c *call) status() bool { return c.command.status != nil && c.command.status(c.arguments) }

// serve answers the client until it leaves, or the gateway is told to stop.
func (s *Session) serve() {
	for !s.finished && s.broken == nil && !s.gateway.stopping.Load() {
		if !s.read() {
			return
		}
		s.started = time.Now()
		s.gateway.enter(s, s.started)
		s.answerAll()
		s.gateway.leave()
		if s.broken != nil {
			s.out = redcon.AppendError(s.out, s.broken.Error())
		}
		if _, err := s.connection.Write(s.out); err != nil {
			return
		}
		s.forget()
		if !s.gateway.calm(s.started) {
			runtime.Gosched() // others are served meanwhile, and this client may have asked again: a wait less
		}
	}
}

// read waits for a whole command and takes it with those that came behind it. It is false when the client is gone.
func (s *Session) read() bool {
	for {
		s.parse()
		if len(s.calls) > 0 || s.broken != nil {
			return true
		}
		if len(s.in) == cap(s.in) {
			if len(s.in) >= maxRequest {
				s.broken = fmt.Errorf("ERR Protocol error: the request is larger than %d bytes", maxRequest)
				return true
			}
			s.in = append(make([]byte, 0, max(2*cap(s.in), readBuffer)), s.in...)
		}
		count, err := s.connection.Read(s.in[len(s.in):cap(s.in)])
		s.in = s.in[:len(s.in)+count]
		if err != nil && count == 0 {
			return false
		}
	}
}

// parse takes the whole commands off what was read.
func (s *Session) parse() {
	// redcon 1.6.4 cuts a slice out of its bounds when a text's length is negative.
	defer func() {
		if recover() != nil {
			s.broken = errProtocol
		}
	}()
	rest := s.in
	for len(rest) > 0 && len(s.calls) < maxTogether {
		complete, words, kind, left, err := redcon.ReadNextCommand(rest, s.words)
		if err != nil || kind == redcon.Tile38 {
			s.broken = errProtocol
			break
		}
		if !complete {
			break
		}
		if s.words, rest = words, left; len(words) > 0 {
			s.calls = append(s.calls, s.newCall(words))
		}
	}
	s.in = s.in[:copy(s.in, rest)]
}

func (s *Session) newCall(words [][]byte) call {
	name, from := words[0], len(s.texts)
	for index, letter := range name {
		if 'a' <= letter && letter <= 'z' {
			name[index] = letter - 'a' + 'A'
		}
	}
	for _, word := range words[1:] {
		s.texts = append(s.texts, string(word))
	}
	one := call{command: commands[string(name)], arguments: s.texts[from:len(s.texts):len(s.texts)]}
	if one.command == nil {
		one.name = string(name)
	} else {
		one.name = one.command.name
	}
	one.refused = one.check()
	return one
}

// forget lets go of what the answered commands held, and of what a large one needed.
func (s *Session) forget() {
	clear(s.texts)
	clear(s.calls)
	s.texts, s.calls, s.batch, s.out = s.texts[:0], s.calls[:0], s.batch[:0], s.out[:0]
	if cap(s.out) > keptBuffer {
		s.out = nil
	}
	if cap(s.in) > keptBuffer && len(s.in) < readBuffer {
		s.in = append(make([]byte, 0, readBuffer), s.in...)
	}
}

// answerAll writes the answers to all calls, in their order.
func (s *Session) answerAll() {
	for calls := s.calls; len(calls) > 0 && !s.finished; {
		if together := s.together(calls); together > 1 {
			s.answerTogether(calls[:together])
			calls = calls[together:]
		} else {
			s.answer(&calls[0])
			calls = calls[1:]
		}
	}
}

// together counts the calls at the head that may go to the cluster at once: those with a key, outside a transaction,
// whose order between keys does not matter to a client that has not seen an answer yet. One that may not be carried out
// twice waits for what is before it for its key: that could fail, and be tried again after it.
func (s *Session) together(calls []call) int {
	if s.inMulti {
		return 0
	}
	count := 0
	for count < len(calls) && calls[count].refused == nil && calls[count].command.key {
		one := &calls[count]
		if count > 0 && !one.command.repeatable(one.arguments) && asksFor(calls[:count], one.arguments[0]) {
			break
		}
		count++
	}
	return count
}

func asksFor(calls []call, key string) bool {
	return slices.ContainsFunc(calls, func(one call) bool { return one.arguments[0] == key })
}

// answer runs one command by itself.
func (s *Session) answer(one *call) {
	before := len(s.out)
	switch {
	case s.inMulti && (one.command == nil || !one.command.endsMulti):
		s.out = s.enqueue(one)(s.out)
	case one.refused != nil:
		s.out = one.refused(s.out)
	case one.command.local != nil:
		s.out = one.command.local(s, one.arguments)(s.out)
	default:
		s.keyed(one)
	}
	s.answered(one, before, time.Since(s.started))
}

func (s *Session) answered(one *call, before int, passed time.Duration) {
	s.gateway.metrics.answered(one.name, s.out[before] == '-', passed)
}

// answerTogether sends the calls at once. What fails for the cluster's sake is tried again by itself, and so is whatever
// came behind it for the same key: a client's commands take effect in its order.
func (s *Session) answerTogether(calls []call) {
	results, err := s.send(calls)
	passed := time.Since(s.started)
	again := map[string]bool{}
	for index := range calls {
		one, before := &calls[index], len(s.out)
		var message rueidis.RedisMessage
		failure := err
		if err == nil {
			message, failure = results[index].ToMessage()
		}
		kind := troubled(failure)
		if kind == "" && (len(again) == 0 || !again[one.arguments[0]]) {
			s.out = appendAnswer(s.out, &message, failure, one.status())
			s.answered(one, before, passed)
			continue
		}
		again[one.arguments[0]] = true
		switch repeatable := one.command.repeatable(one.arguments); {
		case kind == "doubt" && !repeatable:
			s.doubtful(one)
		case kind != "" || repeatable:
			s.keyed(one)
		default: // carried out before its turn, and not to be carried out twice
			s.out = appendAnswer(s.out, &message, failure, one.status())
		}
		s.answered(one, before, time.Since(s.started))
	}
}

func (s *Session) send(calls []call) ([]rueidis.RedisResult, error) {
	client, err := s.gateway.cluster.current()
	if err != nil {
		return nil, err
	}
	for index := range calls {
		s.batch = append(s.batch, build(client, calls[index].name, calls[index].arguments))
	}
	results := client.DoMulti(rootContext, s.batch...)
	s.batch = s.batch[:0]
	return results, nil
}
