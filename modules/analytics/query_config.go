package analytics

import (
	"errors"
	"fmt"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Windows bounds what standing queries may keep.
type Windows struct {
	MaxKeys    int `koanf:"max_keys"`    // keys of a query that states no number of its own
	OutputDays int `koanf:"output_days"` // final outputs are kept so long
}

// maxQueries bounds the standing queries of one house: every fact may pass each.
const maxQueries = 100

// checkQueries lists every fault of the sections windows and queries.
func (c Config) checkQueries() (bad []fault.Field) {
	within := func(name string, n, hi int) {
		if n < 1 || n > hi {
			bad = append(bad, fault.Field{Name: "analytics.windows." + name, Problem: fmt.Sprintf("is %d", n), Fix: fmt.Sprintf("between 1 and %d", hi)})
		}
	}
	within("max_keys", c.Windows.MaxKeys, maxKeysLimit)
	within("output_days", c.Windows.OutputDays, 3650)
	if len(c.Queries) > maxQueries {
		bad = append(bad, fault.Field{Name: "analytics.queries", Problem: fmt.Sprintf("has %d entries", len(c.Queries)), Fix: fmt.Sprintf("at most %d", maxQueries)})
	}
	seen := map[string]bool{}
	for i, d := range c.Queries {
		at := fmt.Sprintf("analytics.queries[%d].", i)
		if seen[d.Name] {
			bad = append(bad, fault.Field{Name: at + "name", Problem: d.Name + " is there already", Fix: "give each query its own name"})
		}
		seen[d.Name] = true
		_, err := c.Windows.plan(d)
		if f, ok := errors.AsType[*fault.Error](err); ok {
			for _, field := range f.Fields {
				field.Name = at + field.Name
				bad = append(bad, field)
			}
		}
	}
	return bad
}
