package web

import (
	"regexp"
	"strings"
)

// A run is what stands between two breaks. It becomes a message by shortening its
// tags, and the said message becomes a run again by lengthening them.

var (
	letters = regexp.MustCompile(`\pL`)
	spaces  = regexp.MustCompile(`\s+`)
	short   = regexp.MustCompile(`</?[a-z]+/?>`)
)

func translateRun(run string, of func(string) string) string {
	lead, parts, trail := strip(cut(run))
	message, full := shorten(parts)
	if !speaks(parts) {
		return run
	}
	said := of(message)
	if said == message {
		return run
	}
	said = short.ReplaceAllStringFunc(said, func(tag string) string {
		if of := full[tag]; len(of) > 0 {
			if full[tag] = of[1:]; len(of) == 1 {
				full[tag] = of // a language may need it once more
			}
			return of[0]
		}
		return tag
	})
	return lead + said + trail
}

// cut takes a run apart; a code element is one piece.
func cut(run string) (parts []piece) {
	for len(run) > 0 {
		p := nextPiece(run)
		if p.kind == tagPiece && p.name() == "code" && !strings.HasPrefix(p.text, "</") {
			if end := strings.Index(run, "</code>"); end >= 0 {
				p.text = run[:end+len("</code>")]
			}
		}
		run = run[len(p.text):]
		parts = append(parts, p)
	}
	return parts
}

// strip takes space, and tags around everything, off both ends.
func strip(parts []piece) (lead string, inner []piece, trail string) { //nolint:gocognit // one scan
	for changed := true; changed; {
		changed = false
		if n := len(parts); n > 0 && parts[0].kind == textPiece {
			if t := strings.TrimLeft(parts[0].text, " \t\n"); t != parts[0].text {
				lead += parts[0].text[:len(parts[0].text)-len(t)]
				parts[0].text, changed = t, true
			}
			if parts[0].text == "" {
				parts, changed = parts[1:], true
			}
		}
		if n := len(parts); n > 0 && parts[n-1].kind == textPiece {
			if t := strings.TrimRight(parts[n-1].text, " \t\n"); t != parts[n-1].text {
				trail = parts[n-1].text[len(t):] + trail
				parts[n-1].text, changed = t, true
			}
			if parts[n-1].text == "" {
				parts, changed = parts[:n-1], true
			}
		}
		if n := len(parts); n > 1 && wraps(parts) {
			lead, trail = lead+parts[0].text, parts[n-1].text+trail
			parts, changed = parts[1:n-1], true
		}
		if n := len(parts); n > 0 && stray(parts[0], parts[1:], "</") { // opened here, closed beyond a break
			lead, parts, changed = lead+parts[0].text, parts[1:], true
		}
		if n := len(parts); n > 0 && strings.HasPrefix(parts[n-1].text, "</") && stray(parts[n-1], parts[:n-1], "<") {
			trail, parts, changed = parts[n-1].text+trail, parts[:n-1], true
		}
	}
	return lead, parts, trail
}

// wraps reports whether the first tag is closed by the last.
func wraps(parts []piece) bool {
	first, last := parts[0], parts[len(parts)-1]
	if first.kind != tagPiece || last.kind != tagPiece || first.name() != last.name() || strings.HasPrefix(first.text, "</") || !strings.HasPrefix(last.text, "</") {
		return false
	}
	depth := 0
	for _, p := range parts[:len(parts)-1] {
		if p.kind == tagPiece && p.name() == first.name() && !whole(p) {
			if strings.HasPrefix(p.text, "</") {
				depth--
			} else {
				depth++
			}
			if depth == 0 {
				return false
			}
		}
	}
	return true
}

func whole(p piece) bool {
	return strings.HasSuffix(p.text, "</code>") && !strings.HasPrefix(p.text, "</")
}

// stray reports whether a tag at the edge has no partner among the others.
func stray(p piece, others []piece, partner string) bool {
	if p.kind != tagPiece || whole(p) {
		return false
	}
	if opening := !strings.HasPrefix(p.text, "</"); opening == (partner == "<") {
		return false
	}
	for _, o := range others {
		if o.kind == tagPiece && o.name() == p.name() && strings.HasPrefix(o.text, partner) && (partner == "</" || !strings.HasPrefix(o.text, "</")) {
			return false
		}
	}
	return true
}

// speaks reports whether people read a word in it.
func speaks(parts []piece) bool {
	for _, p := range parts {
		if p.kind == textPiece && letters.MatchString(entities.ReplaceAllString(p.text, "")) {
			return true
		}
	}
	return false
}

var entities = regexp.MustCompile(`&#?\w+;`)

// shorten is the message of a run, and its tags by their short form, in order.
func shorten(parts []piece) (message string, full map[string][]string) {
	full = map[string][]string{}
	var out strings.Builder
	for _, p := range parts {
		if p.kind != tagPiece {
			out.WriteString(p.text)
			continue
		}
		tag := "<" + p.name() + ">"
		switch {
		case whole(p):
			tag = "<code/>"
		case strings.HasPrefix(p.text, "</"):
			tag = "</" + p.name() + ">"
		}
		full[tag] = append(full[tag], p.text)
		out.WriteString(tag)
	}
	return spaces.ReplaceAllString(out.String(), " "), full
}
