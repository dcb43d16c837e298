package tagexpr_test

import (
	"fmt"
	"slices"
	"strings"
)

// alphabet is small, so that random audiences overlap. Case differs on purpose.
var alphabet = []string{
	"vip", "Berlin", "role:crew", "a.b-c_d", "#1", "x@y", "EN",
	"$InstallationId:{Phone-1}", "$installationid:{phone-2}", "$UserId:{Ana=1}", "$USERID:{bo}", "$Segment:{1}", "$segment:{2}",
}

// members are the users of segments.
var members = map[string][]string{"ana=1": {"1"}, "bo": {"1", "2"}, "nobody": {"2"}}

// device is one installation as the evaluator and the database see it.
type device struct {
	id   string
	user string // "" is none
	tags []string
}

func (d device) has(tag string) bool {
	switch tag {
	case "$installationid:{" + d.id + "}":
		return true
	case "$userid:{" + d.user + "}":
		return d.user != ""
	}
	if segment, ok := strings.CutPrefix(tag, "$segment:{"); ok {
		return slices.Contains(members[d.user], strings.TrimSuffix(segment, "}"))
	}
	return slices.Contains(d.tags, tag)
}

// draw gives a random integer in [0, n).
type draw func(n int) int

func (pick draw) device() device {
	d := device{id: fmt.Sprintf("phone-%d", pick(4)), tags: []string{}, user: []string{"", "ana=1", "bo", "cleo"}[pick(4)]}
	for _, t := range alphabet {
		if t[0] != '$' && pick(3) == 0 {
			d.tags = append(d.tags, strings.ToLower(t))
		}
	}
	return d
}

// sample is a random expression written out, with its meaning computed by this
// test from the shape it was drawn with, not by the parser.
type sample struct {
	text  string
	tight int // 3 tag or group, 2 !, 1 &&, 0 ||
	means func(device) bool
}

func (pick draw) expression(depth int) sample {
	if depth == 0 || pick(4) == 0 {
		tag := alphabet[pick(len(alphabet))]
		low := strings.ToLower(tag)
		return sample{tag, 3, func(d device) bool { return d.has(low) }}
	}
	switch pick(3) {
	case 0:
		x := pick.expression(depth - 1)
		return sample{"!" + pick.blank() + pick.operand(x, 2), 2, func(d device) bool { return !x.means(d) }}
	case 1:
		return pick.chain(depth, 1, "&&", func(a, b bool) bool { return a && b })
	}
	return pick.chain(depth, 0, "||", func(a, b bool) bool { return a || b })
}

func (pick draw) chain(depth, tight int, op string, combine func(a, b bool) bool) sample {
	s := pick.expression(depth - 1)
	s.text = pick.operand(s, tight)
	for range 1 + pick(2) {
		left, right := s.means, pick.expression(depth-1)
		s.text += pick.blank() + op + pick.blank() + pick.operand(right, tight)
		s.means = func(d device) bool { return combine(left(d), right.means(d)) }
	}
	s.tight = tight
	return s
}

// operand puts x in parentheses where it must be, and now and then where it need not.
func (pick draw) operand(x sample, tight int) string {
	if x.tight < tight || pick(6) == 0 {
		return "(" + pick.blank() + x.text + pick.blank() + ")"
	}
	return x.text
}

func (pick draw) blank() string { return []string{"", " ", "\t", "\n "}[pick(4)] }
