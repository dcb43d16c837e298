package web

import (
	"regexp"
	"strings"
)

// Templates are written in English. For another language their source is translated
// before it is parsed, message by message: what stands between two tags that break a
// line, or between two actions that decide something. In a message, tags are written
// without attributes, <code> without its content, and values as they are:
// "{{.Done}} of {{.Total}}, <a>look at them</a>".

// Messages are the texts of a template's source, in order.
func Messages(source string) (found []string) {
	translate(source, func(m string) string { found = append(found, m); return m })
	return found
}

// translate puts what of says into the place of each message.
func translate(source string, of func(message string) string) string {
	var out, run strings.Builder
	flush := func() { out.WriteString(translateRun(run.String(), of)); run.Reset() }
	for len(source) > 0 {
		p := nextPiece(source)
		source = source[len(p.text):]
		switch {
		case p.kind == tagPiece && p.raw(): // what is in it is not for people
			flush()
			end := strings.Index(source, "</"+p.name()) + 1
			out.WriteString(translateAttributes(p.text, of) + source[:max(end-1, 0)])
			source = source[max(end-1, 0):]
		case p.kind == tagPiece && !inline[p.name()]:
			flush()
			out.WriteString(translateAttributes(p.text, of))
		case p.kind == tagPiece:
			run.WriteString(translateAttributes(p.text, of))
		case p.kind == actionPiece && p.decides():
			flush()
			out.WriteString(p.text)
		default:
			run.WriteString(p.text)
		}
	}
	flush()
	return out.String()
}

const (
	textPiece = iota
	tagPiece
	actionPiece
)

type piece struct {
	kind int
	text string
}

// nextPiece cuts one text, tag or action off the front.
func nextPiece(s string) piece {
	switch {
	case strings.HasPrefix(s, "{{"):
		return piece{actionPiece, s[:actionEnd(s)]}
	case s[0] == '<' && len(s) > 1 && (s[1] == '/' || s[1] == '!' || 'a' <= s[1] && s[1] <= 'z'):
		return piece{tagPiece, s[:tagEnd(s)]}
	}
	i := 1
	for i < len(s) && s[i] != '<' && !strings.HasPrefix(s[i:], "{{") {
		i++
	}
	return piece{textPiece, s[:i]}
}

// actionEnd is where the action that s begins with ends; strings in it may hold "}}".
func actionEnd(s string) int {
	if strings.HasPrefix(s, "{{/*") || strings.HasPrefix(s, "{{- /*") {
		if end := strings.Index(s, "*/"); end >= 0 {
			return min(end+2+max(strings.Index(s[end+2:], "}}"), 0)+2, len(s))
		}
	}
	for i := 2; i < len(s); i++ {
		switch {
		case s[i] == '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case strings.HasPrefix(s[i:], "}}"):
			return i + 2
		}
	}
	return len(s)
}

// tagEnd is where the tag that s begins with ends, attributes with actions in them included.
func tagEnd(s string) int {
	quoted := false
	for i := 1; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "{{"):
			i += actionEnd(s[i:]) - 1
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '>' && !quoted:
			return i + 1
		}
	}
	return len(s)
}

// inline elements stand within a sentence.
var inline = map[string]bool{"a": true, "abbr": true, "b": true, "bdi": true, "code": true, "em": true, "i": true, "kbd": true, "span": true, "strong": true, "small": true, "time": true}

var nameOfTag = regexp.MustCompile(`^</?([a-z0-9]+)`)

func (p piece) name() string {
	if m := nameOfTag.FindStringSubmatch(p.text); m != nil {
		return m[1]
	}
	return ""
}

func (p piece) raw() bool {
	return !strings.HasPrefix(p.text, "</") && (p.name() == "script" || p.name() == "style" || p.name() == "pre")
}

// control begins an action that shows nothing itself.
var control = regexp.MustCompile(`^\{\{-?\s*(/\*|(if|else|end|range|with|define|block|template|break|continue)\b|\$\w+\s*:?=)`)

func (p piece) decides() bool { return control.MatchString(p.text) }

// spoken attributes are read to people, or shown to them.
var spoken = regexp.MustCompile(`\s(?:aria-label|aria-description|title|placeholder|alt|data-label|data-say-\w+)="`)

// translateAttributes translates what people read of a tag.
func translateAttributes(tag string, of func(string) string) string {
	var out strings.Builder
	for {
		at := spoken.FindStringIndex(tag)
		if at == nil {
			break
		}
		out.WriteString(tag[:at[1]])
		tag = tag[at[1]:]
		end := 0
		for end < len(tag) && tag[end] != '"' {
			if strings.HasPrefix(tag[end:], "{{") {
				end += actionEnd(tag[end:])
				continue
			}
			end++
		}
		out.WriteString(translate(tag[:end], of))
		tag = tag[end:]
	}
	return out.String() + tag
}
