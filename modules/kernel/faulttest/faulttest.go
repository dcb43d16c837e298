// Package faulttest is for tests alone: what a fault did, as a row of the table that
// `make faults` writes.
package faulttest

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// Row is what a fault did, as it was counted.
type Row struct {
	Fault        string
	Injected     int           // times
	Acknowledged int           // operations that were answered, and so must be there
	Lost         int           // of them
	Doubled      int           // done more than once
	Most         int           // of them that are allowed: what was in flight
	Recovery     time.Duration // from the end of the fault until work was acknowledged again; the longest
}

// tableFile names, in the environment, the file that rows are added to.
const tableFile = "FAULT_TABLE"

// Report logs the row, adds it to the table, and fails the test when something was lost, or
// done twice more often than allowed.
func (r Row) Report(t *testing.T) {
	t.Helper()
	if r.Lost != 0 || r.Doubled < 0 || r.Doubled > r.Most {
		t.Errorf("%s: %d lost, %d doubled (≤ %d)", r.Fault, r.Lost, r.Doubled, r.Most)
	}
	verdict := "held"
	if t.Failed() {
		verdict = "**FAILED**"
	}
	line := fmt.Sprintf("| %s | %d | %d | %d | %d (≤ %d) | %.1f s | %s |", r.Fault, r.Injected, r.Acknowledged, r.Lost, r.Doubled, r.Most, r.Recovery.Seconds(), verdict)
	t.Log(line)
	name := os.Getenv(tableFile)
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // G703: whoever runs the test names the file
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, line); err != nil {
		t.Fatal(err)
	}
}
