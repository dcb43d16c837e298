package pgserver

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const parentOf = "PGSERVER_TEST_PARENT"

// Nobody is left to stop the child of a process that is killed but the kernel.
func TestAChildEndsWithItsKilledParent(t *testing.T) {
	if os.Getenv(parentOf) != "" {
		child, err := StartChild(exec.Command("sleep", "600"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("pid", child.Pid())
		<-child.Done()
		return
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestAChildEndsWithItsKilledParent$")
	parent.Env = append(os.Environ(), parentOf+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "pid ")))
	if err != nil {
		t.Fatal(err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	for deadline := time.Now().Add(20 * time.Second); runs(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlived its parent", pid)
		}
	}
}

// runs reports whether pid is a process that has not ended (a zombie has).
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
