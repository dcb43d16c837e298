// Command bench measures Usher from outside: the real binary with its built-in
// stores, simulated push services and Usher's peers, each a process of its own, so
// that time, CPU and memory are known for each part.
//
//	go run ./app/bench                all scenarios; rewrites docs/benchmarks.md
//	go run ./app/bench -quick -only A,E    a look during development; prints to stdout
//
// Figures on a shared machine are noisy. What is compared runs in one run, in turn
// (usher, peer, usher, peer), and goals that are ratios are the ones to trust.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options of a run.
type options struct {
	n     int    // installations a scenario
	only  string // letters of the scenarios to run; "": all
	usher string // the binary; "": built first
	dir   string // where the data directory is made
	out   string // "-": stdout

	gorush string // a peer's program, see peer.go
}

func (o options) wants(letter string) bool {
	return o.only == "" || strings.Contains(strings.ToUpper(o.only), letter)
}

const resultPage = "docs/benchmarks.md"

func main() {
	if len(os.Args) > 1 && os.Args[1] == servicesCommand {
		exit(runServices(os.Args[2:], os.Stdin, os.Stdout))
		return
	}
	if len(os.Args) > 1 && os.Args[1] == shopCommand {
		exit(runShop(os.Args[2:], os.Stdin, os.Stdout))
		return
	}
	var o options
	flag.IntVar(&o.n, "n", 1_000_000, "`installations` to send to")
	quick := flag.Bool("quick", false, "100,000 installations, result on stdout")
	flag.StringVar(&o.only, "only", "", "`letters` of the scenarios to run, such as A,C (default all)")
	flag.StringVar(&o.usher, "usher", "", "the usher `binary` (default: built from this checkout)")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "`directory` for the data; its disk is part of what is measured")
	flag.StringVar(&o.out, "out", "", "`file` for the result, - for stdout (default "+resultPage+", stdout when quick or partial)")
	flag.StringVar(&o.gorush, "gorush", "", "a `program` that sends through gorush and speaks the protocol of peer.go")
	flag.Parse()
	if *quick {
		o.n = 100_000
	}
	if o.out == "" {
		o.out = resultPage
		if *quick || o.only != "" {
			o.out = "-"
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

var began = time.Now()

// say tells whoever waits how far the run is.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  "+format+"\n", append([]any{time.Since(began).Seconds()}, args...)...)
}
