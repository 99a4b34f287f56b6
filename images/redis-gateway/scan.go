package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
	"github.com/tidwall/redcon"
)

const (
	// maxScans under way at once; the one that was longest without a step is forgotten first.
	maxScans = 256
	// slotsAtOnce bounds the answer of a step that reads slots.
	slotsAtOnce = 512
)

var errCursor = errors.New("ERR invalid cursor")

// Scan is a SCAN over all masters behind one cursor. Every key that exists throughout is returned at least once:
//
//   - A slot that gets another master while the scan is under way could be missed on both, and so could what a master
//     held that went away: such slots are read again, key by key, when all masters have been scanned.
//   - A slot whose keys are moving just then has some on either node: it is read from the old one, then from the new.
type Scan struct {
	cluster *Cluster
	options []string
	pattern string
	// left are the masters that have not been scanned to their end; the first one is under way, at cursor.
	left   []string
	cursor uint64
	// seen is the topology at the last look; nil before the first.
	seen *Topology
	// moved are the slots that have to be read again.
	moved map[uint16]bool
	// moving names where the keys of a slot were going at the last look; nil before the first.
	moving map[uint16]string
	used   time.Time
}

// Scans are those under way, by cursor.
type Scans struct {
	guard  sync.Mutex
	next   uint64
	active map[uint64]*Scan
}

// take hands a scan to one caller: a cursor is good for one step.
func (s *Scans) take(cursor uint64) *Scan {
	s.guard.Lock()
	defer s.guard.Unlock()
	scan := s.active[cursor]
	delete(s.active, cursor)
	return scan
}

// back returns what take gave, unchanged: the step failed, and the client may ask for it again.
func (s *Scans) back(cursor uint64, scan *Scan) {
	s.guard.Lock()
	defer s.guard.Unlock()
	s.active[cursor] = scan
}

func (s *Scans) keep(scan *Scan) uint64 {
	s.guard.Lock()
	defer s.guard.Unlock()
	if len(s.active) >= maxScans {
		oldest := uint64(0)
		for cursor, other := range s.active {
			if oldest == 0 || other.used.Before(s.active[oldest].used) {
				oldest = cursor
			}
		}
		delete(s.active, oldest)
	}
	s.next++
	scan.used = time.Now()
	s.active[s.next] = scan
	return s.next
}

// scan is one step of a SCAN.
func (s *Session) scan(arguments []string) reply {
	cursor, err := strconv.ParseUint(arguments[0], 10, 64)
	if err != nil {
		return refusal("%s", errCursor)
	}
	options, pattern, refused := scanOptions(arguments[1:])
	if refused != nil {
		return refused
	}
	gateway := s.gateway
	scan := &Scan{cluster: gateway.cluster, options: options, pattern: pattern, moved: map[uint16]bool{}}
	if cursor != 0 {
		if scan = gateway.scans.take(cursor); scan == nil {
			return refusal("%s", errCursor)
		}
	}
	var keys []string
	_, err = gateway.cluster.persist(func(client rueidis.Client) (rueidis.RedisMessage, error) {
		keys, err = scan.step(client)
		return rueidis.RedisMessage{}, err
	}, true)
	if err != nil {
		if cursor != 0 {
			gateway.scans.back(cursor, scan)
		}
		return render(rueidis.RedisMessage{}, err, false)
	}
	next := uint64(0)
	if !scan.done() {
		next = gateway.scans.keep(scan)
	}
	return func(out []byte) []byte {
		out = redcon.AppendBulkString(redcon.AppendArray(out, 2), strconv.FormatUint(next, 10))
		out = redcon.AppendArray(out, len(keys))
		for _, key := range keys {
			out = redcon.AppendBulkString(out, key)
		}
		return out
	}
}

// scanOptions checks MATCH and COUNT, the two that are carried.
func scanOptions(arguments []string) (options []string, pattern string, refused reply) {
	pattern = "*"
	for len(arguments) > 0 {
		if len(arguments) < 2 {
			return nil, "", refusal("ERR syntax error")
		}
		name, value := strings.ToUpper(arguments[0]), arguments[1]
		switch name {
		case "MATCH":
			pattern = value
		case "COUNT":
			if count, err := strconv.Atoi(value); err != nil {
				return nil, "", refusal("ERR value is not an integer or out of range")
			} else if count < 1 {
				return nil, "", refusal("ERR syntax error")
			}
		default:
			return nil, "", refusal("ERR the gateway carries MATCH and COUNT of SCAN, not '%.16s'", name)
		}
		options = append(options, name, value)
		arguments = arguments[2:]
	}
	return options, pattern, nil
}

func (s *Scan) done() bool { return s.moving != nil && len(s.moved) == 0 }

// step reads on. An error leaves the scan as it was, so that the step can be repeated.
func (s *Scan) step(client rueidis.Client) ([]string, error) {
	if s.seen == nil {
		if err := s.begin(client); err != nil {
			return nil, err
		}
	}
	switch {
	case len(s.left) > 0:
		return s.readMaster(client)
	case s.moving == nil:
		return nil, s.lookForMoving(client)
	}
	return s.readMoved(client)
}

func (s *Scan) begin(client rueidis.Client) error {
	claims, err := readClaims(client)
	if err != nil {
		return err
	}
	s.seen, s.left = claims.owners, claims.owners.masters()
	return nil
}

func (s *Scan) readMaster(client rueidis.Client) ([]string, error) {
	node, known := client.Nodes()[s.left[0]]
	if !known {
		_, err := s.look(client)
		return nil, err
	}
	within, cancel := context.WithTimeout(context.Background(), 2*heartbeat)
	defer cancel()
	command := node.B().Arbitrary("SCAN", strconv.FormatUint(s.cursor, 10)).Args(s.options...).Build()
	entry, err := node.Do(within, command).AsScanEntry()
	if err != nil {
		// The master may be gone for good: then its slots have others.
		before := s.left[0]
		if _, looked := s.look(client); looked != nil || (len(s.left) > 0 && s.left[0] == before) {
			return nil, err
		}
		return nil, nil
	}
	if s.cursor = entry.Cursor; s.cursor == 0 {
		s.left = s.left[1:]
		_, _ = s.look(client) // what this one misses, the next one sees
	}
	return entry.Elements, nil
}

// look notes which slots have another master than at the last look, gives up masters that are none any more, and
// answers which slots are on their way.
func (s *Scan) look(client rueidis.Client) (map[uint16]string, error) {
	claims, err := readClaims(client)
	if err != nil {
		return nil, err
	}
	still := map[string]bool{}
	for slot, master := range claims.owners {
		still[master] = true
		if master != s.seen[slot] {
			s.moved[uint16(slot)] = true
			s.seen[slot] = master
		}
	}
	for len(s.left) > 0 && !still[s.left[0]] {
		s.left, s.cursor = s.left[1:], 0
	}
	return claims.moving, nil
}

// lookForMoving notes, once all masters have been scanned, which slots are about to change hands.
func (s *Scan) lookForMoving(client rueidis.Client) error {
	moving, err := s.look(client)
	if err != nil {
		return err
	}
	s.moving = moving
	for slot := range moving {
		s.moved[slot] = true
	}
	return nil
}

// readMoved reads some of the slots that moved, then looks whether they have moved again meanwhile.
func (s *Scan) readMoved(client rueidis.Client) ([]string, error) {
	chunk := make([]uint16, 0, slotsAtOnce)
	for slot := range s.moved {
		if chunk = append(chunk, slot); len(chunk) == slotsAtOnce {
			break
		}
	}
	// A key goes from the old node to the new one, never back: read in this order it is met on one of them.
	owners, targets := map[string][]uint16{}, map[string][]uint16{}
	for _, slot := range chunk {
		owners[s.seen[slot]] = append(owners[s.seen[slot]], slot)
		if target := s.moving[slot]; target != "" {
			targets[target] = append(targets[target], slot)
		}
	}
	var keys []string
	for _, nodes := range []map[string][]uint16{owners, targets} {
		for address, wanted := range nodes {
			found, err := s.keysInSlots(client, address, wanted)
			if err != nil {
				_, _ = s.look(client)
				return nil, err
			}
			keys = append(keys, found...)
		}
	}
	before := s.moving
	for _, slot := range chunk {
		delete(s.moved, slot)
	}
	if err := s.lookAgain(client, chunk, before); err != nil {
		for _, slot := range chunk {
			s.moved[slot] = true
		}
		return nil, err
	}
	return slices.DeleteFunc(keys, func(key string) bool { return !glob(s.pattern, key) }), nil
}

func (s *Scan) lookAgain(client rueidis.Client, chunk []uint16, before map[uint16]string) error {
	after, err := s.look(client)
	if err != nil {
		return err
	}
	for _, slot := range chunk {
		if after[slot] != before[slot] && after[slot] != "" {
			s.moved[slot] = true
		}
	}
	s.moving = after
	return nil
}

func (s *Scan) keysInSlots(client rueidis.Client, address string, wanted []uint16) (keys []string, err error) {
	err = s.cluster.withNode(client, address, func(node rueidis.Client) error {
		commands := make(rueidis.Commands, 0, len(wanted))
		for _, slot := range wanted {
			commands = append(commands, node.B().ClusterGetkeysinslot().Slot(int64(slot)).Count(1<<30).Build())
		}
		within, cancel := context.WithTimeout(context.Background(), 2*heartbeat)
		defer cancel()
		for _, result := range node.DoMulti(within, commands...) {
			found, err := result.AsStrSlice()
			if err != nil {
				return err
			}
			keys = append(keys, found...)
		}
		return nil
	})
	return keys, err
}
