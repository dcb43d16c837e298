//go:build faults

package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/kernel/faulttest"
	"github.com/usherhq/usher/modules/sales"
)

// What surrounds usher goes wrong in the middle of a sale: the database stops, is slow, or
// its disk is full. Nothing that was acknowledged is missing, doubled or changed, and the
// sale goes on by itself when the fault is over.
func TestFaultsAroundASale(t *testing.T) {
	var swift atomic.Bool
	for _, fault := range []struct {
		name   string
		disk   bool // the data lies on a small disk
		strike func(h *house)
		over   func(h *house)
		for_   time.Duration
	}{
		{"PostgreSQL stands still", false, func(h *house) { h.signalPostgres(syscall.SIGSTOP) }, func(h *house) { h.signalPostgres(syscall.SIGCONT) }, 8 * time.Second},
		{"PostgreSQL is slow (stopped 80 ms of 100)", false, func(h *house) { h.slowPostgres(&swift) }, func(*house) { swift.Store(true) }, 8 * time.Second},
		{"the disk is full", true, func(h *house) { h.fillDisk() }, func(h *house) { h.must(os.Remove(h.ballast())) }, 5 * time.Second},
		{"usher stands still", false, func(h *house) { h.child.Signal(syscall.SIGSTOP) }, func(h *house) { h.child.Signal(syscall.SIGCONT) }, 8 * time.Second},
	} {
		t.Run(fault.name, func(t *testing.T) {
			settings := []string{"limits.shop.per_second=100000", "limits.shop.burst=100000"}
			if fault.disk {
				settings = append(settings, "data_dir="+smallDisk(t))
			}
			h := newHouse(t, settings...)
			if fault.disk {
				h.dir = strings.TrimPrefix(settings[len(settings)-1], "data_dir=")
			}
			s := &onSale{t: t, database: h.builtIn(), orders: map[string]sales.Order{}, quotes: map[string]string{}, told: make(chan struct{}, 1<<16)}
			s.event = h.onSaleEvent(100_000)
			s.door.Store(&entrance{h.url, h.key})
			for c := range onSaleClients {
				s.all.Go(func() { s.buy(c) })
			}
			s.until(100)
			fault.strike(h)
			time.Sleep(fault.for_) // the fault's own length
			fault.over(h)
			over := time.Now()
			for len(s.told) > 0 {
				<-s.told
			}
			s.until(1)
			recovery := time.Since(over)
			s.until(100)
			s.ended.Store(true)
			s.all.Wait()
			line, row := s.judge(h, fault.name)
			t.Log(line)
			row.Fault, row.Injected, row.Recovery = fault.name+", during a sale", 1, recovery
			row.Report(t)
		})
	}
}

// signalPostgres signals every process of the built-in PostgreSQL.
func (h *house) signalPostgres(what syscall.Signal) {
	h.t.Helper()
	for _, pid := range append(childrenOf(h.t, h.postmaster()), h.postmaster()) {
		_ = syscall.Kill(pid, what) // one may have ended meanwhile
	}
}

// slowPostgres stops it again and again until over.
func (h *house) slowPostgres(over *atomic.Bool) {
	go func() {
		for !over.Load() {
			h.signalPostgres(syscall.SIGSTOP)
			time.Sleep(80 * time.Millisecond)
			h.signalPostgres(syscall.SIGCONT)
			time.Sleep(20 * time.Millisecond)
		}
	}()
}

func childrenOf(t *testing.T, pid int) (all []int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(pid), "children"))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, child)
	}
	return all
}

// smallDisk mounts a disk of 300 MB; that takes root.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "usher-disk-")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("a small disk cannot be mounted (it takes root): %v %s", err, text)
	}
	t.Cleanup(func() {
		_ = exec.Command("umount", "-l", dir).Run()
		_ = os.Remove(dir)
	})
	return filepath.Join(dir, "data")
}

func (h *house) ballast() string { return filepath.Join(filepath.Dir(h.dir), "ballast") }

// fillDisk writes until nothing fits any more.
func (h *house) fillDisk() {
	h.t.Helper()
	f, err := os.Create(h.ballast())
	h.must(err)
	defer f.Close()
	for size := 1 << 20; size >= 512; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// Each push service is away for a while in the middle of a send: the others go on, and
// every phone has its message in the end. A message twice is one whose answer did not come
// within hub.send_timeout, which a starved machine brings about: no more than were in flight.
func TestPushServicesThatAreDown(t *testing.T) {
	for _, down := range []push.Service{push.APNs, push.FCM, push.WebPush} {
		t.Run(string(down), func(t *testing.T) {
			h := newHouse(t, "hub.in_flight=200")
			h.festival(faultPhones)
			h.services.Outage(down, pushtest.Unavailable)
			n := h.notify()
			h.until(n, "the other services", func(r hub.Report) bool {
				for _, b := range r.Services {
					if push.Service(b.Name) != down && b.Recorded < b.Total {
						return false
					}
				}
				return true
			})
			h.services.Outage(down, pushtest.Off)
			over := time.Now()
			r := h.until(n, "the rest of the send", hub.Report.Finished)
			recovery := time.Since(over)
			lost := h.everyOutcomeOnce(n)
			if r.Outcomes["delivered"] != faultPhones {
				t.Errorf("delivered %v", r.Outcomes)
			}
			faulttest.Row{Fault: string(down) + " answers 503 until the others are done, during a send", Injected: 1, Acknowledged: faultPhones, Lost: lost,
				Doubled: h.repeatsWithin(3 * faultInFlight), Most: 3 * faultInFlight, Recovery: recovery}.Report(t)
		})
	}
}
