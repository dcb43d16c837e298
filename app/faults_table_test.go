package app

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// faultRow is what a fault did. `make faults` collects the rows of all fault tests into a table.
type faultRow struct {
	fault                         string
	injected, acknowledged        int
	lost, doubled, doubledAllowed int
	recovery                      time.Duration // from the end of the fault until work was acknowledged again
}

// faultsFile names, in the environment, the file that the rows are added to.
const faultsFile = "FAULT_TABLE"

func (r faultRow) report(t *testing.T) {
	t.Helper()
	line := fmt.Sprintf("| %s | %d | %d | %d | %d (≤ %d) | %.1f s |", r.fault, r.injected, r.acknowledged, r.lost, r.doubled, r.doubledAllowed, r.recovery.Seconds())
	t.Log(line)
	name := os.Getenv(faultsFile)
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, line); err != nil {
		t.Fatal(err)
	}
}
