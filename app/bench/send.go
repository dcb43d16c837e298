package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
)

// house is one usher with the services it sends to; apns are those that APNs
// messages go to, mostly the same as near.
type house struct {
	*usher
	near, apns *services
}

func (h *house) cpu() cpu {
	postmaster, _ := h.postmaster()
	c := cpu{usher: ownCPU(h.pid()), postgres: familyCPU(postmaster), services: ownCPU(h.near.pid()), harness: ownCPU(os.Getpid()), machine: machineCPU()}
	if h.apns != h.near {
		c.services += ownCPU(h.apns.pid())
	}
	return c
}

// accepted is what the services themselves have counted as accepted.
func (h *house) accepted() (map[push.Service]int64, error) {
	near, err := h.near.tell(order{})
	if err != nil {
		return nil, err
	}
	out := map[push.Service]int64{}
	for name, c := range near {
		out[name] = c.Accepted
	}
	if h.apns != h.near {
		there, err := h.apns.tell(order{})
		if err != nil {
			return nil, err
		}
		out[push.APNs] = there[push.APNs].Accepted
	}
	return out, nil
}

// sending is one notification, measured from the POST until the report says that
// nothing more will happen (or enough does).
type sending struct { //nolint:recvcheck // printed by value
	report hub.Report
	took   time.Duration
	rate   float64 // final outcomes a second
	cpu    cpu
	peak   int64                          // usher's resident memory at most, in bytes
	done   map[push.Service]time.Duration // until the service's last outcome
}

// String is the sending's figures for people.
func (s sending) String() string {
	return fmt.Sprintf("%d in %.1f s = %.0f/s; %s; %s", s.report.Recorded, s.took.Seconds(), s.rate, s.cpu.each(s.report.Recorded), disturbance(s.cpu.others(s.took)))
}

// disturbance says how far a figure can be trusted.
func disturbance(others float64) string {
	return fmt.Sprintf("other work took %.0f %% of the cores", 100*others)
}

// pollEvery is how often the report is asked for: a few ms of work each.
const pollEvery = 100 * time.Millisecond

// send sends a draft and waits until enough(report); nil means finished.
func (h *house) send(ctx context.Context, draft map[string]any, enough func(hub.Report) bool) (s sending, err error) {
	if enough == nil {
		enough = hub.Report.Finished
	}
	if err := forgetPeak(h.pid()); err != nil {
		return s, err
	}
	before, start := h.cpu(), time.Now()
	var n hub.Notification
	if err := h.call(ctx, http.MethodPost, "/v1/notifications", draft, &n); err != nil {
		return s, err
	}
	s.done = map[push.Service]time.Duration{}
	path := "/v1/notifications/" + n.ID.String()
	for !enough(s.report) {
		if err := wait(ctx, pollEvery); err != nil {
			return s, err
		}
		s.report = hub.Report{}
		if err := h.call(ctx, http.MethodGet, path, nil, &s.report); err != nil {
			return s, err
		}
		s.took = time.Since(start)
		s.note()
		if s.took > 10*time.Minute {
			return s, fmt.Errorf("the notification has not finished after %s: %d of %d", s.took, s.report.Recorded, s.report.Total)
		}
	}
	s.rate = float64(s.report.Recorded) / s.took.Seconds()
	s.cpu, s.peak = h.cpu().minus(before), memory(h.pid(), "VmHWM")
	say("  %d of %d: %s", s.report.Recorded, s.report.Total, s)
	return s, nil
}

// note remembers which services have just got their last outcome.
func (s *sending) note() {
	for _, b := range s.report.Services {
		service := push.Service(b.Name)
		if _, known := s.done[service]; !known && b.Total > 0 && b.Recorded >= b.Total {
			s.done[service] = s.took
		}
	}
}

// everyone sends news to the whole crowd and checks that nothing was lost or
// counted twice: by the report and by the services' own counts.
func (h *house) everyone(ctx context.Context, c crowd) (sending, error) {
	before, err := h.accepted()
	if err != nil {
		return sending{}, err
	}
	s, err := h.send(ctx, newsTo(c.app, ""), nil)
	if err != nil {
		return s, err
	}
	after, err := h.accepted()
	if err != nil {
		return s, err
	}
	n, accepted := int64(c.n), int64(0)
	for name := range after {
		accepted += after[name] - before[name]
	}
	switch r := s.report; {
	case r.Total != n || r.Recorded != n || r.Outcomes["delivered"] != n:
		return s, fmt.Errorf("of %d deliveries the report wants %d and has %d: %v", n, r.Total, r.Recorded, r.Outcomes)
	case accepted < n:
		return s, fmt.Errorf("the services accepted %d messages of %d", accepted, n)
	}
	return s, nil
}

// eachOnce reads every outcome of a notification and checks that each installation
// of the crowd has exactly one. It returns outcomes a second.
func (h *house) eachOnce(ctx context.Context, s sending, c crowd) (rate float64, err error) {
	start := time.Now()
	seen := make([]bool, c.n)
	count := 0
	err = h.call(ctx, http.MethodGet, "/v1/notifications/"+s.report.Notification.ID.String()+"/deliveries?format=csv", nil, func(in io.Reader) error {
		rows := csv.NewReader(in)
		rows.ReuseRecord = true
		if _, err := rows.Read(); err != nil { // the header
			return err
		}
		for {
			row, err := rows.Read()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			i, err := strconv.Atoi(strings.TrimPrefix(row[0], c.app+"-"))
			if err != nil || i < 0 || i >= c.n || seen[i] {
				return fmt.Errorf("installation %q has an outcome it should not have", row[0])
			}
			seen[i], count = true, count+1
		}
	})
	if err == nil && count != c.n {
		err = fmt.Errorf("%d of %d installations have an outcome", count, c.n)
	}
	return float64(count) / time.Since(start).Seconds(), err
}
