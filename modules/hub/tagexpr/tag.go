// Package tagexpr decides whom a notification reaches: the grammar of tags, and
// expressions over them such as `vip && (berlin || hamburg) && !crew`.
//
// An expression has two readings that always agree: Match evaluates it against
// one installation, SQL compiles it to a PostgreSQL condition over all of them.
package tagexpr

import (
	"fmt"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Limits of an installation's tags.
const (
	MaxTagLen = 120 // characters of one tag, the `$UserId:{}` around an id included
	MaxTags   = 60  // tags of one installation
)

// The tags that installations have without being given them: their own id and user,
// and the segments their user is in. They are written as here, compared without case,
// and kept in lower case.
const (
	installationPrefix = "$InstallationId:{"
	userPrefix         = "$UserId:{"
	segmentPrefix      = "$Segment:{"
)

var prefixes = []string{installationPrefix, userPrefix, segmentPrefix}

const tagRule = "a tag has 1 to 120 of the characters A-Z a-z 0-9 _ - @ # . :, " +
	"or is $InstallationId:{id}, $UserId:{id} or $Segment:{id}"

// ValidTag checks one tag against the grammar
//
//	tag = "$InstallationId:{" id "}" | "$UserId:{" id "}" | "$Segment:{" id "}" | 1*( letter | digit | one of _-@#.: )
//	id  = 1*( letter | digit | one of _-@#.:= )
//
// with ASCII letters in either case and at most MaxTagLen characters.
// Errors: fault.Invalid, field "tags".
func ValidTag(s string) error {
	n := scanTag(s)
	switch {
	case s == "":
		return badTag("a tag must not be empty")
	case len(s) > MaxTagLen:
		return badTag(fmt.Sprintf("a tag of %d characters is longer than %d", len(s), MaxTagLen))
	case n == len(s):
		return nil
	case s[0] == '$':
		return badTag(fmt.Sprintf("%q starts with $ but is neither $InstallationId:{id} nor $UserId:{id} nor $Segment:{id}", s))
	}
	return badTag(fmt.Sprintf("%q has a character a tag must not have at byte %d", s, n+1))
}

func badTag(problem string) error {
	return fault.BadField("tagexpr.ValidTag", "tags", problem, tagRule)
}

// Normal is the form in which tags are stored and compared: lower case.
func Normal(tag string) string { return strings.ToLower(tag) }

// scanTag is the length of the tag that s begins with, whatever its length; 0
// if it begins with none.
func scanTag(s string) int {
	if s == "" || s[0] != '$' {
		return scanWhile(s, isTagByte)
	}
	for _, prefix := range prefixes {
		if !hasPrefixFold(s, prefix) {
			continue
		}
		id := scanWhile(s[len(prefix):], isIDByte)
		if end := len(prefix) + id; id > 0 && end < len(s) && s[end] == '}' {
			return end + 1
		}
	}
	return 0
}

func scanWhile(s string, ok func(byte) bool) int {
	n := 0
	for n < len(s) && ok(s[n]) {
		n++
	}
	return n
}

func isTagByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '_' || c == '-' || c == '@' || c == '#' || c == '.' || c == ':'
}

func isIDByte(c byte) bool { return isTagByte(c) || c == '=' }

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// idIn is the id inside a tag such as `$UserId:{id}`.
func idIn(tag, prefix string) (id string, ok bool) {
	if !hasPrefixFold(tag, prefix) {
		return "", false
	}
	return tag[len(prefix) : len(tag)-1], true
}
