package window

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Value is what an event brings to an aggregate: distinct looks at Text, count at
// neither, the others at Number.
type Value struct {
	Number float64
	Text   string
}

// State is the partial result of an aggregate. States of one aggregate merge in
// any order to what all their values together give: exactly for count, min, max
// and distinct, up to rounding for sum, mean and variance, within its error for quantile.
type State interface {
	Add(v Value)
	Merge(other State) // of the same aggregate; other stays as it is
	Clone() State
	// Result is the aggregate; ok is false when it has none: the variance of one
	// value, or a number too large.
	Result() (value float64, ok bool)
	AppendBinary(to []byte) []byte
	decode(data []byte) error
}

// Function is what an aggregate computes.
type Function string

// The functions.
const (
	Count    Function = "count"
	Sum      Function = "sum"
	Min      Function = "min"
	Max      Function = "max"
	Mean     Function = "mean"
	Variance Function = "variance" // of a sample: divided by n − 1
	Distinct Function = "distinct" // standard error 1.6 % above 256 different values, exact up to there
	Quantile Function = "quantile" // rank error under 1 % above 512 values, exact up to there
)

// Functions are all functions, in the order people are offered them.
var Functions = []Function{Count, Sum, Min, Max, Mean, Variance, Distinct, Quantile}

// Aggregate is a function and its parameter.
type Aggregate struct {
	Function Function
	Q        float64 // of a quantile, 0 < Q < 1
}

// Check lists all that is wrong, under the names function and q.
func (a Aggregate) Check() (bad []fault.Field) {
	if !slices.Contains(Functions, a.Function) {
		names := make([]string, len(Functions))
		for i, f := range Functions {
			names[i] = string(f)
		}
		bad = append(bad, fault.Field{Name: "function", Problem: "is not an aggregate", Fix: "one of " + strings.Join(names, ", ")})
	}
	switch {
	case a.Function == Quantile && !(a.Q > 0 && a.Q < 1):
		bad = append(bad, fault.Field{Name: "q", Problem: fmt.Sprintf("is %g", a.Q), Fix: "between 0 and 1, such as 0.5 for the median"})
	case a.Function != Quantile && a.Q != 0:
		bad = append(bad, fault.Field{Name: "q", Problem: "means nothing for " + string(a.Function), Fix: "leave it out"})
	}
	return bad
}

// Numeric reports whether only numbers can be aggregated.
func (a Aggregate) Numeric() bool { return a.Function != Count && a.Function != Distinct }

// New makes an empty state. The aggregate must be free of faults (Check).
func (a Aggregate) New() State {
	switch a.Function {
	case Count:
		return new(count)
	case Sum:
		return new(sum)
	case Min:
		return &extreme{sign: -1}
	case Max:
		return &extreme{sign: 1}
	case Mean:
		return &moments{}
	case Variance:
		return &moments{second: true}
	case Distinct:
		return new(distinct)
	}
	return &quantile{q: a.Q}
}

// errState is why a state could not be read.
var errState = errors.New("window: not a state of this aggregate")

// Decode reads what AppendBinary wrote of a state of the same aggregate. Any other
// bytes give an error, never a panic or more memory than they are long.
func (a Aggregate) Decode(data []byte) (State, error) {
	s := a.New()
	if err := s.decode(data); err != nil {
		return nil, err
	}
	return s, nil
}
