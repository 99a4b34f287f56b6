package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// Topology names the master of each slot; empty for a slot without one.
type Topology [slots]string

// readTopology asks the known nodes, side by side, and takes the first answer.
func readTopology(client rueidis.Client) (*Topology, error) {
	nodes := client.Nodes()
	if len(nodes) == 0 {
		return nil, errNotConnected
	}
	type answer struct {
		topology *Topology
		err      error
	}
	answers := make(chan answer, len(nodes))
	within, cancel := context.WithTimeout(context.Background(), heartbeat)
	defer cancel()
	for address, node := range nodes {
		go func() {
			said, err := node.Do(within, node.B().ClusterSlots().Build()).ToArray()
			if err != nil {
				answers <- answer{nil, err}
				return
			}
			topology, err := parseSlots(said, address)
			answers <- answer{topology, err}
		}()
	}
	var last error
	var best *Topology
	for range nodes {
		select {
		case got := <-answers:
			switch {
			case got.err != nil:
				last = got.err
			case got.topology.uncovered() == 0:
				return got.topology, nil
			default:
				best = got.topology
			}
		case <-within.Done():
			last = within.Err()
		}
	}
	if best != nil {
		return best, nil
	}
	return nil, last
}

// parseSlots reads the answer to CLUSTER SLOTS; a node without an address is the one that was asked.
func parseSlots(said []rueidis.RedisMessage, asked string) (*Topology, error) {
	topology := &Topology{}
	host, _, err := net.SplitHostPort(asked)
	if err != nil {
		return nil, err
	}
	for _, entry := range said {
		parts, err := entry.ToArray()
		if err != nil || len(parts) < 3 {
			return nil, errors.Join(errors.New("CLUSTER SLOTS cannot be read"), err)
		}
		low, lowErr := parts[0].AsInt64()
		high, highErr := parts[1].AsInt64()
		node, nodeErr := parts[2].ToArray()
		if err := errors.Join(lowErr, highErr, nodeErr); err != nil {
			return nil, err
		}
		if low < 0 || high >= slots || len(node) < 2 {
			return nil, fmt.Errorf("CLUSTER SLOTS names slots %d to %d", low, high)
		}
		address, _ := node[0].ToString()
		port, err := node[1].AsInt64()
		if err != nil {
			return nil, err
		}
		if address == "" {
			address = host
		}
		for slot := low; slot <= high; slot++ {
			topology[slot] = net.JoinHostPort(address, strconv.FormatInt(port, 10))
		}
	}
	return topology, nil
}

func (t *Topology) uncovered() int {
	missing := 0
	for _, master := range t {
		if master == "" {
			missing++
		}
	}
	return missing
}

// masters names each master once, sorted.
func (t *Topology) masters() []string {
	found := map[string]bool{}
	for _, master := range t {
		if master != "" {
			found[master] = true
		}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Claims is what the masters themselves say of their slots. Any node can say who has which slot, but hears of a change
// later than the two that make it.
type Claims struct {
	owners *Topology
	epochs [slots]uint64
	// moving names where the keys of a slot are going. Only the two nodes concerned know of it.
	moving map[uint16]string
}

// readClaims asks all known nodes, side by side. A slot that nobody claims is just changing hands, or its master is gone
// and its successor not yet there: an error, for it is over soon.
func readClaims(client rueidis.Client) (*Claims, error) {
	claims := &Claims{owners: &Topology{}, moving: map[uint16]string{}}
	nodes := client.Nodes()
	answers := make(chan string, len(nodes))
	within, cancel := context.WithTimeout(context.Background(), heartbeat)
	defer cancel()
	for _, node := range nodes {
		go func() {
			said, _ := node.Do(within, node.B().ClusterNodes().Build()).ToString()
			answers <- said
		}()
	}
	for range nodes {
		claims.add(<-answers)
	}
	if missing := claims.owners.uncovered(); missing > 0 {
		return nil, fmt.Errorf("%w: %d slots are claimed by no master that answers", errNotConnected, missing)
	}
	return claims, nil
}

// add takes the line of a node's answer to CLUSTER NODES that is about itself, if it is a master:
// "id address flags master ping pong epoch link slots…", where "[slot->-id]" is a slot on its way to another.
func (c *Claims) add(said string) {
	addresses := map[string]string{}
	var own []string
	for line := range strings.Lines(said) {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		addresses[fields[0]], _, _ = strings.Cut(fields[1], "@")
		if strings.Contains(fields[2], "myself") && strings.Contains(fields[2], "master") {
			own = fields
		}
	}
	if own == nil {
		return
	}
	epoch, err := strconv.ParseUint(own[6], 10, 64)
	if err != nil {
		return
	}
	for _, entry := range own[8:] {
		if slot, target, moving := strings.Cut(strings.Trim(entry, "[]"), "->-"); moving {
			if number, err := strconv.ParseUint(slot, 10, 14); err == nil && addresses[target] != "" {
				c.moving[uint16(number)] = addresses[target]
			}
		} else if !strings.HasPrefix(entry, "[") {
			c.claim(entry, addresses[own[0]], epoch)
		}
	}
}

// claim gives "low-high" or one slot to a master; of two that claim a slot, the one with the newer epoch has it.
func (c *Claims) claim(entry, master string, epoch uint64) {
	from, to, ranged := strings.Cut(entry, "-")
	if !ranged {
		to = from
	}
	low, lowErr := strconv.ParseUint(from, 10, 14)
	high, highErr := strconv.ParseUint(to, 10, 14)
	if lowErr != nil || highErr != nil {
		return
	}
	for slot := low; slot <= high; slot++ {
		if c.owners[slot] == "" || epoch > c.epochs[slot] {
			c.owners[slot], c.epochs[slot] = master, epoch
		}
	}
}
