package window

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Bounds of a window.
const (
	MinStep = time.Second         // of Size, Hop and Gap
	MaxSpan = 7 * 24 * time.Hour  // of a hopping or sliding window, and of a session's gap
	MaxSize = 31 * 24 * time.Hour // of a tumbling window
	MaxHops = 2016                // of Size ÷ Hop: seven days in steps of five minutes
)

// Check lists all that is wrong with the window, under the names kind, size, hop
// and gap; nothing when it can be used.
func (w Window) Check() []fault.Field {
	switch w.Kind {
	case Tumbling:
		return slices.Concat(within("size", w.Size, MaxSize), unused("hop", w.Hop, w.Kind), unused("gap", w.Gap, w.Kind))
	case Hopping, Sliding:
		return slices.Concat(within("size", w.Size, MaxSpan), w.checkHop(), unused("gap", w.Gap, w.Kind))
	case Session:
		return slices.Concat(within("gap", w.Gap, MaxSpan), unused("size", w.Size, w.Kind), unused("hop", w.Hop, w.Kind))
	case Snapshot:
		return slices.Concat(unused("size", w.Size, w.Kind), unused("hop", w.Hop, w.Kind), unused("gap", w.Gap, w.Kind))
	}
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = string(k)
	}
	return []fault.Field{{Name: "kind", Problem: "is not a kind of window", Fix: "one of " + strings.Join(names, ", ")}}
}

func (w Window) checkHop() []fault.Field {
	if bad := within("hop", w.Hop, MaxSpan); bad != nil {
		return bad
	}
	switch {
	case w.Size%w.Hop != 0:
		return []fault.Field{{Name: "size", Problem: fmt.Sprintf("is no multiple of the hop %s", w.Hop), Fix: "such as size 10m and hop 1m"}}
	case w.Size/w.Hop > MaxHops:
		return []fault.Field{{Name: "hop", Problem: fmt.Sprintf("goes %d times into the size", w.Size/w.Hop),
			Fix: fmt.Sprintf("at most %d times: at least %s", MaxHops, (w.Size / MaxHops).Round(time.Second))}}
	}
	return nil
}

func within(name string, d, most time.Duration) []fault.Field {
	if d >= MinStep && d <= most && d%time.Microsecond == 0 {
		return nil
	}
	problem := "is " + d.String()
	if d == 0 {
		problem = "is missing"
	}
	return []fault.Field{{Name: name, Problem: problem, Fix: fmt.Sprintf("from %s to %s, such as 5m", MinStep, most)}}
}

func unused(name string, d time.Duration, k Kind) []fault.Field {
	if d == 0 {
		return nil
	}
	return []fault.Field{{Name: name, Problem: "means nothing for a " + string(k) + " window", Fix: "leave it out"}}
}
