package sales

import (
	"context"
	"net/url"
	"slices"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// codesTyped are the codes of a form or an address, of which the last may have been left empty.
func codesTyped(values url.Values) []string {
	return slices.DeleteFunc(slices.Clone(values["code"]), func(code string) bool { return CodeText(code) == "" })
}

// codesBrought keeps the codes that are good, and says what is wrong with the last that is not.
// Each is looked up: an address may hold no more of them than the page makes of those in use and a new one.
func (s *Service) codesBrought(ctx context.Context, v visitor, typed []string) (good []Code, wrong string, err error) {
	for i, text := range typed {
		if len(good) == maxCodes || i > maxCodes {
			return good, v.t.Say("code.many", maxCodes), nil
		}
		found, err := s.validCodes(ctx, v.e, []string{text}, v.now)
		switch {
		case fault.Is(err, fault.Invalid):
			if wrong, err = s.codeFault(ctx, v, text); err != nil {
				return nil, "", err
			}
		case err != nil:
			return nil, "", err
		case len(found) > 0 && !slices.ContainsFunc(good, func(c Code) bool { return c.ID == found[0].ID }):
			good = append(good, found[0])
		}
	}
	return good, wrong, nil
}

// codeFault says in the visitor's language why a code is not taken.
func (s *Service) codeFault(ctx context.Context, v visitor, text string) (string, error) {
	code, err := s.codeOf(ctx, v.e, CodeText(text))
	switch {
	case fault.Is(err, fault.NotFound):
		return v.t.Say("code.unknown"), nil
	case err != nil:
		return "", err
	case code.ValidFrom != nil && v.now.Before(*code.ValidFrom):
		return v.t.Say("code.early"), nil
	case code.ValidUntil != nil && !v.now.Before(*code.ValidUntil):
		return v.t.Say("code.late"), nil
	}
	return v.t.Say("code.gone"), nil
}

// texts are the codes as they are typed.
func (v *visitor) texts() []string { return textsOf(v.codes) }

func textsOf(codes []Code) []string {
	out := make([]string, len(codes))
	for i := range codes {
		out[i] = codes[i].Code
	}
	return out
}

// usedUp is a code that is not good for as many tickets as would take it, and for how many it
// is; nil: there is none.
func (v *visitor) usedUp() (*Code, int) {
	p := pricing{e: v.e, now: v.now, codes: v.codes, useful: make([]bool, len(v.codes))}
	uses := make([]int, len(v.codes))
	for category, n := range v.chosen {
		if k := v.e.Category(category); k != nil {
			for _, code := range p.take(k) {
				uses[code] += n
			}
		}
	}
	for i := range v.codes {
		if left := max(v.codes[i].stock()-v.codes[i].Used-v.codes[i].Held, 0); uses[i] > left {
			return &v.codes[i], left
		}
	}
	return nil, 0
}

// overused is a code that is good for fewer tickets an order than were chosen; nil: there is none.
func (v *visitor) overused() *Code {
	for i := range v.codes {
		code, qty := &v.codes[i], 0
		for category, n := range v.chosen {
			if code.concerns(category) {
				qty += n
			}
		}
		if code.MaxPerOrder > 0 && qty > code.MaxPerOrder {
			return code
		}
	}
	return nil
}
