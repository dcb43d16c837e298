package policy

import (
	"math"
	"time"
)

// Limits are the promoter's guard-rails for one category. They are the same for
// every buyer: no part of a decision knows who asks.
type Limits struct {
	List       int64         // the list price, > 0; prices in minor units
	Floor      int64         // no price below
	Ceiling    int64         // or above
	Rounding   int64         // prices are multiples of it, ≥ 1
	Daily      float64       // most that the price moves within 24 hours, such as .1
	MinGain    float64       // a change must be expected to bring so much more, such as .005
	Every      time.Duration // between two changes, unless something triggered the decision
	Most       int           // changes of a sale, but for triggered ones; 0: any number
	Quiet      time.Duration // before doors, when prices stay
	Mode       Mode
	Stopped    bool // the kill switch
	Concession bool // a reduced price for children, pensioners …: it never moves
}

// Mode says what becomes of a decision.
type Mode string

// The modes.
const (
	Off     Mode = "off"     // none is made
	Approve Mode = "approve" // a person must agree
	Auto    Mode = "auto"    // it takes effect
)

// Moment is what a decision meets.
type Moment struct {
	Now     time.Time
	Doors   time.Time
	Price   int64   // in force
	Past    []Price // prices that were in force, the oldest first, the last is Price; 30 days of them
	Changed int     // times it has changed since the sale began
	Trigger bool    // something happened that asks for a decision now
	Agreed  bool    // a person approved it
}

// Price was in force from At until the next one.
type Price struct {
	At    time.Time
	Minor int64
}

const day = 24 * time.Hour

// Rule names a guard-rail that held a price back.
type Rule string

// The rules, in the order in which they are checked.
const (
	RuleOff        Rule = "off"
	RuleStopped    Rule = "stopped"
	RuleConcession Rule = "concession"
	RuleQuiet      Rule = "quiet"
	RuleSoon       Rule = "soon"
	RuleOften      Rule = "often"
	RuleSame       Rule = "same"
	RuleFloor      Rule = "floor"
	RuleCeiling    Rule = "ceiling"
	RuleRounding   Rule = "rounding"
	RuleDaily      Rule = "daily"
	RuleGain       Rule = "gain"
	RuleApproval   Rule = "approval"
)

// Verdict is what the guard-rails say of a price.
type Verdict struct {
	Allowed bool
	Broke   Rule // "" when it is allowed; RuleApproval: only a person's agreement is missing
}

// Guard is the one door through which every price change passes, whoever wants it:
// the learner, the what-if page, a person who approves. gain is what the change is
// expected to bring, as in Choice. It relies on nothing that chose the price.
func Guard(l Limits, m Moment, price int64, gain float64) Verdict {
	low, high := m.span(day)
	switch {
	case l.Mode != Approve && l.Mode != Auto:
		return Verdict{Broke: RuleOff}
	case l.Stopped:
		return Verdict{Broke: RuleStopped}
	case l.Concession:
		return Verdict{Broke: RuleConcession}
	case !m.Now.Before(m.Doors.Add(-l.Quiet)):
		return Verdict{Broke: RuleQuiet}
	case !m.Trigger && m.Now.Sub(m.last()) < l.Every:
		return Verdict{Broke: RuleSoon}
	case !m.Trigger && l.Most > 0 && m.Changed >= l.Most:
		return Verdict{Broke: RuleOften}
	case price == m.Price:
		return Verdict{Broke: RuleSame}
	case price <= 0 || price < l.Floor:
		return Verdict{Broke: RuleFloor}
	case price > l.Ceiling:
		return Verdict{Broke: RuleCeiling}
	case l.Rounding < 1 || price%l.Rounding != 0:
		return Verdict{Broke: RuleRounding}
	case price > raised(low, l.Daily) || price < lowered(high, l.Daily):
		return Verdict{Broke: RuleDaily}
	case !(gain >= l.least(m)): // NaN is no gain
		return Verdict{Broke: RuleGain}
	case l.Mode == Approve && !m.Agreed:
		return Verdict{Broke: RuleApproval}
	}
	return Verdict{Allowed: true}
}

// dearer is how much more the last change that is left must bring than the first.
const dearer = 6

// least is what a change must bring now: more and more, the fewer changes are left, so
// that those are kept for what matters. A trigger is reason enough for the usual.
func (l Limits) least(m Moment) float64 {
	if l.Most <= 0 || m.Trigger {
		return l.MinGain
	}
	used := float64(m.Changed) / float64(l.Most)
	return l.MinGain * (1 + dearer*used*used)
}

// Range is the lowest and highest price that the limits leave open now; ok is false
// when there is none.
func (l Limits) Range(m Moment) (low, high int64, ok bool) {
	if l.Rounding < 1 {
		return 0, 0, false
	}
	least, most := m.span(day)
	low = max(l.Floor, lowered(most, l.Daily), 1)
	high = min(l.Ceiling, raised(least, l.Daily))
	low = (low + l.Rounding - 1) / l.Rounding * l.Rounding
	high = high / l.Rounding * l.Rounding
	return low, high, low <= high
}

// raised and lowered move a price by a share, and never by a minor unit more. The
// small term undoes the error of the binary fraction: 10 % of 2,000 is 200.
func raised(price int64, share float64) int64 {
	return price + int64(math.Floor(float64(price)*share+1e-9))
}

func lowered(price int64, share float64) int64 {
	return price - int64(math.Floor(float64(price)*share+1e-9))
}

// span is the lowest and highest price in force at any moment of the last d.
func (m Moment) span(d time.Duration) (low, high int64) {
	low, high = m.Price, m.Price
	from := m.Now.Add(-d)
	for i, p := range m.Past {
		if i+1 < len(m.Past) && !m.Past[i+1].At.After(from) {
			continue // another one had followed by then
		}
		low, high = min(low, p.Minor), max(high, p.Minor)
	}
	return low, high
}

// last is when the price last changed.
func (m Moment) last() (at time.Time) {
	for _, p := range m.Past {
		if p.At.After(at) {
			at = p.At
		}
	}
	return at
}

// Lowest30 is the lowest price in force within 30 days, the one a buyer must be told
// with an announced reduction. Source: directive 98/6/EC, article 6a.
func Lowest30(m Moment) int64 {
	low, _ := m.span(30 * day)
	return low
}
