// Usher sells tickets, knows who is in which zone, and sends each attendee the
// right push message at the right minute. One binary, hosted by the promoter.
package main

import (
	"io"
	"os"

	"github.com/usherhq/usher/app"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program; tests call it. It returns the exit code: 0 done, 1 failed,
// 2 the command line or configuration is wrong.
func run(args []string, stdout, stderr io.Writer) int {
	return app.Main(args, os.Environ(), stdout, stderr)
}
