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

const (
	masterAa = "aa 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-5460 7000 [12->-bb] [13-<-bb]\n" +
		"bb 10.0.0.2:6379@16379,host master - 0 0 2 connected 5461-16383 [99->-aa]\n"
	masterBb = "bb 10.0.0.2:6379@16379,host myself,master - 0 0 2 connected 5461-16383\n"
	replica  = "cc 10.0.0.3:6379@16379 myself,slave aa 0 0 9 connected\naa 10.0.0.1:6379@16379 master - 0 0 1 connected 0-16383\n"
)

func TestMastersAreBelievedAboutTheirOwnSlotsAlone(t *testing.T) {
	claims := &Claims{owners: &Topology{}, moving: map[uint16]string{}}
	claims.add(masterAa)
	claims.add(replica)
	claims.add("")
	if !maps.Equal(claims.moving, map[uint16]string{12: "10.0.0.2:6379"}) {
		t.Errorf("moving: %v", claims.moving)
	}
	if missing := claims.owners.uncovered(); missing != slots-5461-1 {
		t.Errorf("%d slots are claimed by nobody", missing)
	}
	claims.add(masterBb)
	if claims.owners[5460] != "10.0.0.1:6379" || claims.owners[5461] != "10.0.0.2:6379" || claims.owners.uncovered() != 0 {
		t.Error("not every slot has its master")
	}
}

func TestOfTwoThatClaimASlotTheNewerEpochHasIt(t *testing.T) {
	for _, order := range [][]string{{masterAa, masterBb}, {masterBb, masterAa}} {
		claims := &Claims{owners: &Topology{}, moving: map[uint16]string{}}
		for _, said := range order {
			claims.add(said)
		}
		if claims.owners[7000] != "10.0.0.2:6379" {
			t.Errorf("slot 7000 is at %s", claims.owners[7000])
		}
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

func TestAStepOfAScanThatFailedMayBeAskedForAgain(t *testing.T) {
	scans := Scans{active: map[uint64]*Scan{}}
	scan := &Scan{}
	cursor := scans.keep(scan)
	if scans.take(cursor) != scan || scans.take(cursor) != nil {
		t.Fatal("a cursor is good for one step")
	}
	scans.back(cursor, scan)
	if scans.take(cursor) != scan {
		t.Error("the cursor of a step that failed is lost")
	}
}
