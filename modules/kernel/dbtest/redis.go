package dbtest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/pgserver"
)

// Redis starts a private redis-server that keeps nothing and ends with the test.
// It returns the path of its Unix socket (network "unix").
func Redis(t testing.TB) string {
	t.Helper()
	socket, stop, err := startRedis(t.Context())
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	t.Cleanup(stop)
	return socket
}

func startRedis(ctx context.Context) (socket string, stop func(), err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return "", nil, fmt.Errorf("redis-server is not installed (apt-get install redis-server, or brew install redis): %w", err)
	}
	mine, err := scratch()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp(mine.dir, "redis-")
	if err != nil {
		return "", nil, err
	}
	socket = filepath.Join(dir, "socket")
	cmd := exec.Command(program, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700",
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", dir, "--logfile", filepath.Join(dir, "log"))
	child, err := pgserver.StartChild(cmd)
	if err != nil {
		return "", nil, err
	}
	stop = func() {
		child.Signal(syscall.SIGKILL) // it has nothing to save
		<-child.Done()
		_ = os.RemoveAll(dir)
	}
	if err := awaitRedis(ctx, child, socket); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		stop()
		return "", nil, fmt.Errorf("redis-server did not start: %w\n%s", err, log)
	}
	return socket, stop, nil
}

// awaitRedis waits until the server answers PING.
func awaitRedis(ctx context.Context, child *pgserver.Child, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-child.Done():
			return fmt.Errorf("it ended: %w", child.Wait())
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if ping(socket) {
				return nil
			}
		}
	}
}

func ping(socket string) bool {
	c, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	return err == nil && answer == "+PONG\r\n"
}
