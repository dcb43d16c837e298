package pgserver

import (
	"os"
	"os/exec"
	"runtime"
)

// Child is a process that ends when this one does, even when this one is killed
// (on Linux; elsewhere it lives on, and the next start takes over).
type Child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; read after done
}

// StartChild starts cmd in a process group of its own, so that a Ctrl-C at the
// terminal reaches us alone and we end it in order.
func StartChild(cmd *exec.Cmd) (*Child, error) { return startChild(cmd, account{}) }

func startChild(cmd *exec.Cmd, a account) (*Child, error) {
	cmd.SysProcAttr = childAttr(a)
	c := &Child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel sends the death signal when the *thread* that forked ends, so
		// it must live as long as the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
		}
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// Pid is the process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Signal sends sig; a child that has ended already is no error.
func (c *Child) Signal(sig os.Signal) { _ = c.cmd.Process.Signal(sig) }

// Done is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Wait returns how the child ended, once it has.
func (c *Child) Wait() error { <-c.done; return c.err }
