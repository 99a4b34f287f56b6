package main

// glob tells whether a key matches a pattern as Redis' SCAN MATCH would (stringmatchlen in util.c): *, ?, [abc], [a-z],
// [^a] and \\ before a character that stands for itself.
func glob(pattern, key string) bool {
	for pattern != "" {
		switch pattern[0] {
		case '*':
			for pattern != "" && pattern[0] == '*' {
				pattern = pattern[1:]
			}
			for start := 0; start <= len(key); start++ {
				if glob(pattern, key[start:]) {
					return true
				}
			}
			return false
		case '?':
			if key == "" {
				return false
			}
			pattern = pattern[1:]
		case '[':
			if key == "" {
				return false
			}
			var matched bool
			if matched, pattern = class(pattern[1:], key[0]); !matched {
				return false
			}
		default:
			if pattern[0] == '\\' && len(pattern) > 1 {
				pattern = pattern[1:]
			}
			if key == "" || pattern[0] != key[0] {
				return false
			}
			pattern = pattern[1:]
		}
		key = key[1:]
	}
	return key == ""
}

// class matches one character against what follows "[", and answers the pattern after "]"; a class that is not closed
// ends with the pattern.
func class(pattern string, character byte) (matched bool, rest string) {
	not := pattern != "" && pattern[0] == '^'
	if not {
		pattern = pattern[1:]
	}
	for pattern != "" && pattern[0] != ']' {
		switch {
		case pattern[0] == '\\' && len(pattern) > 1:
			matched = matched || pattern[1] == character
			pattern = pattern[2:]
		case len(pattern) > 2 && pattern[1] == '-':
			low, high := min(pattern[0], pattern[2]), max(pattern[0], pattern[2])
			matched = matched || (low <= character && character <= high)
			pattern = pattern[3:]
		default:
			matched = matched || pattern[0] == character
			pattern = pattern[1:]
		}
	}
	if pattern != "" {
		pattern = pattern[1:]
	}
	return matched != not, pattern
}
