package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redis/rueidis"
	"github.com/tidwall/redcon"
)

const (
	abort     = "EXECABORT Transaction discarded because of previous errors."
	crossSlot = "CROSSSLOT Keys in request don't hash to the same slot"
)

// multi begins a transaction. Its commands are kept here and sent at EXEC, all on one connection to one node.
func (s *Session) multi([]string) reply {
	if s.inMulti {
		return refusal("ERR MULTI calls can not be nested")
	}
	s.inMulti, s.spoiled, s.queue = true, false, nil
	return status("OK")
}

func (s *Session) discard([]string) reply {
	if !s.inMulti {
		return refusal("ERR DISCARD without MULTI")
	}
	s.endMulti()
	return status("OK")
}

func (s *Session) endMulti() { s.inMulti, s.spoiled, s.queue = false, false, nil }

// enqueue keeps a command for EXEC. What is refused here spoils the transaction, as it does in Redis.
func (s *Session) enqueue(one *call) reply {
	refused := one.refused
	if refused == nil && !one.command.queueable {
		refused = refusal("ERR the gateway does not carry %s in a transaction", one.name)
	}
	if refused == nil && len(s.queue) > 0 && slotOf(s.queue[0].arguments[0]) != slotOf(one.arguments[0]) {
		refused = refusal(crossSlot)
	}
	if refused != nil {
		s.spoiled = true
		return refused
	}
	kept := *one
	kept.arguments = slices.Clone(one.arguments) // the slice is used again before EXEC
	s.queue = append(s.queue, kept)
	return status("QUEUED")
}

// exec runs what was queued. It is repeated only when the node refused to queue: then nothing was carried out.
func (s *Session) exec([]string) reply {
	if !s.inMulti {
		return refusal("ERR EXEC without MULTI")
	}
	queue, spoiled := s.queue, s.spoiled
	s.endMulti()
	switch {
	case spoiled:
		return refusal(abort)
	case len(queue) == 0:
		return func(out []byte) []byte { return redcon.AppendArray(out, 0) }
	}
	message, err := s.gateway.cluster.persist(func(client rueidis.Client) (rueidis.RedisMessage, error) {
		return transact(client, queue)
	}, false)
	if err != nil {
		return render(message, err, false)
	}
	answers, err := message.ToArray()
	if err != nil || len(answers) != len(queue) {
		return refusal("ERR the cluster's answer to EXEC cannot be read")
	}
	return func(out []byte) []byte {
		out = redcon.AppendArray(out, len(answers))
		for index := range answers {
			out = appendMessage(out, &answers[index], queue[index].status())
		}
		return out
	}
}

// transact sends MULTI, the commands and EXEC at once. An error of a queued command is the reason why EXEC aborts.
func transact(client rueidis.Client, queue []call) (message rueidis.RedisMessage, err error) {
	err = client.Dedicated(func(dedicated rueidis.DedicatedClient) error {
		batch := make([]rueidis.Completed, 0, len(queue)+2)
		batch = append(batch, dedicated.B().Multi().Build())
		for _, one := range queue {
			command := dedicated.B().Arbitrary(one.name).Keys(one.arguments[0]).Args(one.arguments[1:]...)
			batch = append(batch, command.Build())
		}
		results := dedicated.DoMulti(rootContext, append(batch, dedicated.B().Exec().Build())...)
		last := len(results) - 1
		for _, result := range results[:last] {
			if refused := result.Error(); refused != nil {
				if _, own := rueidis.IsRedisErr(refused); own && troubled(refused) == "" {
					return fmt.Errorf("%s (%s)", abort, refused)
				}
				if troubled(results[last].Error()) == "doubt" {
					return results[last].Error()
				}
				return refused
			}
		}
		message, err = results[last].ToMessage()
		return err
	})
	return message, err
}

// slotOf is the slot of a key: CRC16 (XMODEM) of its hash tag, or of all of it (Redis Cluster specification).
func slotOf(key string) uint16 {
	if start := strings.IndexByte(key, '{'); start >= 0 {
		if length := strings.IndexByte(key[start+1:], '}'); length > 0 {
			key = key[start+1 : start+1+length]
		}
	}
	crc := uint16(0)
	for index := 0; index < len(key); index++ {
		crc ^= uint16(key[index]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % slots
}
