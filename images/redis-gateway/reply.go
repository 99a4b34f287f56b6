package main

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/rueidis"
	"github.com/tidwall/redcon"
)

// rootContext bounds nothing: each answer is bounded by the connection's heartbeat, each command by patience.
var rootContext = context.Background()

// render is the reply that an answer of the cluster makes.
func render(message rueidis.RedisMessage, err error, isStatus bool) reply {
	return func(out []byte) []byte { return appendAnswer(out, &message, err, isStatus) }
}

// appendAnswer writes an answer of the cluster in RESP2, as a single Redis would.
func appendAnswer(out []byte, message *rueidis.RedisMessage, err error, isStatus bool) []byte {
	if err == nil || rueidis.IsRedisNil(err) {
		return appendMessage(out, message, isStatus)
	}
	text := err.Error()
	if _, own := rueidis.IsRedisErr(err); !own && !strings.HasPrefix(text, "CLUSTERDOWN ") {
		text = "ERR " + plain(err)
		if errors.Is(err, errInDoubt) {
			text = "ERR " + err.Error()
		}
	}
	return refusal("%s", text)(out)
}

func appendMessage(out []byte, message *rueidis.RedisMessage, isStatus bool) []byte {
	switch {
	case message.IsString():
		text, _ := message.ToString()
		if isStatus {
			return redcon.AppendString(out, text)
		}
		return redcon.AppendBulkString(out, text)
	case message.IsNil():
		return redcon.AppendNull(out)
	case message.IsInt64():
		number, _ := message.ToInt64()
		return redcon.AppendInt(out, number)
	case message.IsArray():
		items, _ := message.ToArray()
		out = redcon.AppendArray(out, len(items))
		for index := range items {
			out = appendMessage(out, &items[index], false)
		}
		return out
	}
	if err := message.Error(); err != nil {
		return redcon.AppendError(out, err.Error())
	}
	text, _ := message.ToString()
	return redcon.AppendBulkString(out, text)
}
