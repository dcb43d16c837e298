// Package sheet makes texts harmless for spreadsheets.
package sheet

import "strings"

const (
	starts  = "=+-@"    // a cell that begins so is run as a formula
	ends    = ";\t\n\r" // of cells, for one reader or another; commas are quoted in CSV
	blanks  = "\t\n\r"  // that a text must not begin with either
	padding = `" `      // what a reader may take off a cell first
)

// Guard keeps spreadsheets from taking a text in a CSV file for a formula: an apostrophe
// is put before one. Where people write decimal commas a spreadsheet ends a cell at a
// semicolon, whatever was quoted for commas, so that one may begin after it as well, and
// after a tab or a line break. An apostrophe that stands there already gets another, so
// that Unguard gives back what was written. Source: OWASP, CSV injection.
func Guard(text string) string {
	return eachCell(text, func(rest string, first bool) (string, string) {
		if guarded(rest, first) {
			return "'", rest
		}
		return "", rest
	})
}

// Unguard takes off what Guard has put before.
func Unguard(text string) string {
	return eachCell(text, func(rest string, first bool) (string, string) {
		if strings.HasPrefix(rest, "'") && guarded(rest[1:], first) {
			return "", rest[1:]
		}
		return "", rest
	})
}

// guarded reports whether what a cell begins with wants an apostrophe before it. first:
// it is the text's own beginning.
func guarded(rest string, first bool) bool {
	begins := func(with string) bool { return rest != "" && strings.IndexByte(with, rest[0]) >= 0 }
	if begins("'") || first && begins(blanks) {
		return true
	}
	if !first {
		rest = strings.TrimLeft(rest, padding)
	}
	return begins(starts)
}

// eachCell copies a text; change is asked, wherever some reader may begin a cell, what
// to write there and with what to go on.
func eachCell(text string, change func(rest string, first bool) (string, string)) string {
	if !strings.ContainsAny(text, starts+blanks+"'") {
		return text
	}
	var b strings.Builder
	for first := true; ; first = false {
		before, rest := change(text, first)
		end := strings.IndexAny(rest, ends) + 1
		if end == 0 {
			return b.String() + before + rest
		}
		b.WriteString(before)
		b.WriteString(rest[:end])
		text = rest[end:]
	}
}
