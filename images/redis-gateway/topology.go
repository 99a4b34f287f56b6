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

// readMoving names the slots whose keys are moving from one master to another, with the address of the latter.
//
// Only the two nodes concerned know of it, each in its own line of CLUSTER NODES: "[slot->-id of the new node]".
func (c *Cluster) readMoving(client rueidis.Client, masters []string) (map[uint16]string, error) {
	moving := map[uint16]string{}
	for _, master := range masters {
		err := c.withNode(client, master, func(node rueidis.Client) error {
			within, cancel := context.WithTimeout(context.Background(), heartbeat)
			defer cancel()
			said, err := node.Do(within, node.B().ClusterNodes().Build()).ToString()
			if err == nil {
				parseMoving(said, moving)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return moving, nil
}

func parseMoving(said string, moving map[uint16]string) {
	addresses := map[string]string{}
	var own []string
	for line := range strings.Lines(said) {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		addresses[fields[0]], _, _ = strings.Cut(fields[1], "@")
		if strings.Contains(fields[2], "myself") {
			own = fields[8:]
		}
	}
	for _, entry := range own {
		slot, target, found := strings.Cut(strings.Trim(entry, "[]"), "->-")
		number, err := strconv.ParseUint(slot, 10, 14)
		if found && err == nil && addresses[target] != "" {
			moving[uint16(number)] = addresses[target]
		}
	}
}
