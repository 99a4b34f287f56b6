package main

import (
	"maps"
	"strings"
	"testing"
)

func TestGlobMatchesAsRedisDoes(t *testing.T) {
	for _, one := range []struct {
		pattern, key string
		matches      bool
	}{
		{"*", "", true}, {"*", "a", true}, {"", "", true}, {"", "a", false},
		{"default:*:meta", "default:(1.0, 2.0):meta", true}, {"default:*:meta", "default:(1.0, 2.0):data", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"a?", "a", false}, {"**b", "aab", true},
		{"h[ae]llo", "hello", true}, {"h[ae]llo", "hillo", false}, {"h[^e]llo", "hallo", true}, {"h[^e]llo", "hello", false},
		{"h[a-b]llo", "hbllo", true}, {"h[b-a]llo", "hallo", true}, {"h[a-b]llo", "hcllo", false},
		{`a\*c`, "a*c", true}, {`a\*c`, "abc", false}, {`[\]]`, "]", true}, {"[abc", "a", true}, {"[", "[", false}, {`a\`, `a\`, true},
	} {
		if glob(one.pattern, one.key) != one.matches {
			t.Errorf("glob(%q, %q) is not %v", one.pattern, one.key, one.matches)
		}
	}
}

// The examples of the cluster specification; "123456789" is the check value of CRC16 XMODEM.
func TestKeysHaveTheirSlots(t *testing.T) {
	for key, slot := range map[string]uint16{"123456789": 0x31C3, "foo": 12182, "{foo}bar": 12182, "a{foo}{b}": 12182} {
		if slotOf(key) != slot {
			t.Errorf("%q has slot %d, not %d", key, slotOf(key), slot)
		}
	}
	if slotOf("foo{}{bar}") == slotOf("bar") || slotOf("{}foo") != slotOf("{}foo") {
		t.Error("an empty hash tag is no hash tag")
	}
}

func TestMovingSlotsAreReadFromTheNodesOwnLine(t *testing.T) {
	said := "aa 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-5460 [12->-bb] [13-<-bb]\n" +
		"bb 10.0.0.2:6379@16379,host master - 0 0 2 connected 5461-16383 [99->-aa]\n"
	moving := map[uint16]string{}
	parseMoving(said, moving)
	if !maps.Equal(moving, map[uint16]string{12: "10.0.0.2:6379"}) {
		t.Errorf("found %v", moving)
	}
}

func TestWhatMayBeRepeated(t *testing.T) {
	for words, repeatable := range map[string]bool{
		"GET a": true, "SET a 1": true, "SET a 1 EX 5": true, "SET a 1 NX PX 5": false, "SET a 1 xx": false, "SET a 1 GET": false,
		"HSET a b c": true, "DEL a": true, "INCRBY a 1": false, "EXPIRE a 5": true,
	} {
		parts := strings.Fields(words)
		if commands[parts[0]].repeatable(parts[1:]) != repeatable {
			t.Errorf("%s: repeatable is not %v", words, repeatable)
		}
	}
}

func TestConfigurationIsRefusedInWords(t *testing.T) {
	for _, one := range []struct {
		environment map[string]string
		words       string
	}{
		{map[string]string{}, "REDIS_SEEDS is empty"},
		{map[string]string{"REDIS_SEEDS": "a", "GATEWAY_PORT": "70000"}, `GATEWAY_PORT is no port: "70000"`},
		{map[string]string{"REDIS_SEEDS": "a", "PATIENCE": "soon"}, "PATIENCE is no duration"},
		{map[string]string{"REDIS_SEEDS": "a", "REDIS_PASSWORD_FILE": "/does/not/exist"}, "REDIS_PASSWORD_FILE"},
		{map[string]string{"REDIS_SEEDS": "a", "REDIS_PASSWORD_FILE": "/dev/null"}, "is empty"},
	} {
		_, err := configuration(func(name string) string { return one.environment[name] })
		if err == nil || !strings.Contains(err.Error(), one.words) {
			t.Errorf("%v: %v", one.environment, err)
		}
	}
}
