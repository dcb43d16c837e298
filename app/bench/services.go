package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// The simulated push services run in a child of their own. It says where they are
// as one line of JSON, answers each order on its stdin with a line, and ends with
// its stdin.

const servicesCommand = "services"

// decryptEvery is the share of Web Push messages whose encryption is checked: each
// check costs the shared cores as much as the encryption itself.
const decryptEvery = 100

// addresses is what a sender must know to reach the services.
type addresses struct {
	APNsURL        string
	APNsKeyPEM     string
	APNsKeyID      string
	APNsTeamID     string
	APNsTopic      string
	FCMURL         string
	ServiceAccount json.RawMessage
	WebPushOrigin  string
	WebPushHost    string
	CAPEM          string
}

// order changes a service; the answer holds every service's counts afterwards.
type order struct {
	Service push.Service  `json:",omitempty"`
	Mode    pushtest.Mode `json:",omitempty"` // "": change nothing
}

type counts map[push.Service]pushtest.Count

// runServices is the child.
func runServices(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet(servicesCommand, flag.ContinueOnError)
	var shape pushtest.ServiceConfig
	flags.DurationVar(&shape.Latency, "latency", 0, "added to every answer")
	flags.IntVar(&shape.GoAwayEvery, "goaway", 0, "GOAWAY after so many requests of a connection")
	flags.IntVar(&shape.CutEvery, "cut", 0, "a connection is cut at every so manyth request")
	flags.IntVar(&shape.RefuseEvery, "refuse", 0, "every so manyth stream of a connection is refused")
	if err := flags.Parse(args); err != nil {
		return err
	}
	debug.SetGCPercent(800) // what the simulation costs is not what is measured
	s, err := pushtest.Start(pushtest.Config{APNs: shape, FCM: shape, WebPush: shape, DecryptEvery: decryptEvery})
	if err != nil {
		return err
	}
	defer s.Close()
	say := json.NewEncoder(out)
	if err := say.Encode(addressesOf(s)); err != nil {
		return err
	}
	orders := json.NewDecoder(in)
	for {
		var o order
		if err := orders.Decode(&o); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if o.Mode != "" {
			s.Outage(o.Service, o.Mode)
		}
		now := counts{}
		for _, name := range push.Services {
			now[name] = s.Stats(name)
		}
		if err := say.Encode(now); err != nil {
			return err
		}
	}
}

func addressesOf(s *pushtest.Services) addresses {
	return addresses{
		APNsURL: s.APNsURL(), APNsKeyPEM: string(s.APNsKeyPEM()), APNsKeyID: s.APNsKeyID(), APNsTeamID: s.APNsTeamID(), APNsTopic: s.APNsTopic(),
		FCMURL: s.FCMURL(), ServiceAccount: s.ServiceAccountJSON(),
		WebPushOrigin: s.WebPushOrigin(), WebPushHost: s.WebPushHost(), CAPEM: string(s.CAPEM()),
	}
}

// services is the harness's side of the child.
type services struct {
	addresses
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	orders *json.Encoder
	replay *json.Decoder
}

// startServices runs the child with flags of runServices.
func startServices(flags ...string) (*services, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &services{cmd: exec.Command(self, append([]string{servicesCommand}, flags...)...)}
	s.cmd.Stderr = os.Stderr
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("the simulated push services do not start: %w", err)
	}
	s.orders, s.replay = json.NewEncoder(s.stdin), json.NewDecoder(bufio.NewReader(stdout))
	return s, s.replay.Decode(&s.addresses)
}

func (s *services) pid() int { return s.cmd.Process.Pid }

// tell gives an order and returns the counts since the start.
func (s *services) tell(o order) (counts, error) {
	if err := s.orders.Encode(o); err != nil {
		return nil, err
	}
	var now counts
	return now, s.replay.Decode(&now)
}

func (s *services) stop() {
	_ = s.stdin.Close()
	_ = s.cmd.Wait()
}
